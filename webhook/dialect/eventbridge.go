package dialect

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

// maxEventID is how long the id of an event may be, in bytes. EventBridge's ids are UUIDs.
const maxEventID = 128

func eventBridge() Dialect {
	return Dialect{
		Name: sourceEventBridge, Sender: "CloudWatch through EventBridge", Counted: alarmCounted, Paths: []string{alarmPath}, Media: inJSON(),
		Is:   func(o Object) bool { return o.Has("detail-type") },
		Like: "an EventBridge event of an alarm", Decode: decodeEventBridge,
	}
}

// decodeEventBridge reads CloudWatch's event "Alarm State Change". The event does not carry the alarm's comparison
// operator. The direction is read from the reason's text instead, or from the value and the threshold; if these do not
// tell the direction either, as for missing data, the alarm has no direction. The error is a [*BadRequestError].
//
// The form is described in the CloudWatch user guide, "Alarm events and EventBridge".
func decodeEventBridge(body Body, route Route) (Delivery, error) {
	o, err := body.Object()
	if err != nil {
		return Delivery{}, err
	}
	return eventBridgeDelivery(o, route)
}

func eventBridgeDelivery(o Object, route Route) (Delivery, error) {
	switch detailType, source := o.Text("detail-type"), o.Text("source"); {
	case !o.Has("detail-type"):
		return Delivery{}, WrongDialect(o, "body", "an EventBridge event")
	case detailType == scheduledEvent:
		return Delivery{}, BadRequest("detail-type", "is %q, which is no alarm; send it to /scale/%s, with what it asks for in the URL: ?count=12 or ?delta=-2",
			detailType, route.Pool)
	case detailType != alarmStateChange:
		return Delivery{}, BadRequest("detail-type", "is %q, which is no alarm; it must be %q: narrow the rule's event pattern, or send it to /scale/%s?count=12",
			Shown(detailType), alarmStateChange, route.Pool)
	case source != sourceAlarms:
		return Delivery{}, BadRequest("source", "is %q; it must be %q", Shown(source), sourceAlarms)
	}
	a := alarmOf(o.child("detail"), resource(o))
	a.source, a.event = sourceEventBridge, o.Required("id")
	if len(a.event) > maxEventID {
		o.Fail("id", "is longer than %d bytes", maxEventID)
	}
	if err := o.Err(); err != nil {
		return Delivery{}, err
	}
	return a.delivery(route)
}

// resource returns the ARN of the only resource that an event is about. It returns "" if the event is not about exactly
// one resource.
func resource(o Object) string {
	resources := o.list("resources")
	if len(resources) != 1 {
		return ""
	}
	arn, _ := resources[0].(string)
	return arn
}

// reasonData reads the JSON in the text of a state's reasonData: the threshold, and the most recent datapoint, which is
// the last. A number that cannot be read is nil, because the form is not fixed: the reasonData of a composite alarm, or
// of a state set by set-alarm-state, holds something else.
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
