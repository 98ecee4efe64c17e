package webhook

import (
	"net/http"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// findHoldRoute returns the route of a request for a hold. A hold on the stack needs no rules. A hold on an unknown
// pool is refused. If the stack cannot be read, a pool is known if the rules that were read last name it: somebody may
// want the hold just because the stack cannot be read.
func (s *Server) findHoldRoute(r *http.Request) (dialect.Route, error) {
	if r.PathValue("pool") == "" {
		return dialect.Route{Query: r.URL.RawQuery}, nil
	}
	return s.findRoute(r, s.renew)
}

// hold places a hold.
func (s *Server) hold(r *http.Request) (any, error) {
	route, err := s.findHoldRoute(r)
	if err != nil {
		return nil, err
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	lasts, reason, err := dialect.DecodeHold(dialect.Parse(body), route)
	if err != nil {
		return nil, err
	}
	hold, err := scale.NewHold(route.Pool, lasts, reason, dialect.SourceDirect, s.Now())
	if err != nil {
		return nil, err
	}
	if err := s.Queue.Hold(hold); err != nil {
		return nil, err
	}
	return s.holds(r)
}

// release ends a hold. The pool need not exist any more.
func (s *Server) release(r *http.Request) (any, error) {
	if _, err := dialect.ParseQuery(r.URL.RawQuery); err != nil {
		return nil, err
	}
	if err := s.Queue.Release(r.PathValue("pool")); err != nil {
		return nil, err
	}
	return s.holds(r)
}

// holds lists the holds.
func (s *Server) holds(_ *http.Request) (any, error) {
	holds, err := s.Queue.Holds()
	if err != nil {
		return nil, err
	}
	return board.HoldsOf(s.StackName, holds), nil
}
