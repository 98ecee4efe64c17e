package dialect

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// firing is one firing of an alert, or its end, of a sender that gives each firing an id of its own.
type firing struct {
	source, name string
	// id is the firing's, the same at its beginning and its end. It may be empty.
	id      string
	cleared bool
	// since is when the firing began, and ended when it ended; a time is zero if the sender did not say.
	since, ended time.Time
	comparison   scale.Direction
	// value is the metric's, and threshold that of the alert; each is nil if the sender did not say.
	value, threshold *float64
	why              string
}

// intent is what the firing asks of the route's pool. The same firing in the same state is one event, which its sender
// may tell again.
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
	// The name is a part of the key, because the ids in templates may be small numbers.
	intent.Key = eventKey(f.source, route.Pool, digest(state, f.name, f.id))
	return intent
}
