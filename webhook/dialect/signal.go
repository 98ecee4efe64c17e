package dialect

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

const sourceSignal = "signal"

// The names of a plain signal's members, besides the names of overrides.
const (
	nameAlert = "alert"
	nameState = "state"
	nameID    = "id"
	nameAt    = "at"
)

// maxSignalID is the longest id of a signal, in bytes.
const maxSignalID = 255

func plainSignal() Dialect {
	return Dialect{
		Name: sourceSignal, Sender: "Any alarm, by a template", Counted: sourceSignal, Paths: []string{"/signal/{pool}"}, Media: inJSON(),
		Is: func(o Object) bool { return o.Has(nameAlert) && o.Has(nameState) }, Like: "a plain signal", Decode: decodeSignal,
	}
}

// firingWords, endedWords and idleWords return the words by which senders name the states of an alert, in lower case.
// An idle state says nothing of the metric, so nothing is scaled by it. The words come from Datadog
// ($ALERT_TRANSITION), New Relic (state, triggerEvent), Dynatrace ({State}) and Zabbix ({EVENT.VALUE},
// {TRIGGER.STATUS}), and from other senders that use the same words.
func firingWords() []string {
	return []string{
		statusFiring, "fired", "alert", "alarm", "alerting", "active", "activated", "triggered", "re-triggered", "renotify", "open", "opened",
		"problem", "critical", "1",
	}
}

func endedWords() []string {
	return []string{statusResolved, "ok", "recovered", "recovery", "normal", "inactive", "deactivated", "closed", "0"}
}

func idleWords() []string {
	return []string{
		"no data", "re-no data", "warn", "re-warn", "warning", "acknowledged", "created", "merged", "unknown", "null", "pending", "test",
	}
}

// decodeSignal reads a plain signal, from senders whose payload is a template that the user writes. A member that the
// template leaves empty counts as absent, and a number may be a text. Unknown members are refused: if a misspelt
// direction were ignored, the pool could be scaled the wrong way. The error is a [*BadRequestError].
func decodeSignal(body Body, route Route) (Delivery, error) {
	asked, err := queryOverrides(route.Query)
	if err != nil {
		return Delivery{}, err
	}
	o, err := body.Object()
	if err != nil {
		return Delivery{}, err
	}
	if !o.Has(nameAlert) && !o.Has(nameState) {
		return Delivery{}, WrongDialect(o, "body", "a plain signal with alert and state")
	}
	said, err := readMembers(o, []string{
		nameAlert, nameState, nameID, nameAt, nameReason, nameDirection, nameDelta, nameCount, nameValue, nameThreshold,
	}, readTemplated)
	if err != nil {
		return Delivery{}, err
	}
	own, err := readOverrides(func(name string) (string, string, bool) { return o.at(name), said[name], said[name] != "" })
	if err != nil {
		return Delivery{}, err
	}
	s := templated{alert: said[nameAlert], state: strings.ToLower(said[nameState]), id: said[nameID], why: said[nameReason]}
	switch at, ok := momentOf(said[nameAt]); {
	case s.alert == "":
		return Delivery{}, BadRequest(o.at(nameAlert), "is missing")
	case s.state == "":
		return Delivery{}, BadRequest(o.at(nameState), "is missing")
	case len(s.id) > maxSignalID:
		return Delivery{}, BadRequest(o.at(nameID), "is longer than %d bytes", maxSignalID)
	case !ok:
		return Delivery{}, BadRequest(o.at(nameAt), "is %q; it must be a time as in RFC 3339, or the seconds or milliseconds since 1970", Shown(said[nameAt]))
	default:
		s.at = at
	}
	return s.delivery(route, o.at(nameState), asked.over(own))
}

// readTemplated reads a member of a body that a template has made.
func readTemplated(_ string, value any) (text, wrong string) {
	switch v := value.(type) {
	case nil:
		return "", ""
	case string:
		return strings.TrimSpace(v), ""
	case json.Number:
		return v.String(), ""
	}
	return "", "a string or a number"
}

// momentOf reads a time as senders write it: as in RFC 3339, or in seconds or milliseconds since 1970. The time is zero
// for an empty text. ok is false if the text is not empty and no such time.
func momentOf(text string) (at time.Time, ok bool) {
	if text == "" {
		return time.Time{}, true
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		const firstMillisecond = 100_000_000_000 // as seconds that is the year 5138, as milliseconds 1973
		if n >= firstMillisecond {
			return time.UnixMilli(n).UTC(), n < 1000*firstMillisecond
		}
		return time.Unix(n, 0).UTC(), n > 0
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}

// templated is a plain signal as its sender's template has filled it in.
type templated struct {
	alert, state, id, why string
	at                    time.Time
}

// delivery returns what the signal asks of the route's pool. stateField is the field that holds the signal's state.
func (s templated) delivery(route Route, stateField string, asked overrides) (Delivery, error) {
	var delivery Delivery
	f := firing{source: sourceSignal, name: s.alert, id: s.id, why: s.why}
	switch {
	case slices.Contains(firingWords(), s.state):
		f.since = s.at
	case slices.Contains(endedWords(), s.state):
		f.cleared, f.since, f.ended = true, s.at, s.at
	case slices.Contains(idleWords(), s.state):
		delivery.skip(s.alert, route.Pool, "not scaled: its state is %q, which is neither firing nor resolved", Shown(s.state))
		return delivery, nil
	default:
		return delivery, BadRequest(stateField, "is %q; it must be firing or resolved, or one of the words that docs/senders.md has for them", Shown(s.state))
	}
	delivery.Intents = []scale.Intent{f.intent(route, asked)}
	return delivery, nil
}
