package webhook

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// problem is an error as RFC 9457 has it, application/problem+json.
type problem struct {
	// Title says in words what the status means here, and Detail says what is wrong with this request.
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Field is the field or parameter at fault.
	Field string `json:"field,omitempty"`
	// Hint says what to do.
	Hint string `json:"hint,omitempty"`
	// Pools are the pools that exist. They are told if the request's pool does not.
	Pools []string `json:"pools,omitempty"`
	// Result is the decision that turned the request away.
	Result *result `json:"result,omitempty"`
	// Operation is the one that stands in the way.
	Operation *board.Operation `json:"operation,omitempty"`
	// RuleErrors are the mistakes in the stack's rules, if those are at fault.
	RuleErrors []scale.Problem `json:"ruleErrors,omitempty"`

	// retryAfter goes into the header of that name. Zero leaves the header out.
	retryAfter time.Duration
}

// cannotDecide is the title of a problem in which what a decision needs is missing, or is wrong in the stack.
const cannotDecide = "Cannot be decided"

// switchedOff is said of a stack of which nothing is to be scaled: see [scale.IsOff].
const switchedOff = "scaling is switched off until the stack's next `pulumi up`: it has been destroyed, or its last update took the rules away"

// busyRetry is when a sender may try again after something was out of reach.
const busyRetry = 10 * time.Second

// problemOf is the table of all errors: which status each has, and how much of it the sender is told. An error that is
// not in the table is ours to mend, and only the log has it.
func problemOf(err error) problem {
	var (
		bad        *dialect.BadRequestError
		forbidden  *dialect.ForbiddenError
		fetch      *dialect.UnavailableError
		usage      *scale.UsageError
		pool       *scale.UnknownPoolError
		operation  *queue.UnknownOperationError
		backend    *scale.UnavailableError
		journal    *queue.JournalError
		full       *queue.FullError
		rules      *scale.RulesError
		value      *scale.ValueError
		target     *scale.TargetError
		unprovable *scale.UnprovableError
		engine     *scale.EngineError
		protected  *scale.ProtectedError
		locked     *scale.LockedError
		large      *http.MaxBytesError
		busy       *queue.BusyError
		ending     *StoppingError
	)
	switch {
	case scale.IsOff(err):
		return unavailable(switchedOff + "; nothing was accepted")
	case errors.As(err, &ending):
		return unavailable("the server is being stopped; nothing was accepted")
	case errors.As(err, &busy):
		return unavailable(busy.Error() + "; nothing was done")
	case errors.As(err, &bad):
		return problem{Status: http.StatusBadRequest, Detail: bad.Problem, Field: bad.Field}
	case errors.As(err, &usage):
		return problem{Status: http.StatusBadRequest, Detail: usage.Problem, Field: usage.Field, Hint: usage.Hint}
	case errors.As(err, &forbidden):
		return problem{Status: http.StatusForbidden, Detail: forbidden.Reason}
	case errors.As(err, &pool):
		return problem{Status: http.StatusNotFound, Detail: fmt.Sprintf("there is no pool %q", board.OneLine(pool.Pool, dialect.MaxName)), Hint: didYouMean(pool.Nearest), Pools: pool.Known}
	case errors.As(err, &operation):
		return problem{Status: http.StatusNotFound, Detail: "there is no such operation, or no longer"}
	case errors.As(err, &large):
		return problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("the body is larger than %d bytes", large.Limit)}
	case errors.As(err, &fetch):
		return unavailable(fetch.Reason)
	case errors.As(err, &backend), errors.As(err, &rules), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unavailable("the stack cannot be read now; nothing was accepted")
	case errors.As(err, &locked):
		return unavailable("the stack is locked by another update; nothing was accepted")
	case errors.As(err, &value), errors.As(err, &target), errors.As(err, &unprovable), errors.As(err, &protected):
		return problem{Title: cannotDecide, Status: http.StatusConflict, Detail: err.Error()}
	case errors.As(err, &engine):
		return problem{Title: "The preview failed", Status: http.StatusBadGateway, Detail: "the engine or the program failed; the log of pulumiscale says why"}
	case errors.As(err, &journal):
		return unavailable("nothing can be written down now; nothing was accepted")
	case errors.As(err, &full):
		return unavailable(full.Error())
	}
	return problem{Status: http.StatusInternalServerError, Detail: "something went wrong; the log of pulumiscale says what"}
}

// unavailable is the problem of a server that may be able to do it later.
func unavailable(detail string) problem {
	return problem{Status: http.StatusServiceUnavailable, Detail: detail, retryAfter: busyRetry}
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", name)
}

func (p problem) write(w http.ResponseWriter) {
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", seconds(p.retryAfter))
	}
	writeDocument(w, p.Status, "application/problem+json", p)
}

// seconds is a duration as HTTP headers have it. It is rounded up, so that a retry is not too early.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// writeJSON answers with a document in the form in which it may be shown.
func writeJSON(w http.ResponseWriter, status int, document any) {
	writeDocument(w, status, "application/json", document)
}

// writeDocument is writeJSON in a media type. A client that has gone away hears nothing.
func writeDocument(w http.ResponseWriter, status int, mediaType string, document any) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(board.ShownJSON(document))
}
