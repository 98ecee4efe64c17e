package dialect

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

const sourceGoogle = "google"

func google() Dialect {
	return Dialect{
		Name: sourceGoogle, Sender: "Google Cloud Monitoring", Counted: sourceGoogle, Paths: []string{"/webhook/{pool}/google"}, Media: inJSON(),
		Is: func(o Object) bool { return o.Has("incident") }, Like: "a Google Cloud Monitoring notification", Decode: decodeGoogle,
	}
}

// decodeGoogle reads a notification of Google Cloud Monitoring about an incident, as its webhook and Pub/Sub channels
// send it. The labels of the alerting policy may hold overrides, as the labels of an alert of Prometheus may. The error
// is a [*BadRequestError].
//
// The form is described in Cloud Monitoring's documentation, "Create and manage notification channels".
func decodeGoogle(body Body, route Route) (Delivery, error) {
	asked, err := queryOverrides(route.Query)
	if err != nil {
		return Delivery{}, err
	}
	o, err := body.Object()
	if err != nil {
		return Delivery{}, err
	}
	if !o.Has("incident") {
		return Delivery{}, WrongDialect(o, "body", "a notification of Google Cloud Monitoring")
	}
	incident := o.child("incident")
	f := firing{
		source: sourceGoogle, name: cmp.Or(incident.Text("policy_name"), incident.mention("condition_name")), id: incident.Required("incident_id"),
		why: incident.mention("summary"), since: incident.epoch("started_at"),
	}
	if len(f.id) > maxSignalID {
		incident.Fail("incident_id", "is longer than %d bytes", maxSignalID)
	}
	switch state := incident.Required("state"); strings.ToLower(state) {
	case "open":
	case "closed":
		f.cleared, f.ended = true, incident.epoch("ended_at")
	default:
		incident.Fail("state", "is %q; it must be open or closed", Shown(state))
	}
	if err := o.Err(); err != nil {
		return Delivery{}, err
	}
	var delivery Delivery
	if o.mention("version") == "test" {
		delivery.skip(f.name, route.Pool, "not scaled: this is a test of the notification channel")
		return delivery, nil
	}
	f.condition(incident)
	labels := map[string]string{}
	for name := range incident.aside("policy_user_labels").members {
		labels[name] = incident.aside("policy_user_labels").mention(name)
	}
	own, err := alertOverrides(labels, nil)
	if err != nil {
		return Delivery{}, err
	}
	delivery.Intents = []scale.Intent{f.intent(route, asked.over(own))}
	return delivery, nil
}

// condition reads what the incident tells of its condition. What is not understood is left out. Conditions of absence,
// of logs and of queries have no comparison and no threshold, although there may be a 0 in place of the threshold.
func (f *firing) condition(incident Object) {
	f.value = incident.loose("observed_value")
	threshold := incident.aside("condition").aside("conditionThreshold")
	if len(threshold.members) == 0 {
		return
	}
	switch threshold.mention("comparison") {
	case "COMPARISON_GT", "COMPARISON_GE":
		f.comparison = scale.Up
	case "COMPARISON_LT", "COMPARISON_LE":
		f.comparison = scale.Down
	}
	if f.threshold = threshold.loose("thresholdValue"); f.threshold == nil {
		f.threshold = incident.loose("threshold_value")
	}
}

// epoch reads a member that is a time in seconds since 1970. It returns the zero time if the member is absent, null or
// no such time.
func (o Object) epoch(key string) time.Time {
	number, _ := o.members[key].(json.Number)
	if seconds, err := number.Int64(); err == nil && seconds > 0 {
		return time.Unix(seconds, 0).UTC()
	}
	return time.Time{}
}
