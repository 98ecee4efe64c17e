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

// What a direct request may hold besides a count or a delta.
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

// DecodeDirect reads a request to scale the route's pool. Count, delta and reason come from the JSON body or from the query, each
// once; dryRun and force from the query alone. The body may be empty. key is the request's Idempotency-Key, empty where it has none.
// Whatever is not known is refused: a misspelt dryRun that was passed over would scale. The error is a [*BadRequestError].
func DecodeDirect(body []byte, key string, route Route) (Direct, error) {
	direct := Direct{Intent: scale.Intent{Pool: route.Pool, Source: sourceDirect}}
	query, err := parseQuery(route.Query, nameCount, nameDelta, nameReason, nameDryRun, nameForce)
	if err != nil {
		return Direct{}, err
	}
	asked, err := directMembers(body)
	if err != nil {
		return Direct{}, err
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
	if direct.Intent.Key, err = directKey(key, route.Pool); err != nil {
		return Direct{}, err
	}
	return direct, nil
}

// directMembers are the members of the body, as texts.
func directMembers(body []byte) (map[string]string, error) {
	asked := map[string]string{}
	if len(body) == 0 {
		return asked, nil
	}
	o, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	known := []string{nameCount, nameDelta, nameReason}
	for _, name := range slices.Sorted(maps.Keys(o.members)) {
		if !slices.Contains(known, name) {
			if like := looksLike(o); like != "" && !o.has(nameCount) && !o.has(nameDelta) {
				return nil, badRequest("body", "is %s; this route takes a count or a delta", like)
			}
			return nil, badRequest(name, "is not a field of this request; there are %s", strings.Join(known, ", "))
		}
		value := o.members[name]
		number, isNumber := value.(json.Number)
		text, isText := value.(string)
		switch {
		case name == nameReason && isText:
			asked[name] = text
		case name == nameReason:
			return nil, badRequest(name, "is %s; it must be a string", kind(value))
		case isNumber:
			asked[name] = number.String()
		default:
			return nil, badRequest(name, "is %s; it must be a whole number", kind(value))
		}
	}
	return asked, nil
}

// directAsk writes what is asked for into the intent.
func directAsk(intent *scale.Intent, asked map[string]string) error {
	intent.Reason = oneLine(asked[nameReason], maxReason)
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
		return badRequest("count, delta", "exactly one must be given, in the body or in the query")
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
	if key == "" {
		return "", nil
	}
	if len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", badRequest("Idempotency-Key", "must be at most %d printable ASCII characters", maxKey)
	}
	return eventKey(sourceDirect, pool, key), nil
}

// eventKey is an intent's key for an event. The pool is a part of it, since one event may reach the routes of two pools: SNS gives
// every subscription of a topic the same MessageId.
func eventKey(dialect, pool, event string) string {
	return dialect + "/" + pool + "/" + event
}
