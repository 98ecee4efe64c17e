package dialect

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// SourceDirect is the source of the intents of direct requests.
const SourceDirect = "http"

// These are the names of what a direct request may hold besides a count or a delta.
const (
	nameReason = "reason"
	nameDryRun = "dryRun"
	nameForce  = "force"
)

// maxKey is the longest Idempotency-Key, in bytes.
const maxKey = 255

func direct() Dialect {
	return Dialect{
		Name: SourceDirect, Sender: "any program, by HTTP", Counted: SourceDirect, Paths: []string{"/scale/{pool}"}, Media: inJSON(),
		MediaHint: "put count or delta into the URL, as in ?count=5, or send JSON with the header Content-Type: application/json",
		Is:        func(o Object) bool { return o.Has(nameCount) || o.Has(nameDelta) },
		Like:      "a direct request", Direct: true, Decode: decodeDirect,
	}
}

// decodeDirect reads a request to scale the route's pool. Count, delta and reason come from the JSON body or from the
// query, none of them from both; dryRun and force come from the query alone. The body may be empty. It may also be an
// EventBridge event, such as a schedule's, but not an alarm's. Then the query says what to do, and the event's id is
// the idempotency key, unless the request has the header Idempotency-Key. Unknown names are refused: if a misspelt
// dryRun were ignored, the request would scale the pool. The error is a [*BadRequestError].
func decodeDirect(body Body, route Route) (Delivery, error) {
	intent := scale.Intent{Pool: route.Pool, Source: SourceDirect}
	query, err := ParseQuery(route.Query, nameCount, nameDelta, nameReason, nameDryRun, nameForce)
	if err != nil {
		return Delivery{}, err
	}
	asked, event, err := directMembers(body)
	if err != nil {
		return Delivery{}, err
	}
	if event.id != "" {
		if !query.Has(nameCount) && !query.Has(nameDelta) {
			return Delivery{}, BadRequest("count, delta", "stand neither in the URL nor in the event; add what it asks for to the URL: /scale/%s?count=12", route.Pool)
		}
		intent.Source, intent.Key, intent.Reason = sourceEventBridge, eventKey(sourceEventBridge, route.Pool, event.id), event.reason
	}
	if err := addQuery(asked, query, nameCount, nameDelta, nameReason); err != nil {
		return Delivery{}, err
	}
	if err := directAsk(&intent, asked); err != nil {
		return Delivery{}, err
	}
	dryRun, err := directFlag(query, nameDryRun)
	if err != nil {
		return Delivery{}, err
	}
	if intent.Force, err = directFlag(query, nameForce); err != nil {
		return Delivery{}, err
	}
	if route.Key != "" {
		if intent.Key, err = directKey(route.Key, route.Pool); err != nil {
			return Delivery{}, err
		}
	}
	return Delivery{Intents: []scale.Intent{intent}, DryRun: dryRun}, nil
}

// directEvent holds the parts of an EventBridge event that a direct request uses. The id is empty if the body is no
// such event.
type directEvent struct{ id, reason string }

// eventIn reads the EventBridge event that a direct request may have as its body. The event of an alarm is not read:
// the count or delta stands in the query, so the end of the alarm would scale the pool just as its beginning did.
func eventIn(o Object) (e directEvent, err error) {
	if !o.Has("detail-type") || !o.Has("id") || o.members["detail-type"] == alarmStateChange {
		return e, nil
	}
	e.id, e.reason = o.Required("id"), o.Text("detail-type")
	if _, rule, ok := strings.Cut(resource(o), ":rule/"); ok {
		e.reason += " " + rule
	}
	if len(e.id) > maxEventID {
		o.Fail("id", "is longer than %d bytes", maxEventID)
	}
	e.reason = board.OneLine(e.reason, MaxReason)
	return e, o.Err()
}

// directMembers returns the members of the body as texts, or the event if the body is an EventBridge event.
func directMembers(body Body) (asked map[string]string, event directEvent, err error) {
	asked = map[string]string{}
	if body.empty {
		return asked, event, nil
	}
	o, err := body.Object()
	if err != nil {
		return nil, event, err
	}
	if event, err = eventIn(o); err != nil || event.id != "" {
		return asked, event, err
	}
	if like := looksLike(o); like != "" && !o.Has(nameCount) && !o.Has(nameDelta) {
		return nil, event, BadRequest("body", "is %s; this route takes a count or a delta", like)
	}
	asked, err = readMembers(o, []string{nameCount, nameDelta, nameReason}, func(name string, value any) (text, wrong string) {
		if name == nameReason {
			return readText(name, value)
		}
		number, ok := value.(json.Number)
		if !ok {
			return "", "a whole number"
		}
		return number.String(), ""
	})
	return asked, event, err
}

// directAsk writes what is asked for into the intent.
func directAsk(intent *scale.Intent, asked map[string]string) error {
	if reason, ok := asked[nameReason]; ok {
		intent.Reason = board.OneLine(reason, MaxReason)
	}
	var wrong string
	if text, ok := asked[nameCount]; ok {
		if intent.Count, wrong = parseCount(text); wrong != "" {
			return BadRequest(nameCount, "is %q; it must be %s", Shown(text), wrong)
		}
	}
	if text, ok := asked[nameDelta]; ok {
		if intent.Delta, wrong = parseDelta(text); wrong != "" {
			return BadRequest(nameDelta, "is %q; it must be %s", Shown(text), wrong)
		}
	}
	if (intent.Count == nil) == (intent.Delta == nil) {
		return BadRequest("count, delta", "exactly one must be given: in the URL, as in ?count=5, or in the body, as in {\"delta\": -2}")
	}
	return nil
}

func directFlag(query url.Values, name string) (bool, error) {
	text := query.Get(name)
	if query.Has(name) && text != "true" && text != "false" {
		return false, BadRequest(name, "is %q; it must be true or false", Shown(text))
	}
	return text == "true", nil
}

func directKey(key, pool string) (string, error) {
	if len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", BadRequest("Idempotency-Key", "must be at most %d printable ASCII characters", maxKey)
	}
	return eventKey(SourceDirect, pool, key), nil
}

// eventKey makes an intent's key for an event. The pool is a part of the key, because one event may reach the routes of
// two pools: SNS gives every subscription of a topic the same MessageId.
func eventKey(dialect, pool, event string) string {
	return dialect + "/" + pool + "/" + event
}
