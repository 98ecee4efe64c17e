package scale

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
