package dialect

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// checkText holds that people and update messages may be shown a text.
func checkText(t *testing.T, text string, limit int) {
	t.Helper()
	if utf8.RuneCountInString(text) > limit || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		t.Errorf("not one line of at most %d runes: %q", limit, text)
	}
}

// checkDecoded holds the rules that no payload may break, whatever the dialect.
func checkDecoded(t *testing.T, d Dialect, to Route, body Body) {
	t.Helper()
	got, err := d.Decode(body, to)
	again, errAgain := d.Decode(body, to)
	if diff := cmp.Diff(got, again, cmpopts.EquateNaNs()); diff != "" || (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
		t.Errorf("two decodings of the same: %v, %v\n%s", err, errAgain, diff)
	}
	var bad *BadRequestError
	if err != nil {
		if !errors.As(err, &bad) || len(got.Intents)+len(got.Skipped) > 0 {
			t.Errorf("error %T %v beside %+v", err, err, got)
		}
		checkText(t, bad.Field, MaxName)
		checkText(t, bad.Problem, MaxReason)
		return
	}
	for _, i := range got.Intents {
		if err := i.Validate(); err != nil {
			t.Errorf("%v in %+v", err, i)
		}
		if s := i.Signal; (s == nil) != d.Direct {
			t.Errorf("%s asks by %+v", d.Name, i)
		} else if s != nil && (s.Delta != nil && s.Count != nil || s.Count != nil && *s.Count < 0 || i.Force || len(s.Identity) > maxARN) {
			t.Errorf("%+v of %+v", i.Signal, i)
		}
		if i.Source == "" || to.Pool != "" && i.Pool != to.Pool || pools()[i.Pool].Pool == "" {
			t.Errorf("the route of %q gives an intent for %q, from %q", to.Pool, i.Pool, i.Source)
		}
		if len(i.Key) > 400 || d.Direct && to.Key != "" && i.Key == "" {
			t.Errorf("the key %q became one of %d bytes, %q", to.Key, len(i.Key), i.Key)
		}
		checkText(t, i.Reason, MaxReason)
	}
	for _, s := range got.Skipped {
		checkText(t, s.Alert, MaxName)
		checkText(t, s.Pool, MaxName)
		checkText(t, s.Reason, MaxReason)
		if s.Reason == "" {
			t.Errorf("no reason in %+v", s)
		}
	}
}

// FuzzDecode gives every body to every dialect, and to the one that it is recognized as.
func FuzzDecode(f *testing.F) {
	for _, d := range Table() {
		for _, file := range payloads(f, d) {
			f.Add(read(f, file), "worker", "", "")
			f.Add(read(f, file), "", "direction=down&delta=3", "key")
		}
	}
	f.Add([]byte(`{"id":"1","detail-type":"Scheduled Event"}`), "", "delta=+1", "")
	f.Add([]byte{}, "", "count=5&dryRun=true&force=false&reason=x", "key")
	f.Fuzz(func(t *testing.T, body []byte, pool, query, key string) {
		parsed := Parse(body)
		for _, in := range Inboxes() {
			in.Recognize(http.Header{}, parsed)
		}
		for _, d := range Table() {
			to := route("worker", query)
			to.Key = key[:min(len(key), 100)] // as long as SNS sends it
			if pool == "" && len(d.Paths) > 1 {
				to.Pool = ""
			}
			checkDecoded(t, d, to, parsed)
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	for _, body := range []string{`{"a": [1, {"b": null}]}`, `{"a": 1, "a": 2}`, `{"a": "\ud800"}`, `"\\"`, `[[[]]]`, `{"a": 1e999}`, "{", "\xff"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseJSON(body)
		if err != nil {
			bad, ok := errors.AsType[*BadRequestError](err)
			if !ok {
				t.Fatalf("error %T %v", err, err)
			}
			if json.Valid(body) && strings.HasPrefix(bad.Problem, "is not JSON") {
				t.Errorf("encoding/json takes it: %v", err)
			}
			return
		}
		decoder := json.NewDecoder(strings.NewReader(string(body)))
		decoder.UseNumber()
		var want any
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("accepted what is not JSON: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read otherwise than encoding/json does (-want +got):\n%s", diff)
		}
	})
}
