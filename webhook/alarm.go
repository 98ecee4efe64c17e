package webhook

import "github.com/pulumiscale/pulumiscale/scale"

// alarm is a change of state of a CloudWatch alarm, in whichever form it came.
type alarm struct {
	source string
	// event identifies the change; empty where the sender did not say.
	event string
	name  string
	// state is "OK", "ALARM" or "INSUFFICIENT_DATA", and stateField the field in which it stands.
	state, stateField string
	why               string
	comparison        scale.Direction
	value, threshold  *float64
}

// delivery is what an alarm asks of the route's pool.
func (a alarm) delivery(route Route) (Delivery, error) {
	asked, err := queryOverrides(route.Query)
	if err != nil {
		return Delivery{}, err
	}
	var delivery Delivery
	switch a.state {
	case "OK", "ALARM":
	case "INSUFFICIENT_DATA":
		delivery.skip(a.name, route.Pool, "the alarm has insufficient data, by which nothing is scaled")
		return delivery, nil
	default:
		return Delivery{}, badRequest(a.stateField, "is %q; it must be OK, ALARM or INSUFFICIENT_DATA", oneLine(a.state, maxShown))
	}
	signal := scale.Signal{
		Alert: a.name, Cleared: a.state == "OK", Comparison: a.comparison, Value: a.value, Threshold: a.threshold,
	}
	asked.apply(&signal)
	intent := scale.Intent{Pool: route.Pool, Signal: &signal, Source: a.source, Reason: describe(a.name, a.why)}
	if a.event != "" {
		intent.Key = eventKey(a.source, route.Pool, a.event)
	}
	delivery.Intents = []scale.Intent{intent}
	return delivery, nil
}

// looksLike names what a payload seems to be and where it belongs, for those that come to the wrong route; empty where nothing is known.
func looksLike(o object) string {
	alerts, isList := o.members["alerts"].([]any)
	switch {
	case o.has("TopicArn") && o.has("Type"):
		return "an Amazon SNS message, which belongs to /webhook/{pool}/cloudwatch"
	case o.has("detail-type"):
		return "an EventBridge event, which belongs to /webhook/{pool}/cloudwatch"
	case o.has("AlarmName"):
		return "a CloudWatch alarm without the SNS message around it; turn raw message delivery off"
	case isList && (o.has("groupKey") || len(alerts) > 0):
		return "an Alertmanager or Grafana notification, which belongs to /webhook/{pool}/prometheus"
	case o.has(nameCount) || o.has(nameDelta):
		return "a direct request, which belongs to /scale/{pool}"
	}
	return ""
}

// wrongDialect is the error for a payload that is not what its route takes.
func wrongDialect(o object, field, expected string) error {
	if like := looksLike(o); like != "" {
		return badRequest(field, "is %s; expected is %s", like, expected)
	}
	return badRequest(field, "is not %s", expected)
}
