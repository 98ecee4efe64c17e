package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// problem is an error in the form of RFC 9457, application/problem+json.
type problem struct {
	// Title says in words what the status means here, and Detail says what is wrong with this request.
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Field is the field or parameter at fault.
	Field string `json:"field,omitempty"`
	// Hint says what to do.
	Hint string `json:"hint,omitempty"`
	// Pools are the pools that exist. They are listed if the pool of the request does not exist.
	Pools []string `json:"pools,omitempty"`
	// Result is the decision that turned the request away.
	Result *result `json:"result,omitempty"`
	// Operation is the operation that cannot be cancelled.
	Operation *board.Operation `json:"operation,omitempty"`
	// RuleErrors are the mistakes in the stack's rules, if those are at fault.
	RuleErrors []scale.Problem `json:"ruleErrors,omitempty"`

	// retryAfter goes into the header Retry-After. Zero leaves the header out.
	retryAfter time.Duration
}

// cannotDecide is the title of the problem for a request on which nothing can be decided: something that the decision
// needs is missing, or is wrong in the stack.
const cannotDecide = "Cannot be decided"

// switchedOff is the detail for a stack whose scaling is switched off: see [scale.IsOff].
const switchedOff = "scaling is switched off until the stack's next `pulumi up`: it has been destroyed, or its last update took the rules away"

// busyRetry is how long a sender should wait before it tries again, if something was out of reach.
const busyRetry = 10 * time.Second

// The kinds of this package's own errors.
const (
	kindUnauthenticated scale.Kind = "unauthenticated"
	kindMedia           scale.Kind = "media"
	kindStopping        scale.Kind = "stopping"
)

// answerTo returns the problem for a kind of error. Its table has the status for each kind and, if senders must not be
// told the error's own text, a text in its place. A kind that is not in the table is a fault of the server, and only
// the log has the error.
func answerTo(kind scale.Kind) problem {
	p, ok := map[scale.Kind]problem{
		dialect.KindBadRequest:     {Status: http.StatusBadRequest},
		scale.KindUsage:            {Status: http.StatusBadRequest},
		kindUnauthenticated:        {Status: http.StatusUnauthorized},
		dialect.KindForbidden:      {Status: http.StatusForbidden},
		scale.KindUnknownPool:      {Status: http.StatusNotFound},
		queue.KindUnknownOperation: {Status: http.StatusNotFound, Detail: "there is no such operation, or no longer"},
		kindMedia:                  {Status: http.StatusUnsupportedMediaType},
		scale.KindValue:            {Status: http.StatusConflict, Title: cannotDecide},
		scale.KindTarget:           {Status: http.StatusConflict, Title: cannotDecide},
		scale.KindUnprovable:       {Status: http.StatusConflict, Title: cannotDecide},
		scale.KindProtected:        {Status: http.StatusConflict, Title: cannotDecide},
		scale.KindEngine:           {Status: http.StatusBadGateway, Title: "The preview failed", Detail: "the engine or the program failed; the log of pulumiscale says why"},
		scale.KindUnavailable:      unavailable("the stack cannot be read now; nothing was accepted"),
		scale.KindRules:            unavailable(fmt.Sprintf("the stack output %q has mistakes, and no older rules are in force; nothing was accepted", scale.OutputName)),
		scale.KindDestroyed:        unavailable(switchedOff + "; nothing was accepted"),
		scale.KindLocked:           unavailable("the stack is locked by another update; nothing was accepted"),
		queue.KindJournal:          unavailable("the journal cannot be written now; nothing was accepted"),
		kindStopping:               unavailable("the server is being stopped; nothing was accepted"),
		queue.KindBusy:             unavailable(""),
		queue.KindFull:             unavailable(""),
		dialect.KindUnavailable:    unavailable(""),
	}[kind]
	if !ok {
		p = problem{Status: http.StatusInternalServerError, Detail: "something went wrong; the log of pulumiscale says what"}
	}
	return p
}

// problemOf returns the problem that tells a sender of an error.
func problemOf(err error) problem {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("the body is larger than %d bytes", large.Limit)}
	}
	p := answerTo(scale.KindOf(err))
	if p.Status == http.StatusInternalServerError && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		p = answerTo(scale.KindUnavailable)
	}
	classified, _ := errors.AsType[scale.Classified](err)
	switch e := classified.(type) {
	case *dialect.BadRequestError:
		p.Detail, p.Field = e.Problem, e.Field
	case *mediaError:
		p.Detail, p.Field, p.Hint = e.problem, e.field, e.hint
	case *scale.UsageError:
		p.Detail, p.Field, p.Hint = e.Problem, e.Field, e.Hint
	case *scale.UnknownPoolError:
		p.Detail, p.Hint, p.Pools = fmt.Sprintf("there is no pool %q", board.OneLine(e.Pool, dialect.MaxName)), didYouMean(e.Nearest), e.Known
	case *scale.RulesError:
		p.Hint = "`pulumiscale doctor` lists the mistakes"
		if e.Gone {
			p = answerTo(scale.KindDestroyed)
		}
	case *queue.JournalError:
		p.Detail = journalDetail(e) + "; nothing was accepted"
	case *queue.BusyError:
		p.Detail = "nothing was done: " + e.Error()
	case *dialect.UnavailableError:
		p.Detail = e.Reason
	}
	p.Detail = cmp.Or(p.Detail, err.Error())
	return p
}

// journalDetail says that the journal cannot be written. It says why only if the disk is full, because senders must not
// be told the error's own text.
func journalDetail(err error) string {
	detail := "the journal cannot be written now"
	if errors.Is(err, syscall.ENOSPC) {
		detail += ": the disk is full"
	}
	return detail
}

// unavailable returns the problem for a request that the server may be able to carry out later.
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

// seconds writes a duration in whole seconds, as HTTP headers need it. It rounds up, so that a retry is not too early.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// writeJSON answers with a document, made fit to be shown: see [board.Tidy].
func writeJSON(w http.ResponseWriter, status int, document any) {
	writeDocument(w, status, "application/json", document)
}

// writeDocument is writeJSON with a given media type. It ignores that the document cannot be sent if the client has
// gone away.
func writeDocument(w http.ResponseWriter, status int, mediaType string, document any) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(board.ShownJSON(document))
}
