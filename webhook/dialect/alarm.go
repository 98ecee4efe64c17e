package dialect

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// alarm is a change of state of a CloudWatch alarm, in whichever form it came.
type alarm struct {
	source string
	// event identifies the change. It is empty if the sender gave no id for it.
	event string
	name  string
	// identity is the alarm's ARN, and at is the time of the change, as the sender wrote it. Each is empty if the
	// sender did not say.
	identity, at string
	// state is "OK", "ALARM" or "INSUFFICIENT_DATA", and stateField is the field in which it stands. previous is the
	// state before.
	state, stateField, previous string
	why                         string
	comparison                  scale.Direction
	value, threshold            *float64
}

const (
	stateOK    = "OK"
	stateAlarm = "ALARM"
)

// maxARN is the longest identity that a signal takes from an alarm, in bytes. CloudWatch's own ARNs have 1,600 at most.
const maxARN = 1600

// alarmOf reads what an alarm's events for EventBridge and for Lambda have in common.
func alarmOf(o Object, arn string) alarm {
	state := o.child("state")
	a := alarm{
		name: o.Required("alarmName"), identity: arn, at: state.mention("timestamp"), state: state.Required("value"), stateField: state.at("value"),
		why: state.Text("reason"), previous: o.child("previousState").mention("value"),
	}
	a.value, a.threshold = reasonData(state.Text("reasonData"))
	if a.comparison = comparisonIn(a.why); a.comparison == 0 {
		a.comparison = comparisonBy(a.state, a.value, a.threshold)
	}
	if a.value == nil {
		a.value = recentDatapoint(a.why)
	}
	return a
}

// comparisonBy works out the direction of an alarm's comparison from the metric's value, the threshold and the alarm's
// new state. It returns zero if these do not tell the direction.
func comparisonBy(state string, value, threshold *float64) scale.Direction {
	switch {
	case value == nil || threshold == nil || *value == *threshold:
		return 0
	case (*value > *threshold) == (state == stateAlarm):
		return scale.Up
	}
	return scale.Down
}

// delivery returns what the alarm asks of the route's pool.
func (a alarm) delivery(route Route) (Delivery, error) {
	asked, err := queryOverrides(route.Query)
	if err != nil {
		return Delivery{}, err
	}
	switch a.state {
	case stateOK, stateAlarm, insufficientData:
	default:
		return Delivery{}, BadRequest(a.stateField, "is %q; it must be OK, ALARM or INSUFFICIENT_DATA", Shown(a.state))
	}
	var delivery Delivery
	if trouble := a.trouble(asked); trouble != "" {
		delivery.skip(a.name, route.Pool, "%s", trouble)
		return delivery, nil
	}
	signal := scale.Signal{
		Alert: scale.AlertName(a.name), Cleared: a.state == stateOK, Lapsed: a.lapsed(), Comparison: a.comparison, Value: a.value, Threshold: a.threshold,
		Since: changeTime(a.at),
	}
	if !signal.Since.IsZero() && len(a.identity) <= maxARN {
		signal.Identity = a.identity
	}
	if signal.Cleared {
		signal.Ended = signal.Since
	}
	asked.apply(&signal)
	intent := scale.Intent{Pool: route.Pool, Signal: &signal, Source: a.source, Reason: describe(a.name, a.why)}
	if a.event != "" {
		intent.Key = eventKey(a.source, route.Pool, a.event)
	}
	delivery.Intents = []scale.Intent{intent}
	return delivery, nil
}

// changeTime reads a time as CloudWatch writes it, such as "2015-06-03T17:43:27.123+0000". It returns the zero time if
// the text is not a time.
func changeTime(text string) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}
