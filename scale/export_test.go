package scale

import "time"

// What the tests outside the package look at.
var (
	Believable          = believable
	ChangedDependencies = changedDependencies
	DecidePool          = decidePool
	Equal               = equal
	Finite              = finite
	OtherDependencies   = otherDependencies
	SizeBefore          = sizeBefore
	StateSize           = stateSize
)

func (r Rule) Violations(p Plan, steps []ResourceStep) []string { return r.violations(p, steps) }

func (d Decision) Direction(configured *int) Direction { return d.direction(configured) }

func (z Zone) Of() *time.Location { return z.of() }

// On is when a window begins and ends that belongs to a day.
func (w Window) On(d Date) []time.Time {
	s := w.on(d)
	return []time.Time{s.begin, s.end}
}
