package main

import (
	"slices"
	"strings"
	"testing"
)

// rested are the samples of a server that leaks so many goroutines, descriptors and bytes for every 1,000 events.
func rested(events int, goroutines, files, bytes float64) []sample {
	var out []sample
	for leg := range legs {
		s := sample{events: events * (leg + 1) / legs}
		thousands := float64(s.events) / 1000
		noise := float64(leg % 2) // a goroutine comes and goes
		s.goroutines, s.files = 13+noise+float64(int(goroutines*thousands)), 12+float64(int(files*thousands))
		s.live = (3+0.5*noise)*mebibyte + bytes*thousands
		s.anonymous = (10+2*noise)*mebibyte + bytes*thousands
		out = append(out, s)
	}
	return out
}

func TestFlatness(t *testing.T) {
	cases := []struct {
		name    string
		samples []sample
		breach  string
	}{
		{"nothing leaks", rested(10_000, 0, 0, 0), ""},
		{"nothing leaks for long", rested(90_000, 0, 0, 0), ""},
		{"a goroutine leaks for every 1,000 events", rested(10_000, 1, 0, 0), "goroutines"},
		{"a goroutine leaks for every 1,000 of 5,000 events", rested(fewest, 1, 0, 0), "goroutines"},
		{"a descriptor leaks for every 1,000 events", rested(10_000, 0, 1, 0), "file descriptors"},
		{"a descriptor leaks for every 10,000 events of a long soak", rested(90_000, 0, 0.1, 0), "file descriptors"},
		{"a kilobyte leaks for each event", rested(10_000, 0, 0, 1000*kibibyte), "live heap"},
		{"64 bytes leak for each event of a long soak", rested(90_000, 0, 0, 64*1000), "live heap"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var broken []string
			for _, v := range flatness(c.samples) {
				if len(v.breaches) > 0 {
					broken = append(broken, v.promise)
				}
			}
			switch {
			case c.breach == "" && len(broken) > 0:
				t.Errorf("broken: %q", broken)
			case c.breach != "" && !slices.ContainsFunc(broken, func(s string) bool { return strings.HasPrefix(s, c.breach) }):
				t.Errorf("broken: %q, want %s", broken, c.breach)
			}
		})
	}
}

func TestJournalsBound(t *testing.T) {
	const rate = 50
	grown := func(events int, size float64) []sample { return []sample{{events: events, state: size}} }
	if v := bounded(grown(10_000, 8*mebibyte), 5000, rate); len(v.breaches) > 0 {
		t.Errorf("a journal of 5,000 operations: %v", v)
	}
	// This journal forgets nothing.
	if v := bounded(grown(1_000_000, 500_000*3*kibibyte), 500_000, rate); len(v.breaches) == 0 {
		t.Errorf("a journal that keeps 500,000 operations: %v", v)
	}
}

func TestOperationsIn(t *testing.T) {
	for body, want := range map[string][]string{
		`{"pool":"a","outcome":"scale","accepted":true,"operation":"op1"}`:                        {"op1"},
		`{"results":[{"operation":"op1"},{"outcome":"cooldown"},{"operation":"op2"}]}`:            {"op1", "op2"},
		`{"id":"op3","pool":"a","state":"done","ask":"+1","source":"http"}`:                       {"op3"},
		`{"status":409,"title":"Cooling down","result":{"pool":"a","outcome":"cooldown"}}`:        nil,
		`{"pools":[{"pool":"a"}],"stack":"dev"}`:                                                  nil,
		"# HELP x":                                                                                nil,
		`{"open":[{"id":"op4","ask":"+1"}],"done":[{"id":"op5","pool":"a","state":"done"}]}`:      nil,
		`{"results":[],"skipped":[{"alert":"A","pool":"b","reason":"no pool"}],"note":"skipped"}`: nil,
	} {
		if got := operationsIn([]byte(body)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// The deltas must stay away from the guardrails, because a delta that is clamped does not count whole.
func TestMixture(t *testing.T) {
	m := newMixture(1)
	seen := map[string]int{}
	for range 100_000 {
		e := m.next()
		seen[e.kind]++
		if len(e.statuses) == 0 || e.method == "" || !strings.HasPrefix(e.path, "/") {
			t.Fatalf("%+v", e)
		}
		if m.sum < initial/2 || m.sum > 2*initial {
			t.Fatalf("the deltas add up to %d", m.sum)
		}
	}
	for _, k := range kinds() {
		if seen[k.name] == 0 {
			t.Errorf("%s never comes", k.name)
		}
	}
}

func TestEachKeyCountsOnce(t *testing.T) {
	s := newSender("", "")
	e := event{delta: 3, key: "k"}
	s.account(e, []string{"op1"})
	s.account(e, []string{"op1"})
	s.account(event{delta: -1}, []string{"op2"})
	s.account(event{delta: 5}, nil) // not accepted
	if got := s.balance(); got != initial+2 || len(s.twice) > 0 {
		t.Errorf("balance %d, twice %q", got, s.twice)
	}
	s.account(e, []string{"op3"})
	if len(s.twice) != 1 {
		t.Error("that a key made two operations is not noticed")
	}
}
