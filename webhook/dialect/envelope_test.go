package dialect

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inEnvelopes are all ways in which a body may be wrapped, each with the headers that it has then.
func inEnvelopes(body string) map[string]struct {
	header http.Header
	body   string
} {
	encoded := base64.StdEncoding.EncodeToString([]byte(body))
	type request = struct {
		header http.Header
		body   string
	}
	pushed := fmt.Sprintf(`{"message":{"attributes":{"a":"b"},"data":%q,"messageId":"2070443601311540","message_id":"2070443601311540","publishTime":"2026-03-04T11:55:00Z"},"subscription":"projects/p/subscriptions/s"}`, encoded)
	event := `{"specversion":"1.0","id":"1","source":"/alarms","type":"com.example.alarm","datacontenttype":"application/json",`
	structured := http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}
	return map[string]request{
		"bare":                           {http.Header{}, body},
		"CloudEvents, structured":        {structured, event + `"data":` + body + "}"},
		"CloudEvents, base64":            {structured, event + `"data_base64":"` + encoded + `"}`},
		"CloudEvents as plain JSON":      {http.Header{"Content-Type": {"application/json"}}, event + `"data":` + body + "}"},
		"CloudEvents, binary":            {http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/alarms"}, "Ce-Type": {"t"}}, body},
		"Pub/Sub":                        {http.Header{}, pushed},
		"Pub/Sub without a wrapper":      {http.Header{"X-Goog-Pubsub-Message-Id": {"2070443601311540"}}, body},
		"Pub/Sub, passed on by Eventarc": {http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/alarms"}, "Ce-Type": {"t"}}, pushed},
	}
}

// Every payload of every dialect comes out of every envelope as it went in, and asks for the same.
func TestEnvelopesAroundEveryDialect(t *testing.T) {
	for _, in := range Inboxes() {
		for _, d := range in.dialects() {
			for _, file := range payloads(t, d) {
				for name, request := range inEnvelopes(string(read(t, file))) {
					letter, err := Open(request.header, Parse([]byte(request.body)))
					if err != nil {
						t.Fatalf("%s in %s: %v", file, name, err)
					}
					if got := in.Recognize(http.Header{}, letter.Body).Name; got != in.Recognize(http.Header{}, Parse(read(t, file))).Name {
						t.Errorf("%s in %s is taken for %s", file, name, got)
					}
					want, wantErr := d.Decode(Parse(read(t, file)), route("worker", "count=2"))
					got, gotErr := d.Decode(letter.Body, route("worker", "count=2"))
					if diff := cmp.Diff(want, got); diff != "" || (wantErr == nil) != (gotErr == nil) {
						t.Errorf("%s in %s: %v, %v\n%s", file, name, wantErr, gotErr, diff)
					}
					if letter.Acknowledge != strings.Contains(name, "Pub/Sub") || (letter.Key == "") != (name == "bare") {
						t.Errorf("%s in %s: %+v", file, name, letter)
					}
				}
			}
		}
	}
}

func TestBrokenEnvelopes(t *testing.T) {
	event := func(members string) string {
		return `{"specversion":"1.0","id":"1","source":"s","type":"t"` + members + `}`
	}
	for name, c := range map[string]struct {
		header         http.Header
		body           string
		field, problem string
	}{
		"another version":                 {nil, `{"specversion":"0.3","id":"1","source":"s","type":"t","data":{}}`, "specversion", `is "0.3"; it must be "1.0"`},
		"no version":                      {http.Header{"Content-Type": {CloudEventMedia}}, `{"id":"1"}`, "specversion", `is ""`},
		"no id":                           {nil, `{"specversion":"1.0","source":"s","type":"t","data":{}}`, "id", "is missing"},
		"an id that is no text":           {nil, `{"specversion":"1.0","id":1,"source":"s","type":"t","data":{}}`, "id", "is missing"},
		"no source":                       {nil, `{"specversion":"1.0","id":"1","type":"t","data":{}}`, "source", "is missing"},
		"no type":                         {nil, `{"specversion":"1.0","id":"1","source":"s","data":{}}`, "type", "is missing"},
		"binary without an id":            {http.Header{"Ce-Specversion": {"1.0"}, "Ce-Source": {"s"}, "Ce-Type": {"t"}}, `{}`, "ce-id", "is missing"},
		"another form of data":            {nil, event(`,"datacontenttype":"text/xml","data":"<a/>"`), "datacontenttype", "must carry JSON"},
		"data twice":                      {nil, event(`,"data":{},"data_base64":""`), "data_base64", "stands beside data"},
		"data that is not base64":         {nil, event(`,"data_base64":"%%"`), "data_base64", "is not base64"},
		"data that is a text":             {nil, event(`,"data":"{}"`), "data", "is a string; it must be a JSON object"},
		"not JSON":                        {http.Header{"Content-Type": {CloudEventMedia}}, `{`, "body", "is not JSON"},
		"Pub/Sub without data":            {nil, `{"message":{"messageId":"1"},"subscription":"s"}`, "message.data", "is missing"},
		"Pub/Sub without an id":           {nil, `{"message":{"data":"e30="},"subscription":"s"}`, "message.messageId", "is missing"},
		"Pub/Sub that is not base64":      {nil, `{"message":{"data":"!","messageId":"1"},"subscription":"s"}`, "message.data", "is not base64"},
		"Pub/Sub whose message is a text": {nil, `{"message":"e30=","subscription":"s"}`, "message", "must be an object"},
	} {
		t.Run(name, func(t *testing.T) {
			letter, err := Open(c.header, Parse([]byte(c.body)))
			refused(t, err, c.field, c.problem)
			if letter.Acknowledge != strings.HasPrefix(name, "Pub/Sub") {
				t.Errorf("acknowledged: %v", letter.Acknowledge)
			}
		})
	}
}

// An event without data may still be a request: then the URL says what is asked for.
func TestAnEventWithoutData(t *testing.T) {
	letter, err := Open(nil, Parse([]byte(`{"specversion":"1.0","id":"1","source":"s","type":"t"}`)))
	if err != nil {
		t.Fatal(err)
	}
	delivery, err := direct().Decode(letter.Body, route("worker", "count=12"))
	if err != nil {
		t.Fatal(err)
	}
	delivery.Identify(letter.Key)
	if got := delivery.Intents[0]; *got.Count != 12 || !strings.HasPrefix(got.Key, "cloudevent/") {
		t.Errorf("%+v", got)
	}
	_, err = plainSignal().Decode(letter.Body, route("worker", ""))
	refused(t, err, "data", "is missing")
}

// By the specification, source and id together tell events apart.
func TestKeysOfEnvelopes(t *testing.T) {
	keyOf := func(source, id string) string {
		letter, err := Open(nil, Parse(fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":%q,"type":"t","data":{}}`, id, source)))
		if err != nil {
			t.Fatal(err)
		}
		return letter.Key
	}
	keys := map[string]bool{}
	for _, pair := range [][2]string{{"a", "b"}, {"ab", "c"}, {"a", "bc"}, {"b", "a"}} {
		keys[keyOf(pair[0], pair[1])] = true
	}
	if len(keys) != 4 || !keys[keyOf("a", "b")] {
		t.Errorf("%d keys of 4 events", len(keys))
	}
}

// FuzzOpen opens whatever comes in.
func FuzzOpen(f *testing.F) {
	for _, request := range inEnvelopes(`{"alert":"a","state":"firing"}`) {
		f.Add([]byte(request.body), request.header.Get("Content-Type"), request.header.Get("Ce-Specversion"), request.header.Get("Ce-Id"))
	}
	f.Fuzz(func(t *testing.T, body []byte, media, version, id string) {
		header := http.Header{"Content-Type": {media}, "Ce-Specversion": {version}, "Ce-Id": {id}, "Ce-Source": {id}, "Ce-Type": {"t"}}
		letter, err := Open(header, Parse(body))
		if len(letter.Key) > 64 {
			t.Errorf("a key of %d bytes", len(letter.Key))
		}
		if err != nil {
			return
		}
		for _, d := range Table() {
			checkDecoded(t, d, route("worker", "count=1"), letter.Body)
		}
	})
}
