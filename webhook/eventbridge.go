package webhook

import (
	"encoding/json"
)

const (
	sourceEventBridge = "eventbridge"
	alarmStateChange  = "CloudWatch Alarm State Change"
	scheduledEvent    = "Scheduled Event"
	// sourceAlarms is the source that the events of CloudWatch name.
	sourceAlarms = "aws.cloudwatch"
)

// maxEventID is the longest id of an event that is taken, in bytes. EventBridge's ids are UUIDs.
const maxEventID = 128

// IsEventBridge says whether a body is an EventBridge event, which shares a route with SNS messages. It does not say
// that the event is valid.
func IsEventBridge(body []byte) bool {
	o, err := parseObject(body)
	return err == nil && o.has("detail-type")
}

// DecodeEventBridge reads CloudWatch's event "Alarm State Change". The event does not carry the alarm's comparison
// operator. The direction is read from the reason's text instead, or from the value and the threshold; if they do not
// tell either, as for missing data, there is none. The error is a [*BadRequestError].
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
	case detailType == scheduledEvent:
		return Delivery{}, badRequest("detail-type", "is %q, which is no alarm; send it to /scale/%s, with what it asks for in the URL: ?count=12 or ?delta=-2",
			detailType, route.Pool)
	case detailType != alarmStateChange:
		return Delivery{}, badRequest("detail-type", "is %q, which is no alarm; it must be %q: narrow the rule's event pattern, or send it to /scale/%s?count=12",
			oneLine(detailType, maxShown), alarmStateChange, route.Pool)
	case source != sourceAlarms:
		return Delivery{}, badRequest("source", "is %q; it must be %q", oneLine(source, maxShown), sourceAlarms)
	}
	a := alarmOf(o.child("detail"), resource(o))
	a.source, a.event = sourceEventBridge, o.required("id")
	if len(a.event) > maxEventID {
		o.fail("id", "is longer than %d bytes", maxEventID)
	}
	if err := o.err(); err != nil {
		return Delivery{}, err
	}
	return a.delivery(route)
}

// resource is the ARN of the only resource that an event is about. It is empty if there is not exactly one.
func resource(o object) string {
	resources := o.list("resources")
	if len(resources) != 1 {
		return ""
	}
	arn, _ := resources[0].(string)
	return arn
}

// reasonData reads the JSON in the text of a state's reasonData: the threshold, and the most recent datapoint, which is
// the last. What is not understood is nil, because the form is not fixed: a composite alarm's and that of
// set-alarm-state hold something else.
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
