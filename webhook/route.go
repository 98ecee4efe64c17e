package webhook

import (
	"context"
	"net/http"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// findRoute returns the route of a request. If no rule names the pool of the request, findRoute calls renew and looks
// again. The error is an [*scale.UnknownPoolError] if even then no rule names the pool. Otherwise it is the error of
// renew, or it says why no rules are known.
func (s *Server) findRoute(r *http.Request, renew func(context.Context) error) (dialect.Route, error) {
	route := dialect.Route{Pool: r.PathValue("pool"), Rules: s.Queue.Rules(), Query: r.URL.RawQuery}
	if route.Rules == nil {
		if err := s.Queue.EnsureRead(r.Context()); err != nil {
			return route, err
		}
		if err := s.Queue.Ready(); err != nil {
			return route, err
		}
		route.Rules = s.Queue.Rules()
	}
	if route.Pool == "" {
		return route, nil
	}
	_, unknown := route.Rules.Find(route.Pool)
	if unknown == nil {
		return route, nil
	}
	if err := renew(r.Context()); err != nil {
		return route, err
	}
	route.Rules = s.Queue.Rules()
	_, err := route.Rules.Find(route.Pool)
	return route, err
}

// reloadRules has the rules read again. Rules that have become malformed are no error: the earlier rules stay in force.
func (s *Server) reloadRules(ctx context.Context) error {
	if err := s.Queue.Reload(ctx); err != nil && scale.ProblemsOf(err) == nil {
		return err
	}
	return nil
}

// renewEvery is how long requests for unknown pools cause no further reading of the stack after one that succeeded.
const renewEvery = 5 * time.Second

// renew has the rules read again, unless its last reading that succeeded began less than renewEvery ago. Somebody may
// have added the pool after the last reading, and a sender that is told that its pool is unknown does not try again.
// The error says that the stack cannot be read; rules that have become malformed are no error.
//
// Requests that come at the same time share one reading, which goes on even if one of the requests ends.
func (s *Server) renew(ctx context.Context) error {
	done := s.renewing.DoChan("", func() (any, error) {
		now := s.Now()
		if now.Sub(s.renewed) < renewEvery {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
		defer cancel()
		if err := s.reloadRules(ctx); err != nil {
			return nil, err
		}
		s.renewed = now
		return nil, nil
	})
	select {
	case result := <-done:
		return result.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}
