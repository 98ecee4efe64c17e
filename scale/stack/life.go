package stack

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// kindDestroy is the history's word for an update that destroys the stack, or a part of it.
const kindDestroy = "destroy"

// destroyed says that the stack has been destroyed and not been built up since; nil where that is not so. The rules and updates are what could be
// read of it.
func (s *Stack) destroyed(state state, entries []entry, rules scale.Rules, updates []scale.Update) error {
	if at, ok := destroyedAt(entries); ok {
		return &scale.DestroyedError{Stack: s.Name(), At: at}
	}
	snap := scale.Snapshot{Updates: updates}
	if state.empty() && (len(state.resources) == 0 && hasSucceeded(entries) || snap.HasUnits(rules)) {
		return &scale.DestroyedError{Stack: s.Name()}
	}
	return nil
}

// destroyedAt finds a destroy, of whatever targets and with whatever result, after which nobody has successfully updated the stack. An update of
// ours does not count: it would be one that a destroy came before unnoticed, and has built up its own pool alone.
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

func hasSucceeded(entries []entry) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return e.Kind == kindUpdate && e.Result == succeeded })
}

// empty says whether the state has no resources but the stack itself and providers.
func (s state) empty() bool {
	return !slices.ContainsFunc(s.all, func(r resourceState) bool {
		return r.Type != stackType && !strings.HasPrefix(r.Type, providerTypes)
	})
}

// providerTypes begins the types of providers.
const providerTypes = "pulumi:providers:"

// takenAway says whether it is the newest update that has left the stack without the output of the rules. One that failed may have lost it on its
// way, and says nothing.
func takenAway(output []byte, entries []entry) bool {
	text := bytes.TrimSpace(output)
	if len(text) > 0 && !bytes.Equal(text, []byte("null")) {
		return false
	}
	at := slices.IndexFunc(entries, func(e entry) bool { return e.Kind == kindUpdate })
	return at >= 0 && entries[at].Result == succeeded
}
