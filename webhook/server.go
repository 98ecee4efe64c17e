package webhook

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/singleflight"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/span"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
	"github.com/pulumiscale/pulumiscale/webhook/identity"
	"github.com/pulumiscale/pulumiscale/webhook/sns"
)

// maxBody is the largest body that is read, in bytes.
const maxBody = 1 << 20

// Server answers HTTP requests. All exported fields but Identities, Reloaded, Listeners, Branch, Cluster, Directories
// and Prefix are required.
type Server struct {
	// Queue accepts what is asked for, and knows how the pools stand.
	Queue *queue.Queue
	// Activity knows what is being done to the stack.
	Activity *queue.Activity
	// StackName is the name of the stack, and ProjectName is the name of its project.
	StackName, ProjectName string

	Tokens *Tokens
	// Identities checks the JSON Web Tokens of identities. If it is nil, no JSON Web Token is accepted.
	Identities *identity.Verifier
	Verifier   *sns.Verifier
	Metrics    *Metrics
	Log        *slog.Logger
	Now        func() time.Time
	// Reloaded is called at a reload, before the rules are read. It reads everything else that a reload reads again,
	// such as the tokens. If it is nil, only the rules are read.
	Reloaded func(context.Context) error
	// Listeners returns the status of each listener. If it is nil, there are no listeners.
	Listeners func() []board.Listener
	// Branch returns the status of the write-back. If it is nil, there is no write-back.
	Branch func() scale.BranchStatus
	// Cluster tells which replicas live, and which of them works on the stack. If it is nil, there is one server.
	Cluster func() board.Cluster
	// Directories are directories of this machine that are cut out of all answers: see [veil]. If it is empty, nothing
	// is cut out.
	Directories []string
	// Prefix is what the paths of this server begin with for its clients, such as /stacks/NAME in a fleet. If it is
	// empty, the paths begin at the root.
	Prefix string

	// renewing lets requests that do not find their pool share one reading of the rules. renewed is when the last such
	// reading that succeeded began. Only the reading itself writes and reads renewed.
	renewing singleflight.Group
	renewed  time.Time
	// reloading lets simultaneous requests to reload share one reload.
	reloading shared
	stopping
	// strangers keeps requests without a token from filling the log.
	strangers flood
	// origins refuses a request that a browser sends on behalf of a different site, with credentials that the browser
	// keeps.
	origins http.CrossOriginProtection
}

// endpoint is one line of the server's table.
type endpoint struct {
	// pattern is a pattern of [http.ServeMux].
	pattern string
	// counted is the dialect under which the metrics count the requests to the endpoint. It is empty if the metrics do
	// not count them.
	counted string
	// An open endpoint needs no token: it tells nothing that strangers may not know, and changes nothing.
	open bool
	// An endpoint of alarms also accepts a token in the path.
	alarms bool
	// media are the media types that a body may have, and mediaHint tells the sender what to do about a body of a
	// different type.
	media     []string
	mediaHint string
	// patience is how long an answer may take. Zero stands for answerTimeout.
	patience time.Duration
	handle   func(*Server, http.ResponseWriter, *http.Request) error
}

// answerTimeout is how long an answer may take. Senders do not wait longer: SNS gives up after 15 seconds, and sends a
// message again even if the message is accepted later. apiTimeout is how long an answer about the stack may take,
// because the stack may have to be read for it.
const (
	answerTimeout = 12 * time.Second
	apiTimeout    = time.Minute
)

// inboxes makes the endpoints for senders: one for each path of a dialect.
func inboxes() []endpoint {
	var out []endpoint
	for _, in := range dialect.Inboxes() {
		e := endpoint{
			pattern: "POST " + in.Path, counted: in.Rest.Counted, media: in.Media, mediaHint: in.Rest.MediaHint,
			handle: func(s *Server, w http.ResponseWriter, r *http.Request) error { return s.receive(in, w, r) },
		}
		if e.alarms = !in.Rest.Direct; in.Rest.Direct {
			e.patience = longestWait
		}
		out = append(out, e)
	}
	return out
}

// tell makes the handle of an endpoint from a function that returns a document: the endpoint answers with the document
// as JSON.
func tell(get func(*Server, *http.Request) (any, error)) func(*Server, http.ResponseWriter, *http.Request) error {
	return func(s *Server, w http.ResponseWriter, r *http.Request) error {
		document, err := get(s, r)
		if err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, document)
		return nil
	}
}

