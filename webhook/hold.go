package webhook

import (
	"fmt"
	"net/http"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// holdsAnswer has the holds in force.
type holdsAnswer struct {
	Holds []board.Hold `json:"holds"`
}

// placeForHold is the route of a hold. A hold on the stack needs no rules. A pool that is not known is refused. If the
// stack cannot be read, which may be why somebody holds it, a pool of the rules that were read last is known all the
// same.
func (s *Server) placeForHold(r *http.Request) (dialect.Route, error) {
	if r.PathValue("pool") == "" {
		return dialect.Route{Query: r.URL.RawQuery}, nil
	}
	return s.findRoute(r, s.renew)
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
	lasts, reason, err := dialect.DecodeHold(dialect.Parse(body), route)
	if err != nil {
		return err
	}
	hold, err := scale.NewHold(route.Pool, lasts, reason, dialect.SourceDirect, s.Now())
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
	if _, err := dialect.ParseQuery(r.URL.RawQuery); err != nil {
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
	writeJSON(w, http.StatusOK, holdsAnswer{Holds: board.HoldsOf(holds)})
	return nil
}

// heldProblem answers a direct request for a pool that somebody holds.
func (s *Server) heldProblem(sub queue.Submission, r *result) problem {
	wait := max(sub.Decision.Until.Sub(s.Now()), time.Second)
	hint := fmt.Sprintf("force does not pass a hold; DELETE /hold, or DELETE /hold/%s, ends it", sub.Decision.Intent.Pool)
	return problem{Title: "Held", Status: http.StatusConflict, Detail: r.Reason, Result: r, Hint: hint, retryAfter: wait}
}
