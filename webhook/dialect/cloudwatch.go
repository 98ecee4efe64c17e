package dialect

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

const sourceCloudWatch = "cloudwatch"

// What the dialects of CloudWatch's alarms have in common: their path, and their name in the metrics.
const (
	alarmPath    = "/webhook/{pool}/cloudwatch"
	alarmCounted = sourceCloudWatch
)

func cloudWatch() Dialect {
	return Dialect{
		Name: sourceCloudWatch, Sender: "CloudWatch through SNS", Counted: alarmCounted, Paths: []string{alarmPath},
		Media:     append(inJSON(), "text/plain"), // Amazon SNS sends its JSON as text/plain
		Signature: SignedBySNS, Header: SNSRawDelivery,
		Is:   func(o Object) bool { return o.Has("TopicArn") && o.Has("Type") },
		Like: "an Amazon SNS message", Decode: decodeCloudWatch,
	}
}

// SNSRawDelivery is the header by which SNS says that it left its envelope out.
const SNSRawDelivery = "X-Amz-Sns-Rawdelivery"

// decodeCloudWatch reads the Message of a verified SNS notification. The Message is the JSON of a CloudWatch alarm: of
// one metric, of metric math, of anomaly detection, or of a composite alarm. It may also be an alarm's event for
// EventBridge or for Lambda that somebody sent through the topic. Unknown fields are ignored, because CloudWatch adds
// some now and then. The error is a [*BadRequestError].
//
// The form is described in the CloudWatch user guide, "Notifying users on alarm changes".
func decodeCloudWatch(message Body, route Route) (Delivery, error) {
	o, err := message.Object()
	if err != nil {
		return Delivery{}, inMessage(err)
	}
	switch {
	case o.Has("detail-type"):
		return eventBridgeDelivery(o, route)
	case isLambda(o):
		return lambdaDelivery(o, route)
	}
	if !o.Has("AlarmName") || !o.Has("NewStateValue") {
		return Delivery{}, WrongDialect(o, "Message", "a CloudWatch alarm")
	}
	trigger := o.child("Trigger")
	a := alarm{
		source: sourceCloudWatch, event: route.Key,
		name: o.Required("AlarmName"), state: o.Required("NewStateValue"), stateField: "NewStateValue",
		why: o.Text("NewStateReason"), identity: o.mention("AlarmArn"), at: o.mention("StateChangeTime"), previous: o.mention("OldStateValue"),
		comparison: comparison(trigger.Text("ComparisonOperator")),
		threshold:  trigger.number("Threshold"),
	}
	if trigger.Text("ThresholdMetricId") != "" {
		a.threshold = nil // the threshold of an anomaly is a band; a number beside it means nothing
	}
	a.value = recentDatapoint(a.why)
	if err := o.Err(); err != nil {
		return Delivery{}, err
	}
	return a.delivery(route)
}

// inMessage replaces the field "body" in an error by "Message", the field of the envelope that holds this body. It
// returns any other error unchanged.
func inMessage(err error) error {
	if bad, ok := errors.AsType[*BadRequestError](err); ok && bad.Field == "body" {
		return &BadRequestError{Field: "Message", Problem: bad.Problem}
	}
	return err
}

// comparison returns the direction that an alarm's operator suggests. It returns zero if the operator compares in both
// directions, or if there is no operator.
func comparison(operator string) scale.Direction {
	switch {
	case operator == "LessThanLowerOrGreaterThanUpperThreshold":
		return 0
	case strings.HasPrefix(operator, "Greater"):
		return scale.Up
	case strings.HasPrefix(operator, "Less"):
		return scale.Down
	}
	return 0
}

var (
	datapoints = regexp.MustCompile(`datapoints? (?:\[([^\]]*)\]|\(([^()]*)\))`)
	datapoint  = regexp.MustCompile(`^(\S+) \((\d\d/\d\d/\d\d \d\d:\d\d:\d\d)\)$`)
)

// recentDatapoint finds the most recent datapoint in the text of a state's reason, as in "2 out of the last 2
// datapoints [28.2 (22/11/19 00:57:00), 27.0 (22/11/19 00:52:00)] were ...". The older form for a single datapoint is
// "1 datapoint (10.0) was ...". It returns nil if the text holds no datapoint, as for missing data and for composite
// alarms, or if a datapoint is not understood.
func recentDatapoint(reason string) *float64 {
	found := datapoints.FindStringSubmatch(reason)
	if found == nil {
		return nil
	}
	if found[1] == "" {
		value, _ := parseNumber(found[2])
		return value
	}
	var recent *float64
	var latest time.Time
	for text := range strings.SplitSeq(found[1], ", ") {
		parts := datapoint.FindStringSubmatch(text)
		if parts == nil {
			return nil
		}
		value, wrong := parseNumber(parts[1])
		at, err := time.Parse("02/01/06 15:04:05", parts[2])
		if err != nil || wrong != "" {
			return nil
		}
		if recent == nil || at.After(latest) {
			recent, latest = value, at
		}
	}
	return recent
}

var crossed = regexp.MustCompile(`\b(?:was|were|or) (?:not )?(greater|less) than\b`)

// comparisonIn reads the direction of the comparison from the text of a state's reason, such as "was not greater than
// the threshold". It returns zero if the text does not tell the direction.
func comparisonIn(reason string) scale.Direction {
	var ways []string
	for _, found := range crossed.FindAllStringSubmatch(reason, -1) {
		ways = append(ways, found[1])
	}
	switch {
	case len(ways) == 0 || slices.Contains(ways, "greater") == slices.Contains(ways, "less"):
		return 0
	case ways[0] == "greater":
		return scale.Up
	}
	return scale.Down
}
