package dialect

import (
	"fmt"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// The kinds of this package's errors.
const (
	KindBadRequest  scale.Kind = "bad-request"
	KindForbidden   scale.Kind = "forbidden"
	KindUnavailable scale.Kind = "outside-unavailable"
)

// BadRequestError is a request that cannot be understood: HTTP 400. Of the body, its text repeats only names and the
// beginnings of wrong values.
type BadRequestError struct {
	// Field is the path of the field at fault, such as "alerts[2].labels", or the name of a query parameter or a
	// header, or "body".
	Field string
	// Problem says what is wrong with the field, and what is expected.
	Problem string
}

func (e *BadRequestError) Error() string { return e.Field + ": " + e.Problem }

// BadRequest makes a [*BadRequestError], with texts that may be shown.
func BadRequest(field, format string, args ...any) *BadRequestError {
	return &BadRequestError{Field: board.OneLine(field, MaxName), Problem: board.OneLine(fmt.Sprintf(format, args...), MaxReason)}
}

// ForbiddenError is a request that is understood and not allowed: HTTP 403. Examples are a forged or stale message, and
// a topic that is not allowed.
type ForbiddenError struct {
	Reason string
}

func (e *ForbiddenError) Error() string { return e.Reason }

// Forbidden makes a [*ForbiddenError], with a reason that may be shown.
func Forbidden(format string, args ...any) *ForbiddenError {
	return &ForbiddenError{Reason: board.OneLine(fmt.Sprintf(format, args...), MaxReason)}
}

// UnavailableError says that something outside was needed and did not answer: HTTP 503. Sending the same request again
// may help.
type UnavailableError struct {
	// Reason is for the sender; Err, the cause, is for the log.
	Reason string
	Err    error
}

func (e *UnavailableError) Error() string { return e.Reason + ": " + e.Err.Error() }

func (e *UnavailableError) Unwrap() error { return e.Err }

func (*BadRequestError) Kind() scale.Kind  { return KindBadRequest }
func (*ForbiddenError) Kind() scale.Kind   { return KindForbidden }
func (*UnavailableError) Kind() scale.Kind { return KindUnavailable }
