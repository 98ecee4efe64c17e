package webhook

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// submitDirect hands a count or a delta to the queue, and answers with what becomes of it. If the request prefers to
// wait, it is answered when the scaling is done; a dry run is answered with what the scaling would do.
func (s *Server) submitDirect(w http.ResponseWriter, r *http.Request, delivery dialect.Delivery) error {
	wait, err := preferredWait(r)
	if err != nil {
		return err
	}
	if delivery.DryRun {
		return s.dryRun(w, r, delivery.Intents)
	}
	subs, err := s.Queue.Submit(r.Context(), delivery.Intents)
	if err != nil {
		return err
	}
	sub := subs[0]
	if sub.Operation.ID == "" {
		return s.notAccepted(w, sub)
	}
	location := s.Prefix + "/operations/" + sub.Operation.ID
	if wait > 0 {
		w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(wait.Seconds())))
		if op, done := s.waitFor(r, sub.Operation.ID, wait); done {
			w.Header().Set("Content-Location", location)
			writeJSON(w, http.StatusOK, board.OperationOf(op))
			return nil
		}
	}
	w.Header().Set("Location", location)
	writeJSON(w, statusOf(subs), resultOf(sub))
	return nil
}

// notAccepted answers a direct request that has not become an operation. The status is 404 if there is no such pool. It
// is 409 in a cooldown, under a hold, with pending changes, or if something that the decision needs is not known.
// Otherwise, for example if there is nothing to do, it is 200.
func (s *Server) notAccepted(w http.ResponseWriter, sub queue.Submission) error {
	r := resultOf(sub)
	wait := max(sub.Decision.Until.Sub(s.Now()), time.Second)
	switch sub.Decision.Outcome {
	case scale.CoolingDown:
		problem{Title: "Cooling down", Status: http.StatusConflict, Detail: r.Reason, Result: &r, Hint: "force=true passes the cooldown", retryAfter: wait}.write(w)
	case scale.HasPending:
		problem{Title: "Changes are pending", Status: http.StatusConflict, Detail: r.Reason, Result: &r,
			Hint: "deploy them with `pulumi up`, or bring the server's checkout to the commit that is deployed"}.write(w)
	case scale.Held:
		hint := fmt.Sprintf("force does not pass a hold; DELETE /hold, or DELETE /hold/%s, ends it", sub.Decision.Intent.Pool)
		problem{Title: "Held", Status: http.StatusConflict, Detail: r.Reason, Result: &r, Hint: hint, retryAfter: wait}.write(w)
	case scale.Refused:
		if scale.IsA[*scale.UnknownPoolError](sub.Decision.Err) {
			return sub.Decision.Err
		}
		problem{Title: cannotDecide, Status: http.StatusConflict, Detail: r.Reason, Result: &r}.write(w)
	default:
		writeJSON(w, http.StatusOK, r)
	}
	return nil
}

// longestWait is how long a request may wait for its answer at most, whatever it prefers. A dry run may take as long,
// because the engine runs the whole program.
const longestWait = 10 * time.Minute

// preferredWait returns how long a request prefers to wait, by the wait preference of RFC 7240, and at most
// longestWait. It returns zero if the request has no such preference. The error is a [*dialect.BadRequestError].
func preferredWait(r *http.Request) (time.Duration, error) {
	for _, header := range r.Header.Values("Prefer") {
		for preference := range strings.SplitSeq(header, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(preference), "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
			if err != nil || n < 0 {
				return 0, dialect.BadRequest("Prefer", "wait must be a whole number of seconds")
			}
			return min(time.Duration(min(n, int(longestWait.Seconds())))*time.Second, longestWait), nil
		}
	}
	return 0, nil
}

// waitFor waits for the end of an operation. done is false if the operation has not ended in time, or if the server is
// being stopped.
func (s *Server) waitFor(r *http.Request, id string, wait time.Duration) (op queue.Operation, done bool) {
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	defer context.AfterFunc(s.patience, cancel)()
	op, err := s.Queue.Wait(ctx, id)
	return op, err == nil
}

// dryRun answers with what the intents would do, as `pulumiscale preview` shows it.
func (s *Server) dryRun(w http.ResponseWriter, r *http.Request, intents []scale.Intent) error {
	type foreseen struct {
		plan    *scale.Plan
		preview *scale.Result
	}
	found, err := attend(r.Context(), s, func(ctx context.Context) (foreseen, error) {
		plan, preview, err := s.Queue.Preview(ctx, intents)
		return foreseen{plan, preview}, err
	})
	if err != nil {
		return err
	}
	if refused := found.plan.Decisions[0].Err; scale.IsA[*scale.UnknownPoolError](refused) {
		return refused
	}
	writeJSON(w, http.StatusOK, board.Foreseen(s.StackName, found.plan, found.preview))
	return nil
}
