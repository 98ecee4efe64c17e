package stack

import (
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestRulesStayInForce(t *testing.T) {
	const valid = `{"worker":{"urn":"urn:pulumi:dev::demo::pkg:index:Pool::worker","configKey":"count","min":1,"max":10,"current":3}}`
	s := &Stack{options: Options{KeepRules: true}, project: demoProject()}
	if rules, malformed, err := s.rules([]byte(`{}x`), nil); rules != nil || malformed != nil || err == nil {
		t.Errorf("malformed from the start: %v, %v, %v", rules, malformed, err)
	}
	rules, malformed, err := s.rules([]byte(valid), nil)
	if err != nil || malformed != nil || *rules["worker"].Current != 3 {
		t.Fatalf("valid: %v, %v, %v", rules, malformed, err)
	}
	kept, malformed, err := s.rules([]byte(`{"worker":{}}`), nil)
	if err != nil || malformed == nil || kept["worker"].Max != 10 || kept["worker"].Current != nil {
		t.Errorf("malformed later: %v, %v, %v", kept, malformed, err)
	}
	if rules["worker"].Current == nil {
		t.Error("the rules that were given out before have changed")
	}
	if _, malformed, err := s.rules([]byte(valid), nil); malformed != nil || err != nil {
		t.Errorf("valid again: %v, %v", malformed, err)
	}
	s.options.KeepRules = false
	if _, malformed, err := s.rules([]byte(`{"worker":{}}`), nil); malformed != nil || err == nil {
		t.Errorf("where they are not kept: %v, %v", malformed, err)
	}
}

func TestAnOutputThatAnUpdateTookAwayIsInForceNoLonger(t *testing.T) {
	const valid = `{"worker":{"urn":"urn:pulumi:dev::demo::pkg:index:Pool::worker","configKey":"count","min":1,"max":10}}`
	of := func(kind, result string) entry { return entry{Kind: kind, Result: result} }
	for _, c := range []struct {
		name, output string
		entries      []entry
		gone         bool
	}{
		{"by a successful update", "", []entry{of("update", "succeeded")}, true},
		{"by one that exports null", "null", []entry{of("update", "succeeded")}, true},
		{"before a refresh", "", []entry{of("refresh", "succeeded"), of("update", "succeeded")}, true},
		{"but not by one that failed", "", []entry{of("update", "failed"), of("update", "succeeded")}, false},
		{"but not where it is malformed", `{"worker":{}}`, []entry{of("update", "succeeded")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Stack{options: Options{KeepRules: true}, project: demoProject()}
			if _, _, err := s.rules([]byte(valid), nil); err != nil {
				t.Fatal(err)
			}
			kept, malformed, err := s.rules([]byte(c.output), c.entries)
			if scale.IsOff(err) != c.gone || (malformed == nil) != c.gone || (len(kept) == 0) != c.gone {
				t.Errorf("%v, %v, %v", kept, malformed, err)
			}
			// A failure that follows does not put them in force again.
			later, _, _ := s.rules(nil, []entry{of("update", "failed")})
			if (len(later) == 0) != c.gone {
				t.Errorf("after a failure: %v", later)
			}
		})
	}
}
