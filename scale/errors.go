package scale

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	edlib "github.com/hbollon/go-edlib"
)

// UsageError says that a request makes no sense, whatever the state of the stack: the mistake is the caller's.
type UsageError struct {
	// Field is the name of the flag or field at fault.
	Field string
	// Problem says what is wrong with the field and what is expected.
	Problem string
	// Hint says what to do; it may be empty.
	Hint string
}

func (e *UsageError) Error() string { return e.Field + ": " + e.Problem }

// RulesError is a stack output that does not hold valid rules. It lists every mistake at once.
type RulesError struct {
	Problems []Problem
	// Keys are the rules of the pools whose config key can still be read. Only the keys in these rules may be used.
	Keys Rules
	// Gone says that the newest update succeeded and left the stack without the output of the rules: the program says
	// that nothing is to be scaled.
	Gone bool
}

// KeysWhole says whether the config key of every pool can be read in spite of the mistakes.
func (e *RulesError) KeysWhole() bool {
	for _, p := range e.Problems {
		if _, ok := e.Keys[p.Pool]; !ok {
			return false
		}
	}
	return true
}

// Problem is one mistake in the rules.
type Problem struct {
	// Pool is the pool's name; empty if the output as a whole is at fault.
	Pool string `json:"pool,omitempty"`
	// Field is the path of the field inside the rule, such as "cooldown.up" or "strategy.steps[1].above".
	Field string `json:"field,omitempty"`
	// Found is the field's value, as JSON, shortened; empty if there is none.
	Found string `json:"found,omitempty"`
	// Expected says what the field should hold.
	Expected string `json:"expected"`
	// Suggestion is the nearest name that exists, for a misspelt one; it may be empty.
	Suggestion string `json:"suggestion,omitempty"`
}

func (p Problem) String() string {
	var s strings.Builder
	where := OutputName
	if p.Pool != "" {
		where = p.Pool
	}
	s.WriteString(where)
	if p.Field != "" {
		s.WriteString(": " + p.Field)
	}
	if p.Found != "" {
		s.WriteString(" is " + p.Found)
	}
	s.WriteString(": " + p.Expected)
	if p.Suggestion != "" {
		fmt.Fprintf(&s, " (did you mean %q?)", p.Suggestion)
	}
	return s.String()
}

func (e *RulesError) Error() string {
	lines := make([]string, 0, len(e.Problems)+1)
	lines = append(lines, fmt.Sprintf("the stack output %q has %s", OutputName, plural(len(e.Problems), "mistake")))
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// ProblemsOf returns the mistakes that a [*RulesError] lists; nil for any other error, and for no error.
func ProblemsOf(err error) []Problem {
	if rules, ok := errors.AsType[*RulesError](err); ok {
		return rules.Problems
	}
	return nil
}

// UnknownPoolError says that an intent is for a pool that no rule names.
type UnknownPoolError struct {
	Pool string
	// Nearest is the most similar pool that exists; empty if none is similar.
	Nearest string
	// Known are the pools that exist, sorted.
	Known []string
}

func (e *UnknownPoolError) Error() string {
	return fmt.Sprintf("no pool %q in the stack output %q", e.Pool, OutputName)
}

// LockedError says that somebody else's update holds the stack's lock.
type LockedError struct {
	Stack string
	// Holders are those who hold a lock, as far as the backend tells; it may be empty.
	Holders []LockHolder
	// Removed says that a dead engine of ours held the lock, and that the lock has been removed: the caller can try
	// again now.
	Removed bool
	// Seen says that the locks themselves were read, which costs next to nothing. Otherwise an engine tried to take the
	// lock.
	Seen bool
}

// LockHolder is one holder of a stack's lock.
type LockHolder struct {
	// User, Host and PID identify the process that took the lock.
	User, Host string
	PID        int
	// Since is when the lock was taken.
	Since time.Time
	// Dead says that the process was on this machine and is gone: the lock is stale.
	Dead bool
}

func (h LockHolder) String() string {
	s := fmt.Sprintf("%s@%s (pid %d) since %s", h.User, h.Host, h.PID, h.Since.Format(time.RFC3339))
	if h.Dead {
		s += ", a process that is no longer running"
	}
	return s
}

// StaleLock says what to do about a lock whose process is gone: run the command, which removes the lock.
func StaleLock(command string) string { return "the lock is stale: remove it with " + command }

func (e *LockedError) Error() string {
	if len(e.Holders) == 0 {
		return fmt.Sprintf("stack %s is locked by another update", e.Stack)
	}
	holders := make([]string, len(e.Holders))
	for i, h := range e.Holders {
		holders[i] = h.String()
	}
	return fmt.Sprintf("stack %s is locked by %s", e.Stack, strings.Join(holders, "; "))
}

func plural(n int, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// UnavailableError says that the backend could not be reached, or that the stack could not be read for some other
// reason. Trying again may help.
type UnavailableError struct {
	// Problem is what cannot be done; if it is empty, the backend cannot be reached.
	Problem string
	// Detail is what the engine said.
	Detail string
}

func (e *UnavailableError) Error() string {
	return cmp.Or(e.Problem, "the backend cannot be reached") + ": " + e.Detail
}

// SetupError says that something PulumiScale needs in order to work at all is missing or wrong on this machine.
type SetupError struct {
	// Problem says what is wrong, Hint what to do about it.
	Problem, Hint string
	// Err is the cause; it may be nil.
	Err error
}

func (e *SetupError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Problem, e.Err)
	}
	return e.Problem
}

