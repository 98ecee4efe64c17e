//go:build linux

package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// The battery must have what it promises. Each attack must have a name of its own, by which it can be tried again.
func TestThereIsEnough(t *testing.T) {
	seen, n := map[string]bool{}, 0
	for _, k := range kinds() {
		for _, a := range k.attacks {
			name := k.name + "/" + a.name
			if seen[name] {
				t.Errorf("%s stands twice", name)
			}
			if len(a.want) == 0 || a.text == "" {
				t.Errorf("%s: nothing is sent or expected", name)
			}
			seen[name] = true
			n++
		}
	}
	if n < 300 {
		t.Errorf("%d requests", n)
	}
	n = 0
	for _, a := range abuses() {
		if name := a.kind + "/" + a.name; seen[name] {
			t.Errorf("%s stands twice", name)
		} else {
			seen[name] = true
		}
		n++
	}
	if n < 100 {
		t.Errorf("%d abuses of HTTP/2", n)
	}
	n = 0
	for _, h := range heldConnections() {
		n += h.n
	}
	if n < 1000 {
		t.Errorf("%d held connections", n)
	}
}

func TestFaults(t *testing.T) {
	problem := func(status int, detail string, headers ...string) answer {
		a := answer{status: status, header: http.Header{"Content-Type": {"application/problem+json"}}}
		for i := 0; i < len(headers); i += 2 {
			a.header.Set(headers[i], headers[i+1])
		}
		a.body = []byte(document(map[string]any{"title": "Bad", "status": status, "detail": detail}))
		return a
	}
	fine := answer{status: 200, header: http.Header{}, body: []byte("{}")}
	cases := map[string]struct {
		attack  attack
		answers []answer
		fault   string
	}{
		"a right refusal":                      {attack{want: malformed}, []answer{problem(400, "x")}, ""},
		"a right answer":                       {attack{want: done}, []answer{fine}, ""},
		"no answer":                            {attack{want: malformed}, nil, "no answer"},
		"another status":                       {attack{want: malformed}, []answer{fine}, "answered with 200"},
		"an answer that nobody asked for":      {attack{want: malformed}, []answer{problem(400, "x"), fine}, "answer 2 has 200"},
		"an error in plain text":               {attack{want: malformed}, []answer{{status: 400, header: http.Header{"Content-Type": {"text/plain"}}, body: []byte("400 Bad")}}, "application/problem+json"},
		"the library's own error":              {attack{want: malformed, plain: true}, []answer{{status: 400, header: http.Header{"Content-Type": {"text/plain"}}, body: []byte("400 Bad")}}, ""},
		"a problem of another status":          {attack{want: malformed}, []answer{{status: 400, header: http.Header{"Content-Type": {"application/problem+json"}}, body: []byte(`{"title":"x","status":500}`)}}, "well formed"},
		"a token in a body":                    {attack{want: malformed}, []answer{problem(400, "it is "+lab.Token)}, "tells a token"},
		"a passphrase in a header":             {attack{want: malformed}, []answer{problem(400, "x", "X", lab.Passphrase)}, "tells a passphrase"},
		"a path":                               {attack{want: malformed}, []answer{problem(400, "open /place/file")}, "tells the path"},
		"a stack trace":                        {attack{want: malformed}, []answer{problem(400, "goroutine 1 [running]")}, "stack trace"},
		"what a terminal obeys":                {attack{want: malformed}, []answer{problem(400, "\u009b2J")}, "control character"},
		"what turns the writing around":        {attack{want: malformed}, []answer{problem(400, "\u202e")}, "control character"},
		"another site is let in":               {attack{want: malformed}, []answer{problem(400, "x", "Access-Control-Allow-Origin", "*")}, "opens itself"},
		"401 without a challenge":              {attack{want: stranger}, []answer{problem(401, "x")}, "Www-Authenticate"},
		"503 without a word when to come back": {attack{want: []int{503}}, []answer{problem(503, "x")}, "Retry-After"},
	}
	j := &judge{paths: []string{"/place"}}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			faults := strings.Join(j.faults(c.attack, reply{answers: c.answers}), "; ")
			if c.fault == "" && faults != "" || !strings.Contains(faults, c.fault) {
				t.Errorf("%q, want %q", faults, c.fault)
			}
		})
	}
}

func TestLog(t *testing.T) {
	j := &judge{}
	for text, fault := range map[string]string{
		`{"msg":"fine"}`:              "",
		"panic: runtime error":        "panic",
		"WARNING: DATA RACE":          "DATA RACE",
		"two\nlines":                  "no JSON",
		`{"msg":"` + lab.Token + `"}`: lab.Token,
		`{"msg":"` + strings.Repeat("x", longestLine) + `"}`: "bytes",
		"{\"msg\":\"\u009b\"}":                               "control characters",
	} {
		faults := strings.Join(j.log([]byte(text+"\n")), "; ")
		if fault == "" && faults != "" || !strings.Contains(faults, fault) {
			t.Errorf("%.40q: %q, want %q", text, faults, fault)
		}
	}
}

func TestLedger(t *testing.T) {
	l := newLedger()
	told := func(text string) answer { return answer{body: []byte(text)} }
	for _, text := range []string{`{"operation":"op1","outcome":"scale"}`, `{"operation":"op1","duplicate":true}`, `{"title":"x","operation":{"id":"op9"}}`, `{"pools":[]}`} {
		if faults := l.note(attack{delta: 1, key: "k"}, told(text)); faults != nil {
			t.Errorf("%s: %v", text, faults)
		}
	}
	l.note(attack{delta: 25}, told(`{"results":[{"operation":"op2"},{"outcome":"no-change"}]}`))
	if l.sum() != 26 || !l.has("op2") || l.has("op9") {
		t.Errorf("%d %v", l.sum(), l.ids())
	}
	if faults := l.note(attack{delta: 1, key: "k"}, told(`{"operation":"op3"}`)); faults == nil {
		t.Error("that a key made two operations is not noticed")
	}
}
