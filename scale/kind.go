package scale

import "errors"

// Kind is one word for the sort of an error. Exit codes, HTTP statuses, the labels of metrics and the documents of
// `--json` depend on it. Scripts branch on these words: new ones may be added, and none is renamed.
type Kind string

// The kinds of this package's errors, and two that no error type here has.
const (
	KindUsage       Kind = "usage"
	KindRules       Kind = "rules"
	KindDestroyed   Kind = "destroyed"
	KindUnknownPool Kind = "unknown-pool"
	KindLocked      Kind = "locked"
	KindUnavailable Kind = "unavailable"
	KindEngine      Kind = "engine"
	KindTarget      Kind = "target"
	KindUnprovable  Kind = "unprovable"
	KindProtected   Kind = "protected"
	KindValue       Kind = "value"
	KindDrift       Kind = "drift"
	KindWrite       Kind = "write"
	KindStale       Kind = "stale"
	KindUnsettled   Kind = "unsettled"
	KindOvertaken   Kind = "overtaken"
	KindChanged     Kind = "changed"
	KindSetup       Kind = "setup"
	KindProgram     Kind = "program"
	// KindUnverified is an update that succeeded and was not proved to have had its effect.
	KindUnverified Kind = "unverified"
	// KindFailed is any error that has no kind of its own.
	KindFailed Kind = "failed"
)

func (*UsageError) Kind() Kind       { return KindUsage }
func (*RulesError) Kind() Kind       { return KindRules }
func (*DestroyedError) Kind() Kind   { return KindDestroyed }
func (*UnknownPoolError) Kind() Kind { return KindUnknownPool }
func (*LockedError) Kind() Kind      { return KindLocked }
func (*UnavailableError) Kind() Kind { return KindUnavailable }
func (*EngineError) Kind() Kind      { return KindEngine }
func (*TargetError) Kind() Kind      { return KindTarget }
func (*UnprovableError) Kind() Kind  { return KindUnprovable }
func (*ProtectedError) Kind() Kind   { return KindProtected }
func (*ValueError) Kind() Kind       { return KindValue }
func (*DriftError) Kind() Kind       { return KindDrift }
func (*WriteError) Kind() Kind       { return KindWrite }
func (*StaleError) Kind() Kind       { return KindStale }
func (*UnsettledError) Kind() Kind   { return KindUnsettled }
func (*OvertakenError) Kind() Kind   { return KindOvertaken }
func (*ChangedError) Kind() Kind     { return KindChanged }
func (*SetupError) Kind() Kind       { return KindSetup }
func (*ProgramError) Kind() Kind     { return KindProgram }

// Classified is an error that says of which kind it is.
type Classified interface {
	error
	Kind() Kind
}

// KindOf returns the kind of the outermost error in a chain that has a kind. Of joined errors the first counts. KindOf
// returns [KindFailed] if none has a kind, and an empty kind if there is no error.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[Classified](err); ok {
		return e.Kind()
	}
	return KindFailed
}

// IsA says whether an error, or one in its chain, is of a type. Whoever needs the error itself calls [errors.AsType].
func IsA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