func (e *SetupError) Unwrap() error { return e.Err }

// EngineError says that an update or a preview failed in the engine, the program or a provider.
type EngineError struct {
	// Operation is "update" or "preview".
	Operation string
	// Diagnostics are the engine's errors, as it gave them.
	Diagnostics []Diagnostic
	// Done are the steps that were completed before the failure.
	Done []ResourceStep
	// Misplaced are the URNs of resources over which a preview failed: the program does not register them, or registers
	// them later than other resources of the state need them.
	Misplaced []string
	// Owners are the field managers because of which Kubernetes refused a server-side apply, such as "kubectl": they
	// have set a field that the program sets too. Sorted.
	Owners []string
	// Interrupted says that the user interrupted the update.
	Interrupted bool
	// CutOff says that the history does not tell how the update ended, or cannot be asked: the engine died, or it lost
	// the backend.
	CutOff bool
	// Back are the pools that the failed update had begun to scale and that have been brought back to the count of the
	// last successful update. Unsettled are the pools that have not been brought back, and may be left between two
	// counts. UnsettledErr says why they have not been brought back; it is nil if nobody has tried yet.
	Back, Unsettled []string
	UnsettledErr    error
}

func (e *EngineError) Error() string {
	if e.Interrupted {
		return fmt.Sprintf("the %s was interrupted after %s", e.Operation, plural(len(e.Done), "step")) + e.Aftermath()
	}
	messages := make([]string, 0, len(e.Diagnostics)+1)
	messages = append(messages, fmt.Sprintf("the %s failed", e.Operation))
	for _, d := range SayOnce(e.Diagnostics) {
		message := strings.TrimSpace(d.Message)
		if len(d.URNs) > 1 {
			message += " (" + plural(len(d.URNs), "resource") + ")"
		}
		messages = append(messages, message)
	}
	return strings.Join(messages, ": ") + e.Aftermath()
}

// Aftermath says what has become of the pools that the update had begun to scale, as the end of a sentence; empty if
// there were none.
func (e *EngineError) Aftermath() string {
	var out string
	if len(e.Back) > 0 {
		out += "; back at the previous count: " + strings.Join(e.Back, ", ")
	}
	if len(e.Unsettled) > 0 {
		out += "; not yet back at the previous count: " + strings.Join(e.Unsettled, ", ")
		if e.UnsettledErr != nil {
			out += fmt.Sprintf(" (%v)", e.UnsettledErr)
		}
	}
	return out
}

// TargetError says that a target of a pool stands for no resource.
type TargetError struct {
	// Pool may be empty if the engine does not say whose target it is.
	Pool, Target string
}

func (e *TargetError) Error() string {
	if e.Pool == "" {
		return fmt.Sprintf("target %s matches no resource of the stack", e.Target)
	}
	return fmt.Sprintf("pool %s: target %s matches no resource of the stack, and would match none after the scaling", e.Pool, e.Target)
}

// ValueError says that a pool's key holds something that is not a count, or that the configuration file holds the value
// in a form in which it cannot be changed alone.
type ValueError struct {
	Pool, Key string
	// Path is the rule's ConfigPath.
	Path bool
	// Found is what the key holds.
	Found string
	// Form says in which form the configuration file holds the value, if the form is what is wrong. Found is then
	// empty.
	Form string
}

