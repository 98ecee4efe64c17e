package webhook

import (
	"encoding/json"
)

const (
	sourceEventBridge = "eventbridge"
	alarmStateChange  = "CloudWatch Alarm State Change"
)

// maxEventID is the longest id of an event that is taken; EventBridge's are UUIDs.
const maxEventID = 128

// IsEventBridge says whether a body is an EventBridge event, which shares a route with SNS messages. It does not say that it is
// a valid one.
func IsEventBridge(body []byte) bool {
	o, err := parseObject(body)
	return err == nil && o.has("detail-type")
}

// DecodeEventBridge reads CloudWatch's event "Alarm State Change". The event does not carry the alarm's comparison operator, so
// that the direction is read from the reason's text; where that does not tell, as for missing data, there is none. The error is
// a [*BadRequestError].
//
// The form is described in the CloudWatch user guide, "Alarm events and EventBridge".
func DecodeEventBridge(body []byte, route Route) (Delivery, error) {
	o, err := parseObject(body)
	if err != nil {
		return Delivery{}, err
	}
	return eventBridgeDelivery(o, route)
}

func eventBridgeDelivery(o object, route Route) (Delivery, error) {
	switch detailType, source := o.text("detail-type"), o.text("source"); {
	case !o.has("detail-type"):
		return Delivery{}, wrongDialect(o, "body", "an EventBridge event")
	case detailType != alarmStateChange:
		return Delivery{}, badRequest("detail-type", "is %q; it must be %q: narrow the rule's event pattern", detailType, alarmStateChange)
	case source != "aws.cloudwatch":
		return Delivery{}, badRequest("source", "is %q; it must be \"aws.cloudwatch\"", oneLine(source, maxShown))
	}
	detail := o.child("detail")
	state := detail.child("state")
	a := alarm{
		source: sourceEventBridge, event: o.required("id"),
		name: detail.required("alarmName"), state: state.required("value"), stateField: "detail.state.value",
		why: state.text("reason"),
	}
	if len(a.event) > maxEventID {
		o.fail("id", "is longer than %d bytes", maxEventID)
	}
	if err := o.err(); err != nil {
		return Delivery{}, err
	}
	a.comparison = comparisonIn(a.why)
	a.value, a.threshold = reasonData(state.text("reasonData"))
	if a.value == nil {
		a.value = recentDatapoint(a.why)
	}
	return a.delivery(route)
}

// reasonData reads the JSON in the text of a state's reasonData: the most recent datapoint, which is the last, and the threshold.
// The form is not fixed (a composite alarm's and that of set-alarm-state hold something else), so that what is not understood is nil.
func reasonData(text string) (value, threshold *float64) {
	o, err := parseObject([]byte(text))
	if err != nil {
		return nil, nil
	}
	threshold = o.number("threshold")
	if recent := o.list("recentDatapoints"); len(recent) > 0 {
		if number, ok := recent[len(recent)-1].(json.Number); ok {
			value, _ = parseNumber(number.String())
		}
	}
	return value, threshold
}
