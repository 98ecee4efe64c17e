package webhook

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/trace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// A list in an answer of the API has at most as many entries as the query's limit says, from 1 to largestLimit. If the
// query has no limit, the list has at most defaultLimit.
const (
	defaultLimit = 50
	largestLimit = 1000
)

// pools answers with the standings of all pools, whether the server is ready, and the mistakes in the stack's rules.
func (s *Server) pools(r *http.Request) (any, error) {
	statuses, err := s.Queue.Pools(r.Context())
	if err != nil {
		return nil, err
	}
	return struct {
		board.Pools
		Ready      bool            `json:"ready"`
		RuleErrors []scale.Problem `json:"ruleErrors,omitempty"`
	}{board.PoolsOf(s.StackName, statuses, s.Queue.Overview().Program, s.Now()), s.Queue.Ready() == nil, scale.ProblemsOf(s.Queue.RulesErr())}, nil
}

func (s *Server) pool(r *http.Request) (any, error) {
	route, err := s.findRoute(r, s.renew)
	if err != nil {
		return nil, err
	}
	statuses, err := s.Queue.Pools(r.Context())
	if err != nil {
		return nil, err
	}
	for _, status := range statuses {
		if status.Rule.Pool == route.Pool {
			return board.PoolOf(status, s.Now()), nil
		}
	}
	return nil, &scale.UnknownPoolError{Pool: route.Pool} // its rule has just gone
}

func (s *Server) operation(r *http.Request) (any, error) {
	op, err := s.Queue.Operation(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	doc := board.OperationOf(op)
	doc.Runs = board.RunsOf(s.Activity.Runs(op.ID))
	return doc, nil
}

// cancel closes an operation that has not begun.
func (s *Server) cancel(w http.ResponseWriter, r *http.Request) error {
	op, err := s.Queue.Cancel(r.PathValue("id"))
	if refused, ok := errors.AsType[*queue.NotCancelledError](err); ok {
		doc := board.OperationOf(refused.Operation)
		problem{Title: "Cannot be cancelled", Status: http.StatusConflict, Detail: refused.Reason, Operation: &doc}.write(w)
		return nil
	}
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, board.OperationOf(op))
	return nil
}

// operations answers with two lists: the operations that are not done, oldest first, and the operations that are done,
// newest first.
func (s *Server) operations(r *http.Request) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	pool := r.URL.Query().Get("pool")
	recent, err := s.Queue.Recent(pool, limit)
	if err != nil {
		return nil, err
	}
	doc := struct {
		Open        []board.Operation `json:"open"`
		OpenOmitted int               `json:"openOmitted,omitempty"`
		Done        []board.Operation `json:"done"`
	}{Open: []board.Operation{}, Done: []board.Operation{}}
	for _, op := range s.Queue.Open() {
		switch {
		case pool != "" && op.Intent.Pool != pool:
		case len(doc.Open) < limit:
			doc.Open = append(doc.Open, board.OperationOf(op))
		default:
			doc.OpenOmitted++
		}
	}
	for _, op := range recent {
		doc.Done = append(doc.Done, board.OperationOf(op))
	}
	return doc, nil
}

// history lists past scalings, whoever made them.
func (s *Server) history(r *http.Request) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	scalings, err := attend(r.Context(), s, func(ctx context.Context) ([]scale.Scaling, error) {
		return s.Queue.History(ctx, r.URL.Query().Get("pool"), limit)
	})
	if err != nil {
		return nil, err
	}
	return board.HistoryOf(s.StackName, scalings), nil
}

func limitOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > largestLimit {
		return 0, dialect.BadRequest("limit", "must be a whole number from 1 to %d", largestLimit)
	}
	return n, nil
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) error {
	s.Metrics.handler().ServeHTTP(w, r)
	return nil
}

// reload reads the tokens and the rules again. If the new ones cannot be used, the old ones stay in force. Requests
// that come at the same time share one reload.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) error {
	err := s.reloading.do(r.Context(), func() error {
		ctx, cancel := context.WithTimeout(trace.ContextWithSpan(s.life, trace.SpanFromContext(r.Context())), apiTimeout)
		defer cancel()
		return s.readAgain(ctx)
	})
	if usage, ok := errors.AsType[*scale.UsageError](err); ok { // the stack is at fault, and not the request
		problem{Title: notReloaded, Status: http.StatusConflict, Detail: usage.Error(), Hint: usage.Hint}.write(w)
		return nil
	}
	if problems := scale.ProblemsOf(err); problems != nil {
		problem{
			Title: notReloaded, Status: http.StatusConflict, RuleErrors: problems,
			Detail: "the stack's new rules have mistakes; the rules from before, if there are any, stay in force",
		}.write(w)
		return nil
	}
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, reloaded{Note: "reloaded the tokens and rules", Pools: append([]string{}, s.Queue.Rules().Names()...)})
	return nil
}

// readAgain reads the tokens and the rules. Before it reads the tokens, it waits for a turn to do work that a request
// causes: see [queue.Queue.Occupy].
func (s *Server) readAgain(ctx context.Context) error {
	if s.Reloaded != nil {
		leave, err := s.Queue.Occupy(ctx)
		if err != nil {
			return err
		}
		err = s.Reloaded(ctx)
		leave()
		if err != nil {
			return err
		}
	}
	return s.Queue.Reload(ctx)
}

const notReloaded = "Not reloaded"

// reloaded is the answer to a reload.
type reloaded struct {
	Note  string   `json:"note"`
	Pools []string `json:"pools"`
}

// healthy says that the process answers at all.
func (s *Server) healthy(_ *http.Request) (any, error) {
	return map[string]string{"status": "ok"}, nil
}

// ready answers whether the server could accept an operation now. If not, the answer leaves out the details, because
// the request needs no token. The log has the details.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) error {
	if !s.Tokens.Any() {
		unavailable("every request is refused: the stack's configuration holds no token").write(w)
		return nil
	}
	err := s.Queue.Ready()
	if err == nil {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
		return nil
	}
	if scale.IsOff(err) {
		unavailable("scaling is switched off").write(w)
		return nil
	}
	detail := "the stack cannot be read now"
	if scale.IsA[*queue.JournalError](err) {
		detail = journalDetail(err)
	}
	unavailable(detail).write(w)
	return nil
}
