package stack

import (
	"maps"
	"sync"

	"github.com/pulumiscale/pulumiscale/scale"
)

// inForce are the last valid rules.
type inForce struct {
	mu    sync.Mutex
	rules scale.Rules
}

// rules parses the stack's output. Where that is malformed and [Options.KeepRules] is set, the rules are the last valid ones and
// malformed says what is wrong with the output; what it said of the current counts is no longer known then.
func (s *Stack) rules(output []byte) (rules scale.Rules, malformed, err error) {
	rules, err = scale.ParseRules(output)
	if !s.options.KeepRules {
		return rules, nil, err
	}
	s.inForce.mu.Lock()
	defer s.inForce.mu.Unlock()
	switch {
	case err == nil:
		s.inForce.rules = maps.Clone(rules)
		for name, rule := range rules {
			rule.Current = nil
			s.inForce.rules[name] = rule
		}
		return rules, nil, nil
	case s.inForce.rules == nil:
		return nil, nil, err
	}
	return maps.Clone(s.inForce.rules), err, nil
}