func (e *ValueError) Error() string {
	if e.Form != "" {
		return fmt.Sprintf("pool %s: config %q cannot be changed in the configuration file: %s", e.Pool, e.Key, e.Form)
	}
	return fmt.Sprintf("pool %s: config %q is %s: it must be a whole number, 0 or more", e.Pool, e.Key, e.Found)
}

// DriftError says that the configuration file differs from the last successful update, and that nothing was done
// because the user has chosen [Fail].
type DriftError struct {
	Drifts []Drift
}

func (e *DriftError) Error() string {
	lines := make([]string, len(e.Drifts))
	for i, d := range e.Drifts {
		lines[i] = d.String()
	}
	return strings.Join(lines, "; ")
}

// WriteError says that a scaling was done, and that only writing its counts into the configuration file has failed.
type WriteError struct {
	File string
	Err  error
}

func (e *WriteError) Error() string {
	return fmt.Sprintf("the scaling is done, but %s could not be written: %v", e.File, e.Err)
}

func (e *WriteError) Unwrap() error { return e.Err }

// UnsettledError says that an update left a pool between two counts, and that the pool could not be settled, or is not
// proved to be settled.
type UnsettledError struct{ Pool, Reason string }

func (e *UnsettledError) Error() string { return fmt.Sprintf("pool %s: %s", e.Pool, e.Reason) }

// OvertakenError says that an update of ours was overtaken and could not be corrected: the pools have counts that were
// decided on the stack as it was before the update that overtook ours. The error does not unwrap to its cause, because
// no caller may try again on account of the cause.
type OvertakenError struct {
	Pools []string
	Err   error
}

func (e *OvertakenError) Error() string {
	return fmt.Sprintf("%s was scaled, but another update finished first and the count could not be corrected for it, so it may be wrong: %v",
		strings.Join(e.Pools, ", "), e.Err)
}

// ChangedError says that what would be done is no longer what was approved: the stack has changed since the approval.
type ChangedError struct{}

func (e *ChangedError) Error() string { return "the stack has changed since the preview" }

// MayBeOnePools says whether an error may be the fault of one pool alone, so that the others may succeed without it.
func MayBeOnePools(err error) bool {
	engine, ok := errors.AsType[*EngineError](err)
	return ok && !engine.Interrupted || IsA[*TargetError](err)
}

// IsTransient says whether an error may go away by itself. No such error is returned once an update has begun.
func IsTransient(err error) bool {
	switch KindOf(err) {
	case KindLocked, KindUnavailable, KindStale:
		return true
	}
	return false
}

// DestroyedError says that a stack has been destroyed, in whole or in part, and that nobody's `pulumi up` has built it
// up since. Until somebody does, nothing of the stack is scaled, because a scaling would begin to build it up again.
type DestroyedError struct {
	Stack string
	// At is when the stack was destroyed. It is zero if the history does not tell, and only the state shows it, by
	// having no resources.
	At time.Time
}

func (e *DestroyedError) Error() string {
	if e.At.IsZero() {
		return fmt.Sprintf("stack %s has no resources: nothing is scaled until somebody's `pulumi up` has built it up again", e.Stack)
	}
	return fmt.Sprintf("stack %s was destroyed at %s: nothing is scaled until somebody's `pulumi up` has built it up again",
		e.Stack, e.At.Format(time.RFC3339))
}

// IsOff says whether an error means that scaling is switched off until somebody's next `pulumi up`: the stack has been
// destroyed, or its newest update took the rules away.
func IsOff(err error) bool {
	if rules, ok := errors.AsType[*RulesError](err); ok {
		return rules.Gone
	}
	return IsA[*DestroyedError](err)
}

type (
	// SwitchedOff says that scaling is off from now on, for a reason that [IsOff] knows.
	SwitchedOff struct{ Err error }
	// SwitchedOn says that scaling is on again.
	SwitchedOn struct{}
)

func (SwitchedOff) IsEvent() {}
func (SwitchedOn) IsEvent()  {}

// Nearest returns the known name that a misspelt one most likely means, or "" if none is similar. A swap of two
// neighbouring letters counts as one edit, and letter case as none. One edit is allowed for every three letters. If
// several names are equally near, the first of them is returned.
func Nearest(name string, known []string) string {
	best, least := "", max(1, len([]rune(name))/3)+1
	for _, candidate := range known {
		edits := edlib.OSADamerauLevenshteinDistance(strings.ToLower(name), strings.ToLower(candidate))
		if edits < least {
			best, least = candidate, edits
		}
	}
	return best
}
