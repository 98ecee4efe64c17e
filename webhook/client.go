package webhook

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// Client asks a running server how its stacks stand, or to forget a machine.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// NoAnswerError says why a server did not answer as it should.
type NoAnswerError struct {
	// Reason is what the network reports, or what the server answered instead.
	Reason string
	// Lasting says that asking again will not help, for example because something else than a server of PulumiScale
	// answers. Token says that the server does not accept the token.
	Lasting, Token bool
	// Status is the HTTP status of the server's answer if it is not 200; else 0.
	Status int
}

func (e *NoAnswerError) Error() string { return e.Reason }

// clientTimeout is how long the client waits for an answer. largestStatus is how much of an answer the client reads at
// most, in bytes.
const (
	clientTimeout = 15 * time.Second
	largestStatus = 16 << 20
)

// NewClient makes a client of the server at an address. The address may have a path, as behind a proxy. The error says
// why the address cannot be parsed.
func NewClient(address, token string) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	return &Client{base: base, token: token, http: &http.Client{
		Timeout: clientTimeout,
		// The client follows no redirect, so that it sends the token to no other address.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Status asks how a stack stands. The error is a [*NoAnswerError], or the error of ctx.
func (c *Client) Status(ctx context.Context) (*board.Status, error) {
	return ask(ctx, c, http.MethodGet, "status", board.Decode)
}

// Fleet asks how the stacks of a fleet stand. The error is a [*NoAnswerError], or the error of ctx.
func (c *Client) Fleet(ctx context.Context) (*board.Fleet, error) {
	return ask(ctx, c, http.MethodGet, "stacks", board.DecodeFleet)
}

// Forget has the server remove the locks that a machine has left behind. The machine must be gone for good. The error
// is a [*NoAnswerError], or the error of ctx.
func (c *Client) Forget(ctx context.Context, host string) (*Forgotten, error) {
	return ask(ctx, c, http.MethodPost, "cluster/forget/"+url.PathEscape(host), func(r io.Reader) (*Forgotten, error) {
		out := &Forgotten{}
		return out, json.NewDecoder(r).Decode(out)
	})
}

// ask sends a request, and returns the decoded document of the answer. The error is a [*NoAnswerError], or the error of
// ctx.
func ask[T any](ctx context.Context, c *Client, method, path string, decode func(io.Reader) (*T, error)) (*T, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path).String(), http.NoBody)
	if err != nil {
		return nil, &NoAnswerError{Reason: err.Error(), Lasting: true}
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Accept", "application/json")
	response, err := c.http.Do(request)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, unanswered(err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing was written
	if response.StatusCode != http.StatusOK {
		return nil, turnedDown(response)
	}
	doc, err := decode(io.LimitReader(response.Body, largestStatus))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, io.ErrUnexpectedEOF), isTimeout(err):
		return nil, &NoAnswerError{Reason: "the answer was cut off"}
	case err != nil:
		return nil, &NoAnswerError{Reason: "the answer is not from a pulumiscale server", Lasting: true}
	}
	return doc, nil
}

// unanswered makes the error for a request to which no answer came. The error leaves out the address, which the user of
// the client knows.
func unanswered(err error) error {
	out := &NoAnswerError{Reason: err.Error()}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		out.Reason = wrapped.Err.Error()
	}
	if isTimeout(err) {
		out.Reason = "nothing within " + clientTimeout.String()
	}
	unknown, ok := errors.AsType[*net.DNSError](err)
	out.Lasting = scale.IsA[*tls.CertificateVerificationError](err) || ok && unknown.IsNotFound || errors.Is(err, http.ErrSchemeMismatch)
	return out
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// turnedDown makes the error for an answer whose status is not 200.
func turnedDown(r *http.Response) error {
	out := &NoAnswerError{Status: r.StatusCode, Reason: fmt.Sprintf("the server answers %d %s", r.StatusCode, http.StatusText(r.StatusCode))}
	switch code := r.StatusCode; {
	case code == http.StatusUnauthorized:
		out.Token, out.Lasting = true, true
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests:
	case code >= http.StatusMultipleChoices && code < http.StatusBadRequest:
		out.Reason += ", with the address " + board.OneLine(r.Header.Get("Location"), dialect.MaxReason)
		out.Lasting = true
	default:
		out.Lasting = code < http.StatusInternalServerError
	}
	return out
}
