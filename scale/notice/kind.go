package notice

import "slices"

// Kind says what a notice is about.
type Kind string

// The kinds. Programs branch on these words: some are added, and none is renamed.
const (
	// Scaled says that a pool was scaled.
	Scaled Kind = "scaled"
	// Clamped says that more is wanted for a pool than its upper guardrail allows.
	Clamped Kind = "clamped"
	// Failed says that a scaling was tried and failed. GivenUp says that a scaling failed because an obstacle, such as
	// a locked stack, lasted for too long.
	Failed  Kind = "failed"
	GivenUp Kind = "given-up"
	// Unverified says that an update succeeded, and that it is not proved that the pool has the count.
	Unverified Kind = "unverified"
	// Unsettled says that a failed update left a pool between two counts, and that it could not be brought back.
	Unsettled Kind = "unsettled"
	// Pending says that a pool is not scaled, because pending changes would come along.
	Pending Kind = "pending"
	// Refused says that a scaling is refused, by a guard or because something that must be known is not known.
	Refused Kind = "refused"
	// WindowRefused says that the count of a pool is outside of the bounds of a window and could not be brought inside.
	WindowRefused Kind = "window-refused"
	// Locked says that somebody else has had the lock of the stack for a long time.
	Locked Kind = "locked"
	// NoValue says that a metric has had no value for a while.
	NoValue Kind = "no-value"
	// Held and Released say that a hold begins and ends. Paused says that a rule begins to pause scaling, and Unpaused
	// that it no longer does.
	Held     Kind = "held"
	Released Kind = "released"
	Paused   Kind = "paused"
	Unpaused Kind = "unpaused"
	// Recovered says that troubles of the kinds above are over.
	Recovered Kind = "recovered"
	// Test is sent when somebody asks for it.
	Test Kind = "test"
)

// Severity says how much somebody should care.
type Severity string

// The severities.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// sort is what is known of a kind.
type sort struct {
	kind     Kind
	severity Severity
	// trouble says that the kind lasts until something ends it.
	trouble bool
	// untilScaled says that the next successful scaling of the pool ends the trouble.
	untilScaled bool
}

// sorts returns all kinds that listeners can ask for, in the order of the documentation.
func sorts() []sort {
	return []sort{
		{kind: Scaled, severity: Info},
		{kind: Clamped, severity: Warning, trouble: true, untilScaled: true},
		{kind: Failed, severity: Critical, trouble: true, untilScaled: true},
		{kind: GivenUp, severity: Critical, trouble: true, untilScaled: true},
		{kind: Unverified, severity: Critical, trouble: true, untilScaled: true},
		{kind: Unsettled, severity: Critical, trouble: true, untilScaled: true},
		{kind: Pending, severity: Warning, trouble: true, untilScaled: true},
		{kind: Refused, severity: Warning, trouble: true, untilScaled: true},
		{kind: WindowRefused, severity: Warning, trouble: true, untilScaled: true},
		{kind: Locked, severity: Warning, trouble: true},
		{kind: NoValue, severity: Warning, trouble: true},
		{kind: Held, severity: Info},
		{kind: Released, severity: Info},
		{kind: Paused, severity: Info},
		{kind: Unpaused, severity: Info},
		{kind: Recovered, severity: Info},
	}
}

func sortOf(k Kind) sort {
	all := sorts()
	if at := slices.IndexFunc(all, func(s sort) bool { return s.kind == k }); at >= 0 {
		return all[at]
	}
	return sort{kind: k, severity: Info}
}

// Kinds returns the kinds that a listener can ask for.
func Kinds() []Kind { return kinds(func(sort) bool { return true }) }

// Troubles returns the kinds that last until something ends them. A notice of the kind [Recovered] tells their end.
func Troubles() []Kind { return kinds(func(s sort) bool { return s.trouble }) }

// IsTrouble says whether a kind is one of [Troubles].
func (k Kind) IsTrouble() bool { return sortOf(k).trouble }

// Severity says how much somebody should care.
func (k Kind) Severity() Severity { return sortOf(k).severity }

// endedByScaling returns the troubles of a pool that a successful scaling ends.
func endedByScaling() []Kind { return kinds(func(s sort) bool { return s.untilScaled }) }

func kinds(which func(sort) bool) (out []Kind) {
	for _, s := range sorts() {
		if which(s) {
			out = append(out, s.kind)
		}
	}
	return out
}
