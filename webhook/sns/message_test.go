package sns

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// TestGolden parses each real message in testdata/messages, and compares the result with the golden file beside it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/messages/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no messages: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			got, err := Parse(dialect.Parse(read(t, file)), http.Header{})
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			encoder := json.NewEncoder(&text)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			if err := encoder.Encode(got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(read(t, strings.TrimSuffix(file, ".json")+".golden")), text.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is not even JSON is told so, and a payload of a dialect is told where it belongs.
func TestWhatIsNoMessage(t *testing.T) {
	cases := map[string]struct{ body, field, problem string }{
		"empty":           {"", "body", "is empty"},
		"truncated":       {`{"Type": "Notif`, "body", "it ends in the middle of a value"},
		"a list":          {`[]`, "body", "is a list; it must be a JSON object"},
		"a duplicate key": {`{"Type": "a", "Type": "b"}`, "Type", "stands twice"},
		"unknown":         {`{"a": 1}`, "body", "is not an Amazon SNS message, and no alarm's event"},
	}
	for file, like := range map[string]string{
		"eventbridge/metric": "an EventBridge event", "lambda/metric": "an alarm's event for a Lambda function",
		"cloudwatch/metric-high": "a CloudWatch alarm", "prometheus/firing": "an Alertmanager or Grafana notification", "http/count": "a direct request",
	} {
		cases[file] = struct{ body, field, problem string }{string(read(t, "../dialect/testdata/"+file+".json")), "body", "is " + like}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(dialect.Parse([]byte(c.body)), http.Header{})
			refused(t, err, c.field, c.problem)
		})
	}
}
