package webhook

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// sourceDirect is the source of the intents of a direct request.
const sourceDirect = "http"

// A direct request may hold these besides a count or a delta.
const (
	nameReason = "reason"
	nameDryRun = "dryRun"
	nameForce  = "force"
)

// maxKey is the longest Idempotency-Key, in bytes.
const maxKey = 255

// Direct is a request that names a count or a delta itself.
type Direct struct {
	Intent scale.Intent
	// DryRun asks for the decision and the diff alone.
	DryRun bool
}

// DecodeDirect reads a request to scale the route's pool. Count, delta and reason come from the JSON body or from the
// query, each once; dryRun and force come from the query alone. The body may be empty. It may also be an EventBridge
// event that is not an alarm's, such as a schedule's: then the query says what the event asks for, and the event's id
// takes the place of a key that is not given. key is the request's Idempotency-Key; it is empty if the request has
// none. Whatever is not known is refused: a misspelt dryRun that was passed over would scale. The error is a
// [*BadRequestError].
func DecodeDirect(body []byte, key string, route Route) (Direct, error) {
	direct := Direct{Intent: scale.Intent{Pool: route.Pool, Source: sourceDirect}}
	query, err := parseQuery(route.Query, nameCount, nameDelta, nameReason, nameDryRun, nameForce)
	if err != nil {
		return Direct{}, err
	}
	asked, event, err := directMembers(body)
	if err != nil {
		return Direct{}, err
	}
	if event.id != "" {
		if !query.Has(nameCount) && !query.Has(nameDelta) {
			return Direct{}, badRequest("count, delta", "stand neither in the URL nor in the event; add what it asks for to the URL: /scale/%s?count=12", route.Pool)
		}
		direct.Intent.Source, direct.Intent.Key, direct.Intent.Reason = sourceEventBridge, eventKey(sourceEventBridge, route.Pool, event.id), event.reason
	}
	for _, name := range []string{nameCount, nameDelta, nameReason} {
		_, twice := asked[name]
		switch {
		case twice && query.Has(name):
			return Direct{}, badRequest(name, "is given in the body and in the query; give it once")
		case query.Has(name):
			asked[name] = query.Get(name)
		}
	}
	if err := directAsk(&direct.Intent, asked); err != nil {
		return Direct{}, err
	}
	if direct.DryRun, err = directFlag(query, nameDryRun); err != nil {
		return Direct{}, err
	}
	if direct.Intent.Force, err = directFlag(query, nameForce); err != nil {
		return Direct{}, err
	}
	if key != "" {
		direct.Intent.Key, err = directKey(key, route.Pool)
	}
	return direct, err
}

// directEvent is what is taken from an EventBridge event. Its id is empty if the body is not one.
type directEvent struct{ id, reason string }

// eventIn reads an EventBridge event that may stand in the body of a direct request. It passes over an alarm's: the
// alarm's end would ask for the same as its beginning.
func eventIn(o object) (e directEvent, err error) {
	if !o.has("detail-type") || !o.has("id") || o.members["detail-type"] == alarmStateChange {
		return e, nil
	}
	e.id, e.reason = o.required("id"), o.text("detail-type")
	if _, rule, ok := strings.Cut(resource(o), ":rule/"); ok {
		e.reason += " " + rule
	}
	if len(e.id) > maxEventID {
		o.fail("id", "is longer than %d bytes", maxEventID)
	}
	e.reason = oneLine(e.reason, maxReason)
	return e, o.err()
}

// directMembers are the members of the body as texts, or the event if the body is one.
func directMembers(body []byte) (asked map[string]string, event directEvent, err error) {
	asked = map[string]string{}
	if len(body) == 0 {
		return asked, event, nil
	}
	o, err := parseObject(body)
	if err != nil {
		return nil, event, err
	}
	if event, err = eventIn(o); err != nil || event.id != "" {
		return asked, event, err
	}
	known := []string{nameCount, nameDelta, nameReason}
	for _, name := range slices.Sorted(maps.Keys(o.members)) {
		if !slices.Contains(known, name) {
			if like := looksLike(o); like != "" && !o.has(nameCount) && !o.has(nameDelta) {
				return nil, event, badRequest("body", "is %s; this route takes a count or a delta", like)
			}
			return nil, event, badRequest(name, "is not a field of this request; there are %s", strings.Join(known, ", "))
		}
		value := o.members[name]
		number, isNumber := value.(json.Number)
		text, isText := value.(string)
		switch {
		case name == nameReason && isText:
			asked[name] = text
		case name == nameReason:
			return nil, event, badRequest(name, "is %s; it must be a string", kind(value))
		case isNumber:
			asked[name] = number.String()
		default:
			return nil, event, badRequest(name, "is %s; it must be a whole number", kind(value))
		}
	}
	return asked, event, nil
}

// directAsk writes what is asked for into the intent.
func directAsk(intent *scale.Intent, asked map[string]string) error {
	if reason, ok := asked[nameReason]; ok {
		intent.Reason = oneLine(reason, maxReason)
	}
	var wrong string
	if text, ok := asked[nameCount]; ok {
		if intent.Count, wrong = parseCount(text); wrong != "" {
			return badRequest(nameCount, "is %q; it must be %s", oneLine(text, maxShown), wrong)
		}
	}
	if text, ok := asked[nameDelta]; ok {
		if intent.Delta, wrong = parseDelta(text); wrong != "" {
			return badRequest(nameDelta, "is %q; it must be %s", oneLine(text, maxShown), wrong)
		}
	}
	if (intent.Count == nil) == (intent.Delta == nil) {
		return badRequest("count, delta", "exactly one must be given: in the URL, as in ?count=5, or in the body, as in {\"delta\": -2}")
	}
	return nil
}

func directFlag(query url.Values, name string) (bool, error) {
	text := query.Get(name)
	if query.Has(name) && text != "true" && text != "false" {
		return false, badRequest(name, "is %q; it must be true or false", oneLine(text, maxShown))
	}
	return text == "true", nil
}

func directKey(key, pool string) (string, error) {
	if len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", badRequest("Idempotency-Key", "must be at most %d printable ASCII characters", maxKey)
	}
	return eventKey(sourceDirect, pool, key), nil
}

// eventKey is an intent's key for an event. The pool is a part of it, because one event may reach the routes of two
// pools: SNS gives every subscription of a topic the same MessageId.
func eventKey(dialect, pool, event string) string {
	return dialect + "/" + pool + "/" + event
}
