package dialect

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestBodiesThatNoDialectTakes(t *testing.T) {
	cases := map[string]struct{ body, field, problem string }{
		"empty":                      {"", "body", "is empty"},
		"white space":                {" \n\t", "body", "is empty"},
		"not UTF-8":                  {"{\"a\": \"\xff\"}", "body", "is not UTF-8"},
		"not JSON":                   {"count=5", "body", "is not JSON: invalid character 'c'"},
		"truncated":                  {`{"alerts": [{"status": "fir`, "body", "it ends in the middle of a value"},
		"two values":                 {`{} {}`, "body", "is not JSON"},
		"a list":                     {`[]`, "body", "is a list; it must be a JSON object"},
		"null":                       {`null`, "body", "is null; it must be a JSON object"},
		"nested too deeply":          {strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), "body", "nested deeper than 32 levels"},
		"nested without end":         {strings.Repeat("[", 500_000), "body", "nested deeper than 32 levels"},
		"a duplicate key":            {`{"a": {"b": [0, {"c": 1, "c": 2}]}}`, "a.b[1].c", "stands twice"},
		"a duplicate, escaped":       {`{"count": 1, "\u0063ount": 2}`, "count", "stands twice"},
		"a duplicate of no interest": {`{"version": "4", "alerts": [], "x": 1, "x": 1}`, "x", "stands twice"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			body := []byte(c.body)
			_, err := decode("prometheus", body, route("worker", ""))
			refused(t, err, c.field, c.problem)
			_, err = decode("eventbridge", body, route("worker", ""))
			refused(t, err, c.field, c.problem)
			field := c.field
			if field == "body" {
				field = "Message"
			}
			_, err = decode("cloudwatch", body, route("worker", ""))
			refused(t, err, field, c.problem)
			if c.body == "" {
				return // a direct request may stand in the query
			}
			_, err = decode("http", body, route("worker", ""))
			refused(t, err, c.field, c.problem)
		})
	}
}

func TestAsDeepAsAllowedIsRead(t *testing.T) {
	body := strings.Repeat(`{"a":`, maxDepth) + `"\"` + strings.Repeat("[{", maxDepth) + `"` + strings.Repeat("}", maxDepth)
	if _, err := parseObject([]byte(body)); err != nil {
		t.Error(err)
	}
}

func TestKeysAreExact(t *testing.T) {
	_, err := decode("http", []byte(`{"Count": 5}`), route("worker", ""))
	refused(t, err, "Count", "is not a field")
	_, err = decode("cloudwatch", []byte(`{"alarmName": "a", "newStateValue": "ALARM"}`), route("worker", ""))
	refused(t, err, "Message", "is not a CloudWatch alarm")
}

// Each payload on the route of another one is told what it looks like and where it belongs.
func TestWrongDialect(t *testing.T) {
	bodies := map[string]string{
		"an Amazon SNS message":                   "../../sns/testdata/messages/notification",
		"an EventBridge event":                    "eventbridge/metric",
		"an alarm's event for a Lambda function":  "lambda/metric",
		"a CloudWatch alarm":                      "cloudwatch/metric-high",
		"an Alertmanager or Grafana notification": "prometheus/firing",
		"a direct request":                        "http/count",
	}
	takes := map[string][]string{
		"http": {"http/"}, "cloudwatch": {"cloudwatch/", "eventbridge/", "lambda/"}, "eventbridge": {"eventbridge/"}, "lambda": {"lambda/"},
		"prometheus": {"prometheus/", "grafana/"}, "grafana": {"prometheus/", "grafana/"},
	}
	for _, d := range Table() {
		for like, file := range bodies {
			t.Run(d.Name+" given "+file, func(t *testing.T) {
				_, err := decode(d.Name, read(t, "testdata/"+file+".json"), route("worker", ""))
				for _, own := range takes[d.Name] {
					if strings.HasPrefix(file, own) {
						if err != nil {
							t.Error(err)
						}
						return
					}
				}
				field := "body"
				if d.Signature == SignedBySNS {
					field = "Message"
				}
				refused(t, err, field, "is "+like)
			})
		}
	}
}

func TestWrongTypes(t *testing.T) {
	event := string(read(t, "testdata/eventbridge/metric.json"))
	alarm := string(read(t, "testdata/cloudwatch/metric-high.json"))
	cases := map[string]struct{ of, old, new, field, problem string }{
		"a name that is a number":   {alarm, `"HighCPU"`, `7`, "AlarmName", "is a number; it must be a string"},
		"a name that is empty":      {alarm, `"HighCPU"`, `""`, "AlarmName", "is missing"},
		"a state that is unknown":   {alarm, `"ALARM"`, `"MAYBE"`, "NewStateValue", `is "MAYBE"; it must be OK`},
		"a threshold that is text":  {alarm, `80.0,`, `"80",`, "Trigger.Threshold", "is a string; it must be a number"},
		"a threshold out of range":  {alarm, `80.0,`, `1e999,`, "Trigger.Threshold", "is out of range"},
		"an event of another kind":  {event, "State Change", "Configuration Change", "detail-type", "must be"},
		"an event of another maker": {event, "aws.cloudwatch", "me.cloudwatch", "source", `must be "aws.cloudwatch"`},
		"an event without an id":    {event, `"id": "c4c1`, `"di": "c4c1`, "id", "is missing"},
		"an event with a long id":   {event, `"id": "c4c1`, `"id": "` + strings.Repeat("c", 200), "id", "longer than 128"},
		"an event without a state":  {event, `"value": "ALARM"`, `"value": null`, "detail.state.value", "is missing"},
		"a detail that is no object": {
			`{"id": "x", "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch", "detail": [1]}`, "", "",
			"detail", "is a list; it must be an object",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			body := strings.Replace(c.of, c.old, c.new, 1)
			if !json.Valid([]byte(body)) || (c.old != "" && body == c.of) {
				t.Fatal("the case is wrong")
			}
			_, err := decode("cloudwatch", []byte(body), route("worker", ""))
			refused(t, err, c.field, c.problem)
		})
	}
}

func TestWrongTypesOfALambdaEvent(t *testing.T) {
	event := string(read(t, "testdata/lambda/metric.json"))
	cases := map[string]struct{ old, new, field, problem string }{
		"another maker":        {"aws.cloudwatch", "me.cloudwatch", "source", `must be "aws.cloudwatch"`},
		"without an ARN":       {`"alarmArn"`, `"alarmArm"`, "alarmArn", "is missing"},
		"without a state":      {`"value": "ALARM"`, `"value": null`, "alarmData.state.value", "is missing"},
		"with another state":   {`"value": "ALARM"`, `"value": "MAYBE"`, "alarmData.state.value", "it must be OK"},
		"without a name":       {`"alarmName": "HighCPU"`, `"alarmName": 7`, "alarmData.alarmName", "is a number"},
		"with data of no kind": {`"alarmData": {`, `"alarmData": 7, "alarmDate": {`, "alarmData", "is a number; it must be an object"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			body := strings.Replace(event, c.old, c.new, 1)
			if !json.Valid([]byte(body)) || body == event {
				t.Fatal("the case is wrong")
			}
			_, err := decode("lambda", []byte(body), route("worker", ""))
			refused(t, err, c.field, c.problem)
		})
	}
}
