package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// maxBody is the largest body that is read, in bytes.
const maxBody = 1 << 20

// Server answers HTTP requests. All fields but Reloaded are required.
type Server struct {
	// Queue accepts what is asked for, and knows how the pools stand.
	Queue *scale.Queue
	// Scaler previews and tells the history. It changes nothing here: that is the queue's.
	Scaler   *scale.Scaler
	Tokens   *Tokens
	Verifier *Verifier
	Metrics  *Metrics
	Log      *slog.Logger
	Now      func() time.Time
	// Reloaded is called at a reload, for what is read again besides the rules; nil: nothing is.
	Reloaded func(context.Context) error
}

// endpoint is one line of the server's table.
type endpoint struct {
	// pattern is one of [http.ServeMux].
	pattern string
	// dialect is the metrics' name for what is posted here; empty for the rest.
	dialect string
	// open endpoints need no token: they tell nothing and do nothing.
	open bool
	// media are the media types that a body may have.
	media  []string
	handle func(*Server, http.ResponseWriter, *http.Request) error
}

// endpoints is the table of all routes.
func endpoints() []endpoint {
	plain := []string{"application/json", "text/plain"} // Amazon SNS sends its JSON as text/plain
	return []endpoint{
		{pattern: "POST /webhook/{pool}/cloudwatch", dialect: "cloudwatch", media: plain, handle: (*Server).cloudWatch},
		{pattern: "POST /webhook/{pool}/prometheus", dialect: "prometheus", media: plain[:1], handle: (*Server).alertmanager},
		{pattern: "POST /webhook/prometheus", dialect: "prometheus", media: plain[:1], handle: (*Server).alertmanager},
		{pattern: "POST /scale/{pool}", dialect: "http", media: plain[:1], handle: (*Server).direct},
		{pattern: "GET /pools", handle: (*Server).pools},
		{pattern: "GET /pools/{pool}", handle: (*Server).pool},
		{pattern: "GET /operations", handle: (*Server).operations},
		{pattern: "GET /operations/{id}", handle: (*Server).operation},
		{pattern: "GET /history", handle: (*Server).history},
		{pattern: "GET /metrics", handle: (*Server).metrics},
		{pattern: "POST /-/reload", media: plain, handle: (*Server).reload},
		{pattern: "GET /healthz", open: true, handle: (*Server).healthy},
		{pattern: "GET /readyz", open: true, handle: (*Server).ready},
	}
}

// Handler serves all endpoints. What has no endpoint is answered like one that needs a token: who has none learns nothing.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, e := range endpoints() {
		mux.Handle(e.pattern, s.serve(e))
	}
	nowhere := s.serve(endpoint{handle: func(s *Server, w http.ResponseWriter, r *http.Request) error { return s.nowhere(mux, w, r) }})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			nowhere.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// serve does for every endpoint what must not be forgotten: the token, the body's type and size, the error's answer, metrics and log.
func (s *Server) serve(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.Now()
		seen := &statusWriter{ResponseWriter: w}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if err := s.admit(e, seen, r); err != nil {
			s.fail(seen, r, err)
		} else if err := e.handle(s, seen, r); err != nil {
			s.fail(seen, r, err)
		}
		if e.dialect != "" {
			s.Metrics.request(e.dialect, seen.status, s.Now().Sub(began))
		}
		if !e.open {
			s.Log.Debug("answered", "method", r.Method, "path", r.URL.Path, "status", seen.status, "remote", r.RemoteAddr)
		}
	})
}

// unauthenticatedError is a request without a valid token.
type unauthenticatedError struct{}

func (unauthenticatedError) Error() string {
	return "a token is needed: as Authorization: Bearer, or as the password of Basic credentials"
}

// mediaError is a body of a type that the endpoint does not read.
type mediaError struct{ want []string }

func (e *mediaError) Error() string { return "the body must be " + strings.Join(e.want, " or ") }

func (s *Server) admit(e endpoint, w http.ResponseWriter, r *http.Request) error {
	if !e.open && !s.Tokens.Check(r) {
		return unauthenticatedError{}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if r.ContentLength == 0 || len(e.media) == 0 {
		return nil
	}
	given := r.Header.Get("Content-Type")
	if given == "" {
		return nil
	}
	media, _, err := mime.ParseMediaType(given)
	if err != nil || !slices.Contains(e.media, media) {
		return &mediaError{want: e.media}
	}
	return nil
}

// fail answers a request with the problem that an error is, and logs what only the operator should know.
func (s *Server) fail(w *statusWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, r.Context().Err()) {
		return // the client has gone away
	}
	var media *mediaError
	var p problem
	switch {
	case errors.As(err, &unauthenticatedError{}):
		Challenge(w.Header())
		p = problem{Status: http.StatusUnauthorized, Detail: err.Error()}
	case errors.As(err, &media):
		p = problem{Status: http.StatusUnsupportedMediaType, Detail: media.Error(), Field: "Content-Type"}
	default:
		p = problemOf(err)
	}
	level := slog.LevelWarn
	if p.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	s.Log.Log(r.Context(), level, "refused", "method", r.Method, "path", r.URL.Path, "status", p.Status, "remote", r.RemoteAddr, "reason", err.Error())
	if w.status == 0 {
		p.write(w)
	}
}

// nowhere answers what has no endpoint: 405 where there is one for another method, else 404.
func (s *Server) nowhere(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		problem{Status: http.StatusMethodNotAllowed, Detail: "this is for " + strings.Join(allowed, " and ")}.write(w)
		return nil
	}
	problem{Status: http.StatusNotFound, Detail: "there is nothing here"}.write(w)
	return nil
}

// readBody reads a body whole. The error may be an [*http.MaxBytesError].
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	if err != nil && !errors.As(err, &large) {
		return nil, badRequest("body", "ended before it was whole")
	}
	return body, err
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