// endpoints returns the table of all routes.
func endpoints() []endpoint {
	plain := []string{"application/json", "text/plain"}
	return append(inboxes(), []endpoint{
		{pattern: "GET /{$}", handle: (*Server).page},
		{pattern: "GET /page/{file}", handle: (*Server).pageFile},
		{pattern: "GET /status", handle: tell((*Server).status)},
		{pattern: "GET /pools", patience: apiTimeout, handle: tell((*Server).pools)},
		{pattern: "GET /pools/{pool}", patience: apiTimeout, handle: tell((*Server).pool)},
		{pattern: "GET /operations", handle: tell((*Server).operations)},
		{pattern: "GET /operations/{id}", handle: tell((*Server).operation)},
		{pattern: "DELETE /operations/{id}", handle: (*Server).cancel},
		{pattern: "GET /history", patience: apiTimeout, handle: tell((*Server).history)},
		{pattern: "GET /hold", handle: tell((*Server).holds)},
		{pattern: "POST /hold", media: plain[:1], handle: tell((*Server).hold)},
		{pattern: "POST /hold/{pool}", media: plain[:1], handle: tell((*Server).hold)},
		{pattern: "DELETE /hold", handle: tell((*Server).release)},
		{pattern: "DELETE /hold/{pool}", handle: tell((*Server).release)},
		{pattern: "POST /cluster/forget/{host}", media: plain, handle: tell((*Server).forget)},
		{pattern: "GET /metrics", handle: (*Server).metrics},
		{pattern: "POST /-/reload", media: plain, patience: apiTimeout, handle: (*Server).reload},
		{pattern: "GET /healthz", open: true, handle: tell((*Server).healthy)},
		{pattern: "GET /readyz", open: true, handle: (*Server).ready},
	}...)
}

// Handler returns a handler that serves all endpoints. A request for a path without an endpoint is answered as if it
// needed a token, so that a client without a token does not learn which paths there are.
func (s *Server) Handler() http.Handler {
	return s.handlerOf(endpoints())
}

// handlerOf returns a handler that serves a table of endpoints.
func (s *Server) handlerOf(table []endpoint) http.Handler {
	s.prepare()
	mux := http.NewServeMux()
	for _, e := range table {
		mux.Handle(e.pattern, s.serve(e))
	}
	nowhere := s.serve(endpoint{handle: func(s *Server, w http.ResponseWriter, r *http.Request) error { return s.nowhere(mux, w, r) }})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = s.openPath(r)
		if !served(mux, r) {
			nowhere.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// served says whether a request has an endpoint. A path that is not clean has no endpoint: the mux would redirect the
// request, even without a token.
func served(mux *http.ServeMux, r *http.Request) bool {
	_, pattern := mux.Handler(r)
	return pattern != "" && path.Clean("/"+r.URL.Path) == r.URL.Path
}

// serve returns the handler of an endpoint. It does what every endpoint needs: it checks the token and the body's type
// and size, limits the time that the answer may take, answers an error, and keeps the metrics and the log.
func (s *Server) serve(e endpoint) http.Handler {
	patience, veil := cmp.Or(e.patience, answerTimeout), newVeil(s.Directories)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.Now()
		seen := &statusWriter{ResponseWriter: w, veil: veil}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if len(r.TransferEncoding) > 0 {
			// The request may also have had a Content-Length, which the library has dropped. By RFC 9112, section 6.1,
			// the bytes that follow the request on the connection must not be read as a further request. Otherwise a
			// client behind a proxy could put a request line of its own before the token of a different client.
			w.Header().Set("Connection", "close")
		}
		err := s.authenticate(e, r)
		if err == nil && !e.open { // a request without a token gets no span
			ctx, request := span.Begin(r.Context(), e.pattern, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer))
			defer func() {
				request.SetAttributes(attribute.Int("http.response.status_code", seen.status))
				request.End()
			}()
			r = r.WithContext(ctx)
		}
		if err == nil {
			err = s.admit(e, seen, r)
		}
		if err != nil {
			s.fail(seen, r, err)
		} else {
			extend(w, patience)
			ctx, cancel := context.WithTimeout(r.Context(), patience)
			defer cancel()
			ctx, done := s.within(ctx, w)
			defer done()
			if err := s.stopped(e.handle(s, seen, r.WithContext(ctx))); err != nil {
				s.fail(seen, r, err)
			}
		}
		if e.counted != "" {
			s.Metrics.request(e.counted, seen.status, s.Now().Sub(began))
		}
		if !e.open {
			s.Log.Debug("answered", "method", r.Method, "path", pathOf(r), "status", seen.status, "remote", r.RemoteAddr)
		}
	})
}

// extend allows an answer to take as long as patience, even if that is more than the connection's own limit. If the
// limit cannot be changed, it stays.
func extend(w http.ResponseWriter, patience time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience + writeTimeout))
}

// unauthenticatedError is the error for a request without a valid token. another says that the request has credentials,
// but no valid ones. reason says what is wrong with the credentials; it is for the log alone.
type unauthenticatedError struct {
	another bool
	reason  string
}

func (unauthenticatedError) Kind() scale.Kind { return kindUnauthenticated }

func (e unauthenticatedError) Error() string {
	if e.another {
		return "the token is not this server's; after a rotation a sender may still have the old one"
	}
	return "a token is needed: as Authorization: Bearer, or as the password of Basic credentials"
}

// mediaError says that the headers name a media type or an encoding of the body that the endpoint does not read. The
// hint may be empty.
type mediaError struct{ field, problem, hint string }

func (e *mediaError) Error() string { return e.field + ": " + e.problem }

func (*mediaError) Kind() scale.Kind { return kindMedia }

