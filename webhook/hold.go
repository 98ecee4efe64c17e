package webhook

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/queue"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// nameFor is how long a hold lasts, in the body or the query.
const nameFor = "for"

// holdsAnswer has the holds in force.
type holdsAnswer struct {
	Holds []board.Hold `json:"holds"`
}

// DecodeHold reads a request to hold the route's pool, or the stack if the route has none. How long and why stand in
// the JSON body or in the query, each once. The error is a [*BadRequestError].
func DecodeHold(body []byte, route Route) (lasts time.Duration, reason string, err error) {
	query, err := parseQuery(route.Query, nameFor, nameReason)
	if err != nil {
		return 0, "", err
	}
	asked := map[string]string{}
	if len(body) > 0 {
		o, err := parseObject(body)
		if err != nil {
			return 0, "", err
		}
		for _, name := range slices.Sorted(maps.Keys(o.members)) {
			text, isText := o.members[name].(string)
			switch {
			case name != nameFor && name != nameReason:
				return 0, "", badRequest(name, "is not a field of this request; there are %s", nameFor+", "+nameReason)
			case !isText:
				return 0, "", badRequest(name, "is %s; it must be a string", kind(o.members[name]))
			}
			asked[name] = text
		}
	}
	for _, name := range []string{nameFor, nameReason} {
		if _, twice := asked[name]; twice && query.Has(name) {
			return 0, "", badRequest(name, "is given in the body and in the query; give it once")
		}
		if query.Has(name) {
			asked[name] = query.Get(name)
		}
	}
	text, given := asked[nameFor]
	if !given {
		return 0, "", badRequest(nameFor, "is missing; say how long, such as 30m")
	}
	if lasts, err = time.ParseDuration(text); err != nil {
		return 0, "", badRequest(nameFor, "is %q; it must be a duration such as 30m or 1h30m", oneLine(text, maxShown))
	}
	return lasts, oneLine(asked[nameReason], maxReason), nil
}

// placeForHold is the route of a hold. A hold on the stack needs no rules. A pool that is not known is refused. If the
// stack cannot be read, which may be why somebody holds it, a pool of the rules that were read last is known all the
// same.
func (s *Server) placeForHold(r *http.Request) (Route, error) {
	if r.PathValue("pool") == "" {
		return Route{Query: r.URL.RawQuery}, nil
	}
	return s.place(r)
}

// hold places a hold.
func (s *Server) hold(w http.ResponseWriter, r *http.Request) error {
	route, err := s.placeForHold(r)
	if err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	lasts, reason, err := DecodeHold(body, route)
	if err != nil {
		return err
	}
	hold, err := scale.NewHold(route.Pool, lasts, reason, sourceDirect, s.Now())
	if err != nil {
		return err
	}
	if err := s.Queue.Hold(hold); err != nil {
		return err
	}
	return s.holds(w, r)
}

// release ends a hold, also on a pool that is gone.
func (s *Server) release(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r.URL.RawQuery); err != nil {
		return err
	}
	if err := s.Queue.Release(r.PathValue("pool")); err != nil {
		return err
	}
	return s.holds(w, r)
}

// holds tells what is held.
func (s *Server) holds(w http.ResponseWriter, _ *http.Request) error {
	holds, err := s.Queue.Holds()
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, "application/json", holdsAnswer{Holds: board.HoldsOf(holds)})
	return nil
}

// heldProblem answers a direct request for a pool that somebody holds.
func (s *Server) heldProblem(sub queue.Submission, r *result) problem {
	wait := max(sub.Decision.Until.Sub(s.Now()), time.Second)
	hint := fmt.Sprintf("force does not pass a hold; DELETE /hold, or DELETE /hold/%s, ends it", sub.Decision.Intent.Pool)
	return problem{Title: "Held", Status: http.StatusConflict, Detail: r.Reason, Result: r, Hint: hint, retryAfter: wait}
}
