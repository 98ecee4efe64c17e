package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// sendError says why a message did not arrive, and what that means for further tries.
type sendError struct {
	problem string
	// status is the HTTP status; 0 if there was no answer.
	status int
	// after is how long the listener wants to be left alone; 0 if it does not say.
	after time.Duration
}

func (e *sendError) Error() string { return e.problem }

// gone says that the listener wants nothing any more.
func (e *sendError) gone() bool { return e.status == http.StatusGone }

// refused says that the listener does not accept the authorization, or the address.
func (e *sendError) refused() bool {
	return e.status == http.StatusUnauthorized || e.status == http.StatusForbidden
}

// hopeless says that the listener would hardly accept the same message the next time.
func (e *sendError) hopeless() bool {
	return slices.Contains([]int{
		http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusLengthRequired, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusRequestHeaderFieldsTooLarge,
	}, e.status)
}

const (
	// longestPause is the longest time for which a listener is left alone if it asks for a pause.
	longestPause = time.Hour
	// drained is how much of an answer is read, so that the connection can be used again.
	drained = 4 << 10
	// longestProblem is how many characters are told of what went wrong.
	longestProblem = 300
)

// send sends a message. The error is a [*sendError], which tells neither the address nor a secret.
func send(ctx context.Context, client *http.Client, open access, m message, now func() time.Time) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, open.url.String(), bytes.NewReader(m.body))
	if err != nil {
		return &sendError{problem: "its address is none"}
	}
	maps.Copy(r.Header, m.header)
	r.Header.Set("Content-Type", m.media)
	r.Header.Set("User-Agent", "PulumiScale")
	if open.authorization != "" {
		r.Header.Set("Authorization", open.authorization)
	}
	resp, err := client.Do(r)
	if err != nil {
		return &sendError{problem: withoutAddress(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, drained)
	return judge(resp, now())
}

// judge returns nil if an answer says that the message was accepted, else a [*sendError]. The error leaves out the
// answer's body, which may repeat what was sent.
func judge(resp *http.Response, now time.Time) error {
	status := resp.StatusCode
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return &sendError{status: status, problem: fmt.Sprintf("it answers %d: redirects are not followed", status)}
	}
	return &sendError{status: status, after: retryAfter(resp.Header.Get("Retry-After"), now), problem: fmt.Sprintf("it answers %d %s", status, http.StatusText(status))}
}

// retryAfter reads a wait from the header Retry-After: in seconds, or until a date (RFC 9110, section 10.2.3). The wait
// is at most longestPause, and 0 if the header gives none.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return min(max(time.Duration(min(seconds, int(longestPause/time.Second)))*time.Second, 0), longestPause)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), longestPause)
	}
	return 0
}

// withoutAddress returns the text of an error, without the URL that Go puts before it.
func withoutAddress(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		if e.Timeout() {
			return "it does not answer in time"
		}
		err = e.Err
	}
	return board.OneLine(err.Error(), longestProblem)
}
