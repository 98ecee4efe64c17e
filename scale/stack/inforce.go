package stack

import (
	"errors"
	"maps"
	"sync"

	"github.com/pulumiscale/pulumiscale/scale"
)

// inForce are the last valid rules.
type inForce struct {
	mu    sync.Mutex
	rules scale.Rules
}

// rules parses the stack's output. If that is malformed and [Options.KeepRules] is set, the rules are the last valid
// ones and malformed says what is wrong with the output. What the output said of the current counts is then no longer
// known. An output that an update has taken away, by the newest entries of the history, is not malformed: no rules are
// in force any more.
func (s *Stack) rules(output []byte, entries []entry) (rules scale.Rules, malformed, err error) {
	rules, err = scale.ParseProjectRules(string(s.project.Name), output)
	if none, ok := errors.AsType[*scale.RulesError](err); ok && takenAway(output, entries) {
		none.Gone = true
		s.inForce.set(nil)
		return nil, nil, err
	}
	if !s.options.KeepRules {
		return rules, nil, err
	}
	if err == nil {
		s.inForce.set(rules)
		return rules, nil, nil
	}
	s.inForce.mu.Lock()
	defer s.inForce.mu.Unlock()
	if s.inForce.rules == nil {
		return nil, nil, err
	}
	return maps.Clone(s.inForce.rules), err, nil
}

// set puts valid rules in force; nil puts none in force.
func (f *inForce) set(rules scale.Rules) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = maps.Clone(rules)
	for name, rule := range rules {
		rule.Current = nil
		f.rules[name] = rule
	}
}
