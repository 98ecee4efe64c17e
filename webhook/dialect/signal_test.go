package dialect

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMistakesInPlainSignals(t *testing.T) {
	for name, c := range map[string]struct{ body, query, field, problem string }{
		"no alert":                       {`{"state":"firing"}`, "", "alert", "is missing"},
		"an empty alert":                 {`{"alert":" ","state":"firing"}`, "", "alert", "is missing"},
		"no state":                       {`{"alert":"a"}`, "", "state", "is missing"},
		"a state that nobody has":        {`{"alert":"a","state":"on fire"}`, "", "state", `is "on fire"; it must be firing or resolved`},
		"a variable that was not filled": {`{"alert":"a","state":"$ALERT_TRANSITION"}`, "", "state", `is "$alert_transition"`},
		"a misspelt field":               {`{"alert":"a","state":"firing","directon":"down"}`, "", "directon", "is not a field of this request"},
		"a direction that is none":       {`{"alert":"a","state":"firing","direction":"left"}`, "", "direction", `it must be "up" or "down"`},
		"a value with a unit":            {`{"alert":"a","state":"firing","value":"95 %"}`, "", "value", "it must be a finite number"},
		"a value that is no number":      {`{"alert":"a","state":"firing","value":"NaN"}`, "", "value", "it must be a finite number"},
		"a value that is true":           {`{"alert":"a","state":"firing","value":true}`, "", "value", "is a boolean; it must be a string or a number"},
		"a list":                         {`{"alert":["a"],"state":"firing"}`, "", "alert", "is a list"},
		"a time that is none":            {`{"alert":"a","state":"firing","at":"yesterday"}`, "", "at", "RFC 3339"},
		"a time before 1970":             {`{"alert":"a","state":"firing","at":-1}`, "", "at", "RFC 3339"},
		"a time in nanoseconds":          {`{"alert":"a","state":"firing","at":1772625300000000000}`, "", "at", "RFC 3339"},
		"a long id":                      {`{"alert":"a","state":"firing","id":"` + longName(maxSignalID+1) + `"}`, "", "id", "is longer than 255 bytes"},
		"a delta beside a count":         {`{"alert":"a","state":"firing","count":3,"delta":1}`, "", "delta", "stands beside a count"},
		"a query that is not known":      {`{"alert":"a","state":"firing"}`, "value=3", "value", "is not a parameter"},
		"an alert of Azure":              {`{"schemaId":"azureMonitorCommonAlertSchema","data":{}}`, "", "body", "belongs to /webhook/{pool}/azure"},
		"a direct request":               {`{"count":3}`, "", "body", "belongs to /scale/{pool}"},
		"something else":                 {`{"hello":"world"}`, "", "body", "is not a plain signal with alert and state"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decode(sourceSignal, []byte(c.body), route("worker", c.query))
			refused(t, err, c.field, c.problem)
		})
	}
}

// Every word that a sender has for a state means one of three things.
func TestWordsOfStates(t *testing.T) {
	seen := map[string]bool{}
	for kind, words := range map[string][]string{"firing": firingWords(), "ended": endedWords(), "idle": idleWords()} {
		for _, word := range words {
			if seen[word] {
				t.Errorf("%q stands twice", word)
			}
			seen[word] = true
			got, err := decode(sourceSignal, []byte(`{"alert":"a","state":"`+word+`"}`), route("worker", ""))
			switch {
			case err != nil:
				t.Errorf("%q: %v", word, err)
			case kind == "idle" && len(got.Skipped) != 1, kind != "idle" && len(got.Intents) != 1, kind != "idle" && got.Intents[0].Signal.Cleared != (kind == "ended"):
				t.Errorf("%q is %s, and makes %+v", word, kind, got)
			}
		}
	}
}

func TestMomentOf(t *testing.T) {
	want := time.Date(2026, 3, 4, 11, 55, 0, 0, time.UTC)
	for _, text := range []string{"1772625300", "1772625300000", "2026-03-04T11:55:00Z", "2026-03-04T12:55:00+01:00"} {
		if at, ok := momentOf(text); !ok || !at.Equal(want) {
			t.Errorf("%s is %v", text, at)
		}
	}
}

// What the URL says wins over the document, as everywhere.
func TestTheURLOfASignalWins(t *testing.T) {
	got, err := decode(sourceSignal, []byte(`{"alert":"a","state":"firing","direction":"up"}`), route("worker", "direction=down&delta=2"))
	if err != nil {
		t.Fatal(err)
	}
	two := 2
	want := &shownAlert{Alert: "a", Direction: "down", Comparison: "none", Delta: &two}
	if diff := cmp.Diff(want, show(got.Intents[0]).Signal); diff != "" {
		t.Error(diff)
	}
}

// The same firing in the same state is one event. Its end, another firing, and another alert of the same id are others.
func TestKeysOfSignals(t *testing.T) {
	keyOf := func(body string) string {
		got, err := decode(sourceSignal, []byte(body), route("worker", ""))
		if err != nil {
			t.Fatal(err)
		}
		return got.Intents[0].Key
	}
	first := keyOf(`{"alert":"a","state":"firing","id":"1","value":3}`)
	if again := keyOf(`{"alert":"a","state":"Triggered","id":1,"value":4}`); again != first {
		t.Errorf("the same firing has the keys %s and %s", first, again)
	}
	for _, other := range []string{`{"alert":"a","state":"resolved","id":"1"}`, `{"alert":"a","state":"firing","id":"2"}`, `{"alert":"b","state":"firing","id":"1"}`} {
		if keyOf(other) == first {
			t.Errorf("%s has the same key", other)
		}
	}
	if key := keyOf(`{"alert":"a","state":"firing"}`); key != "" {
		t.Errorf("without an id the key is %q", key)
	}
}
