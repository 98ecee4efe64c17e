package dialect

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// firing is what a sender tells of one firing of an alert: that it has begun, or that it has ended. The sender gives
// each firing an id of its own.
type firing struct {
	source, name string
	// id is the firing's id, which is the same at its beginning and its end. It may be empty.
	id      string
	cleared bool
	// since is when the firing began, and ended is when it ended. A time is zero if the sender did not say.
	since, ended time.Time
	comparison   scale.Direction
	// value is the metric's value, and threshold is the alert's threshold; each is nil if the sender did not say.
	value, threshold *float64
	why              string
}

// intent returns the intent for the route's pool. The beginning of a firing has one key, and its end has a different
// one. If the sender tells of either of them again, the key is the same, and so the repetition is recognized.
func (f firing) intent(route Route, asked overrides) scale.Intent {
	signal := scale.Signal{
		Alert: scale.AlertName(f.name), Cleared: f.cleared, Comparison: f.comparison, Value: f.value, Threshold: f.threshold, Repeats: f.id != "",
	}
	asked.apply(&signal)
	intent := scale.Intent{Pool: route.Pool, Signal: &signal, Source: f.source, Reason: describe(f.name, f.why)}
	if f.id == "" {
		return intent
	}
	if !f.since.IsZero() {
		signal.Identity, signal.Since, signal.Ended = digest(f.source, f.id), f.since, f.ended
	}
	state := statusFiring
	if f.cleared {
		state = statusResolved
	}
	// The name is a part of the key, because the ids in templates may be small numbers, which several alerts have in
	// common.
	intent.Key = eventKey(f.source, route.Pool, digest(state, f.name, f.id))
	return intent
}
