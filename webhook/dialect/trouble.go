package dialect

import (
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// A sender's own trouble is no reason to scale: the sender has no data, has lost a series, or somebody has edited or
// paused its rule. Such a trouble says neither that there is less to do nor that there is more.

// stateReason is the annotation by which Grafana says that the state of an alert has a different cause than the values
// of the alert's query: "MissingSeries", "NoData", "Error", "Updated", "Paused", "RuleDeleted", "KeepLast", or several
// of them. See "grafana_state_reason" in Grafana's documentation of the states of alerts. Alerts that Grafana sends
// through an Alertmanager have the annotation too.
const stateReason = "grafana_state_reason"

// trouble returns why nothing is scaled by an alert that tells only of a trouble of its sender. It returns "" if the
// alert tells of the metric.
func (a alert) trouble() string {
	switch reason := strings.TrimSpace(a.annotations[stateReason]); {
	case noData(a.name()):
		return "not scaled: Grafana could not evaluate the rule (" + a.name() + ")"
	case reason != "" && a.cleared:
		return "not scaled: Grafana ended the alert for another reason than the metric (" + reason + ")"
	case reason != "":
		return "not scaled: the alert fires for another reason than the metric (" + reason + ")"
	}
	return ""
}

// If missing data have brought about a state, CloudWatch says so in the state's reason, in words that depend on the
// alarm's treatMissingData. It also says so in the reason of a composite alarm, if an alarm below it has lost its data.
const (
	noDatapoints       = "no datapoints were received"
	missingIsGood      = "treated as [NonBreaching]"
	missingIsBad       = "treated as [Breaching]"
	childLostItsData   = "transitioned to " + insufficientData
	insufficientData   = "INSUFFICIENT_DATA"
	dataMissing        = "not scaled: the alarm went to %s because data is missing"
	childHasNoData     = "not scaled: the alarm went to %s because another alarm has insufficient data"
	dataWereMissing    = "not scaled: the alarm is OK after INSUFFICIENT_DATA, which does not mean that the metric changed"
	ownInsufficentData = "not scaled: the alarm has insufficient data"
)

// trouble returns why nothing is scaled by a change of state that tells only of a trouble of CloudWatch. It returns ""
// if the change tells of the metric. If only some datapoints are missing, this is a trouble in two cases: the state is
// OK and they were counted as good, or an alarm that scales down fires and they were counted as bad.
func (a alarm) trouble(asked overrides) string {
	down := a.comparison == scale.Down || asked.direction == scale.Down
	switch {
	case a.state == insufficientData:
		return ownInsufficentData
	case strings.Contains(a.why, childLostItsData):
		return strings.Replace(childHasNoData, "%s", a.state, 1)
	case strings.Contains(a.why, noDatapoints),
		a.state == stateOK && strings.Contains(a.why, missingIsGood),
		a.state == stateAlarm && down && strings.Contains(a.why, missingIsBad):
		return strings.Replace(dataMissing, "%s", a.state, 1)
	}
	return ""
}

// lapsed returns why an alarm's OK does not mean that a firing has ended. It returns "" if the OK means that, and for
// every other state. An OK after insufficient data means nothing, because every new alarm goes from insufficient data
// to OK.
func (a alarm) lapsed() string {
	if a.state == stateOK && a.previous == insufficientData {
		return dataWereMissing
	}
	return ""
}