// authenticate makes sure that a request bears a valid token: a token of the server, or a token of an identity that may
// call the path. The error says that the token is not valid, that the identity may not call the path, or why the token
// cannot be checked now.
func (s *Server) authenticate(e endpoint, r *http.Request) error {
	if e.open || e.alarms && r.Context().Value(bearsPathToken{}) != nil {
		return nil
	}
	token, ok := bearer(r)
	unread, _ := r.Context().Value(unreadPathToken{}).(error)
	if ok && (s.Tokens.Also == nil || !s.Tokens.Also.Check(r)) {
		unread = s.Tokens.ensureRead(r.Context())
	}
	if s.Tokens.Check(r) {
		return nil
	}
	if unread != nil && !s.Identities.Looks(token) { // the token may be valid
		return unread
	}
	refused := unauthenticatedError{another: r.Header.Get("Authorization") != ""}
	if !ok || !s.Identities.Looks(token) {
		return refused
	}
	who, err := s.Identities.Identify(r.Context(), token)
	switch {
	case scale.IsA[*identity.RefusedError](err):
		refused.reason = err.Error()
		return refused
	case err != nil:
		return err
	case !who.May(r.URL.Path):
		return dialect.Forbidden("the identity %s may not call this; the setting identities says what it may", who.Name)
	}
	return nil
}

func (s *Server) admit(e endpoint, w *statusWriter, r *http.Request) error {
	if err := s.origins.Check(r); err != nil {
		return dialect.Forbidden("a browser sends this for another site")
	}
	r.Body = http.MaxBytesReader(w.ResponseWriter, r.Body, maxBody)
	if r.ContentLength == 0 || len(e.media) == 0 {
		return nil
	}
	if r.Header.Get("Content-Encoding") != "" {
		return &mediaError{field: "Content-Encoding", problem: "the body must not be encoded"}
	}
	given := r.Header.Get("Content-Type")
	if given == "" {
		return nil
	}
	media, _, err := mime.ParseMediaType(given)
	if err != nil || !slices.Contains(e.media, media) {
		w.Header().Set("Accept", strings.Join(e.media, ", "))
		return &mediaError{field: "Content-Type", problem: "the body must be " + strings.Join(e.media, " or "), hint: e.mediaHint}
	}
	return nil
}

// fail answers a request with the problem for an error, and logs the details that only the operator should know. A
// client that seems to be gone is answered too. It may have closed only its own half of the connection, and without an
// answer from here it would get a 200.
func (s *Server) fail(w *statusWriter, r *http.Request, err error) {
	p := problemOf(err)
	level, quiet := slog.LevelWarn, false
	if scale.IsA[unauthenticatedError](err) {
		challenge(w.Header())
		kind := floodWrongToken
		if r.Header.Get("Authorization") == "" {
			kind, level = floodNoToken, slog.LevelInfo // SNS sends its credentials only after it is asked for them
		}
		quiet = !s.strangers.admits(s.Log, kind)
	}
	if p.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		level = slog.LevelError
	}
	if !quiet {
		s.Log.Log(r.Context(), level, "refused", "method", r.Method, "path", pathOf(r), "status", p.Status, "remote", r.RemoteAddr, "reason", reasonOf(err))
	}
	s.Metrics.refused(err)
	if w.status == 0 {
		p.write(w)
	}
}

// reasonOf returns the text of an error for the log.
func reasonOf(err error) string {
	if refused, ok := errors.AsType[unauthenticatedError](err); ok && refused.reason != "" {
		return refused.reason
	}
	return err.Error()
}

// nowhere answers a request for which there is no endpoint. The status is 405 if the path has an endpoint for a
// different method, else 404.
func (s *Server) nowhere(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if served(mux, other) {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		problem{Status: http.StatusMethodNotAllowed, Detail: "this is for " + strings.Join(allowed, ", ")}.write(w)
		return nil
	}
	var hint string
	if strings.HasPrefix(r.URL.Path, "/webhook") {
		hint = dialect.Directory()
	}
	problem{Status: http.StatusNotFound, Detail: "there is nothing here", Hint: hint}.write(w)
	return nil
}

// readBody reads a whole body. The error is an [*http.MaxBytesError] if the body is too large, else a
// [*dialect.BadRequestError].
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil && !scale.IsA[*http.MaxBytesError](err) {
		return nil, dialect.BadRequest("body", "ended before it was whole")
	}
	return body, err
}

// statusWriter remembers the status of an answer, even if acknowledge makes it send a different status. It cuts
// directories of this machine out of the answer: see [veil].
type statusWriter struct {
	http.ResponseWriter
	status int
	veil   veil
	// acknowledge says that the sender tries again after every refusal, so that a refusal is sent as a success: see
	// [dialect.Letter.Acknowledge].
	acknowledge bool
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	if w.acknowledge && status >= http.StatusBadRequest && status < http.StatusInternalServerError {
		status = http.StatusOK // the document, the log and the metrics say which refusal it is
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.Header().Get("Content-Encoding") != "" { // what is compressed, such as metrics, is not text
		return w.ResponseWriter.Write(p)
	}
	told := w.veil.over(string(p))
	if _, err := io.WriteString(w.ResponseWriter, told); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
