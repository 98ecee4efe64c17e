package dialect

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// nameFor is the name by which the body or the query says how long a hold lasts.
const nameFor = "for"

// DecodeHold reads a request to hold the route's pool, or the stack if the route has none. The duration and the reason
// come from the JSON body or from the query, neither of them from both. The error is a [*BadRequestError].
func DecodeHold(body Body, route Route) (lasts time.Duration, reason string, err error) {
	query, err := ParseQuery(route.Query, nameFor, nameReason)
	if err != nil {
		return 0, "", err
	}
	asked := map[string]string{}
	if !body.empty {
		o, err := body.Object()
		if err != nil {
			return 0, "", err
		}
		if asked, err = readMembers(o, []string{nameFor, nameReason}, readText); err != nil {
			return 0, "", err
		}
	}
	if err := addQuery(asked, query, nameFor, nameReason); err != nil {
		return 0, "", err
	}
	text, given := asked[nameFor]
	if !given {
		return 0, "", BadRequest(nameFor, "is missing; say how long, such as 30m")
	}
	if lasts, err = time.ParseDuration(text); err != nil {
		return 0, "", BadRequest(nameFor, "is %q; it must be a duration such as 30m or 1h30m", Shown(text))
	}
	return lasts, board.OneLine(asked[nameReason], MaxReason), nil
}
