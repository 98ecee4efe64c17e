package dialect

import (
	"crypto/sha256"
	"encoding/hex"
)

const sourceLambda = "lambda"

func lambda() Dialect {
	return Dialect{
		Name: sourceLambda, Sender: "CloudWatch through a Lambda function", Counted: alarmCounted, Paths: []string{alarmPath}, Media: inJSON(),
		Is: isLambda, Like: "an alarm's event for a Lambda function", Decode: decodeLambda,
	}
}

func isLambda(o Object) bool { return o.Has("alarmData") }

// decodeLambda reads the event with which a CloudWatch alarm invokes a Lambda function, which passes the event on. The
// alarm may be one of metrics, or composite. The event carries no comparison operator: see [decodeEventBridge]. The
// error is a [*BadRequestError].
//
// The form is described in the CloudWatch user guide, "Lambda alarm actions".
func decodeLambda(body Body, route Route) (Delivery, error) {
	o, err := body.Object()
	if err != nil {
		return Delivery{}, err
	}
	return lambdaDelivery(o, route)
}

func lambdaDelivery(o Object, route Route) (Delivery, error) {
	if !isLambda(o) {
		return Delivery{}, WrongDialect(o, "body", "an alarm's event for a Lambda function")
	}
	if source := o.Text("source"); source != sourceAlarms && o.Err() == nil {
		return Delivery{}, BadRequest("source", "is %q; it must be %q", Shown(source), sourceAlarms)
	}
	a := alarmOf(o.child("alarmData"), o.Required("alarmArn"))
	a.source = sourceLambda
	if a.at != "" {
		// Lambda may deliver the event again, so it needs an id. The event has no id of its own.
		hash := sha256.Sum256([]byte(a.identity + "\n" + a.at + "\n" + a.state))
		a.event = hex.EncodeToString(hash[:16])
	}
	if err := o.Err(); err != nil {
		return Delivery{}, err
	}
	return a.delivery(route)
}
