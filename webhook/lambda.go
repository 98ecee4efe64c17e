package webhook

import (
	"crypto/sha256"
	"encoding/hex"
)

const sourceLambda = "lambda"

// IsLambda says whether a body is the event with which a CloudWatch alarm invokes a Lambda function, which passes it
// on. It does not say that the event is valid.
func IsLambda(body []byte) bool {
	o, err := parseObject(body)
	return err == nil && isLambda(o)
}

func isLambda(o object) bool { return o.has("alarmData") }

// DecodeLambda reads the event with which a CloudWatch alarm, of metrics or composite, invokes a Lambda function. The
// event carries no comparison operator: see [DecodeEventBridge]. The error is a [*BadRequestError].
//
// The form is described in the CloudWatch user guide, "Lambda alarm actions".
func DecodeLambda(body []byte, route Route) (Delivery, error) {
	o, err := parseObject(body)
	if err != nil {
		return Delivery{}, err
	}
	return lambdaDelivery(o, route)
}

func lambdaDelivery(o object, route Route) (Delivery, error) {
	if !isLambda(o) {
		return Delivery{}, wrongDialect(o, "body", "an alarm's event for a Lambda function")
	}
	if source := o.text("source"); source != sourceAlarms && o.err() == nil {
		return Delivery{}, badRequest("source", "is %q; it must be %q", oneLine(source, maxShown), sourceAlarms)
	}
	a := alarmOf(o.child("alarmData"), o.required("alarmArn"))
	a.source = sourceLambda
	if a.at != "" {
		// The event has no id of its own, and Lambda tries again.
		hash := sha256.Sum256([]byte(a.identity + "\n" + a.at + "\n" + a.state))
		a.event = hex.EncodeToString(hash[:16])
	}
	if err := o.err(); err != nil {
		return Delivery{}, err
	}
	return a.delivery(route)
}
