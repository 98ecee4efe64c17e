package webhook

import (
	"fmt"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Route is what a decoder must know of the request besides its body.
type Route struct {
	// Pool is the pool in the URL. It is empty on the route that serves all pools, on which each alert names its own.
	Pool string
	// Rules are those in force. A decoder asks them only whether there is such a pool.
	Rules scale.Rules
	// Query is the URL's query, as it was sent. What it says wins over the payload.
	Query string
}

// Delivery is what one request asks for.
type Delivery struct {
	// Intents are valid and in the order of the payload. Several may be for one pool.
	Intents []scale.Intent
	// Skipped are the alerts that ask for nothing or cannot be understood, each with the reason.
	Skipped []Skipped
}

// Skipped is an alert of which nothing comes. Its texts may be shown: each is one line, without control characters.
type Skipped struct {
	Alert, Pool, Reason string
}

func (d *Delivery) skip(alert, pool, format string, args ...any) {
	d.Skipped = append(d.Skipped, Skipped{
		Alert: oneLine(alert, maxName), Pool: oneLine(pool, maxName), Reason: oneLine(fmt.Sprintf(format, args...), maxReason),
	})
}

// BadRequestError is a request that cannot be understood: HTTP 400. Its text repeats no more of the body than names and
// the starts of wrong values.
type BadRequestError struct {
	// Field is the path of the field at fault, such as "alerts[2].labels", or the name of a query parameter or a
	// header, or "body".
	Field string
	// Problem says what is wrong with it and what is expected.
	Problem string
}

func (e *BadRequestError) Error() string { return e.Field + ": " + e.Problem }

func badRequest(field, format string, args ...any) *BadRequestError {
	return &BadRequestError{Field: oneLine(field, maxName), Problem: oneLine(fmt.Sprintf(format, args...), maxReason)}
}

// ForbiddenError is a request that is understood and not allowed: HTTP 403. Examples are a forged or stale message, and
// a topic that is not one of those allowed.
type ForbiddenError struct {
	Reason string
}

func (e *ForbiddenError) Error() string { return e.Reason }

func forbidden(format string, args ...any) *ForbiddenError {
	return &ForbiddenError{Reason: oneLine(fmt.Sprintf(format, args...), maxReason)}
}

// UnavailableError says that something outside was needed and did not answer: HTTP 503. Sending the same again may
// help.
type UnavailableError struct {
	// Reason is for the sender; Err, the cause, is for the log.
	Reason string
	Err    error
}

func (e *UnavailableError) Error() string { return e.Reason + ": " + e.Err.Error() }

func (e *UnavailableError) Unwrap() error { return e.Err }
