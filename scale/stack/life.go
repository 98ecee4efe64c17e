package stack

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
)

// kindDestroy is the history's word for an update that destroys the stack, or a part of it.
const kindDestroy = "destroy"

// destroyed returns a [*scale.DestroyedError] if the stack has been destroyed and not been built up since; otherwise
// nil.
func (s *Stack) destroyed(state state, entries []entry) error {
	if at, ok := destroyedAt(entries); ok {
		return &scale.DestroyedError{Stack: s.Name(), At: at}
	}
	at := slices.IndexFunc(entries, func(e entry) bool { return e.Kind == kindUpdate && e.Result == succeeded })
	if at >= 0 && state.empty() && (len(state.resources) == 0 || entries[at].left() > 1) { // emptied without a destroy
		return &scale.DestroyedError{Stack: s.Name()}
	}
	return nil
}

// left returns how many resources the update left, the stack itself among them; 0 if the history does not tell.
func (e entry) left() int {
	return e.Changes["same"] + e.Changes["create"] + e.Changes["update"] + e.Changes["replace"]
}

// destroyedAt returns when the stack was last destroyed, if nobody has successfully updated it since. A destroy counts
// whatever its targets and its result were. A later update of ours does not count: it did not notice the destroy, and
// has built up its own pool alone.
func destroyedAt(entries []entry) (at time.Time, ok bool) {
	for _, e := range entries {
		_, _, ours := e.decidedOn()
		switch {
		case e.Kind == kindDestroy:
			return e.EndTime, true
		case e.Kind == kindUpdate && e.Result == succeeded && !ours:
			return time.Time{}, false
		}
	}
	return time.Time{}, false
}

// empty says whether the state has no resources but the stack itself and providers.
func (s state) empty() bool {
	return !slices.ContainsFunc(s.all, func(r resourceState) bool {
		return r.Type != stackType && !strings.HasPrefix(r.Type, providerTypes)
	})
}

// providerTypes begins the types of providers.
const providerTypes = "pulumi:providers:"

// takenAway says whether the newest update has left the stack without the output of the rules. An update that failed
// does not count, because it may have ended before it wrote the output.
func takenAway(output []byte, entries []entry) bool {
	text := bytes.TrimSpace(output)
	if len(text) > 0 && !bytes.Equal(text, []byte("null")) {
		return false
	}
	at := slices.IndexFunc(entries, func(e entry) bool { return e.Kind == kindUpdate })
	return at >= 0 && entries[at].Result == succeeded
}

// inForce keeps the last valid rules; none if rules is nil.
type inForce struct {
	mu    sync.Mutex
	rules scale.Rules
}

// rules parses the stack's output. If the output is malformed and [Options.KeepRules] is set, the rules are the last
// valid ones, without their current counts, and malformed says what is wrong with the output. But if the entries, the
// newest of the history, show that the newest update has taken the output away, no rules are in force any more, and err
// says so.
func (s *Stack) rules(output []byte, entries []entry) (rules scale.Rules, malformed, err error) {
	rules, err = parse.ProjectRules(string(s.project.Name), output)
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
