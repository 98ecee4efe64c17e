package webhook

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// stacksPrefix is what the path of a request for one stack of a fleet begins with.
const stacksPrefix = "/stacks/"

// openPatience is how long a request waits for its stack to be opened.
const openPatience = 8 * time.Second

// Fleet answers the HTTP requests for many stacks: requests for one stack, under /stacks/NAME, and requests about all
// stacks. All fields but Directories are required.
type Fleet struct {
	// Tokens are the fleet's tokens. A request that bears one of them may be about all stacks, or about any stack. A
	// stack's own token is valid only for requests about that stack.
	Tokens *Tokens
	// Find returns a stack's server by the stack's name, and opens the stack if need be. If the fleet has no such
	// stack, IsUnknown recognizes the error. Any other error says why there is no server for the stack now.
	Find func(ctx context.Context, name string) (*FleetServer, error)
	// IsUnknown says whether an error of Find means that the fleet has no such stack.
	IsUnknown func(error) bool
	// Members returns all stacks, sorted by name.
	Members func() []FleetMember
	// Engines returns how many engines may run, how many run, and how many stacks wait for one.
	Engines func() board.Engines
	// Reload reads the list of stacks and the fleet's token again. It returns what has changed in the list.
	Reload  func(context.Context) (FleetChange, error)
	Metrics *FleetMetrics
	Log     *slog.Logger
	Now     func() time.Time
	// Directories are directories of this machine that are cut out of all answers: see [veil].
	Directories []string

	// own serves the requests that are about all stacks.
	own      *Server
	template *template.Template
}

// FleetServer is a server of one stack, with its handler.
type FleetServer struct {
	*Server
	handler http.Handler
}

// NewFleetServer makes a stack's server a part of a fleet. The name is the stack's name in the fleet.
func NewFleetServer(s *Server, name string) *FleetServer {
	s.Prefix = stacksPrefix + name
	return &FleetServer{Server: s, handler: s.Handler()}
}

// FleetMember is a stack of a fleet. Server is nil if the stack is not open. If opening it failed, Err says why, and
// RetryAt is when the fleet tries again to open the stack.
type FleetMember struct {
	Name    string
	Server  *FleetServer
	Err     error
	RetryAt time.Time
}

// FleetChange is what a reload has changed in the list of stacks.
type FleetChange struct {
	Added []string `json:"added"`
	Gone  []string `json:"gone"`
}

// Handler serves all requests.
func (f *Fleet) Handler() http.Handler {
	f.template = template.Must(template.ParseFS(pageFiles, "page/fleet.html"))
	f.own = &Server{Tokens: f.Tokens, Metrics: NewMetrics(), Log: f.Log, Now: f.Now, Directories: f.Directories}
	own := f.own.handlerOf(f.endpoints())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, rest, ok := cutStack(r.URL.Path)
		if !ok {
			own.ServeHTTP(w, r)
			return
		}
		if rest == "" { // the addresses in the page are relative to its folder
			f.own.serve(endpoint{open: true, handle: toFolder}).ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), openPatience)
		server, err := f.Find(ctx, name)
		cancel()
		if err != nil {
			f.refuse(r, name, err).ServeHTTP(w, r)
			return
		}
		there := r.Clone(r.Context())
		there.URL.Path, there.URL.RawPath, there.RequestURI = rest, "", ""
		server.handler.ServeHTTP(w, there)
	})
}

// endpoints is the table of the routes that are about all stacks.
func (f *Fleet) endpoints() []endpoint {
	plain := []string{"application/json", "text/plain"}
	return []endpoint{
		{pattern: "GET /{$}", handle: f.page},
		{pattern: "GET /page/{file}", handle: (*Server).pageFile},
		{pattern: "GET /stacks", handle: tell(func(*Server, *http.Request) (any, error) { return f.document(), nil })},
		{pattern: "POST /cluster/forget/{host}", media: plain, handle: tell(f.forget)},
		{pattern: "GET /metrics", handle: f.metrics},
		{pattern: "POST /-/reload", media: plain, patience: apiTimeout, handle: f.reload},
		{pattern: "GET /healthz", open: true, handle: tell((*Server).healthy)},
		{pattern: "GET /readyz", open: true, handle: tell(func(*Server, *http.Request) (any, error) { return map[string]string{"status": "ready"}, nil })},
	}
}

// cutStack splits the path of a request for one stack into the stack's name and the rest behind the name. If the path
// names no stack, ok is false, and rest is the whole path.
func cutStack(path string) (name, rest string, ok bool) {
	after, ok := strings.CutPrefix(path, stacksPrefix)
	if !ok || after == "" {
		return "", path, false
	}
	if slash := strings.IndexByte(after, '/'); slash >= 0 {
		return after[:slash], after[slash:], true
	}
	return after, "", true
}

// toFolder redirects to the same address with a slash at its end. It redirects every name and needs no token, so that
// nobody learns from the redirect which stacks there are.
func toFolder(_ *Server, w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Location", "./"+r.URL.EscapedPath()[strings.LastIndexByte(r.URL.EscapedPath(), '/')+1:]+"/")
	w.WriteHeader(http.StatusPermanentRedirect)
	return nil
}

// refuse answers a request for a stack that is unknown or cannot be opened. Only a request with a token of the fleet is
// told that a stack is unknown. If a stack cannot be opened, its own token is not known now, and the request may bear
// that token. So a request with any token is told to try again: after a 401, many senders would never try again.
func (f *Fleet) refuse(r *http.Request, name string, err error) http.Handler {
	unknown := f.IsUnknown(err)
	_, bears := bearer(r)
	return f.own.serve(endpoint{open: bears && !unknown, handle: func(_ *Server, w http.ResponseWriter, _ *http.Request) error {
		if unknown {
			problem{Status: http.StatusNotFound, Detail: "the fleet has no stack " + name, Hint: "GET /stacks lists them"}.write(w)
			return nil
		}
		return err
	}})
}

// Stop is [Server.Stop] for all stacks.
func (f *Fleet) Stop() { f.each((*Server).Stop) }

// Finish is [Server.Finish] for all stacks.
func (f *Fleet) Finish(ctx context.Context) { f.each(func(s *Server) { s.Finish(ctx) }) }

func (f *Fleet) each(do func(*Server)) {
	do(f.own)
	for _, m := range f.Members() {
		if m.Server != nil {
			do(m.Server.Server)
		}
	}
}

// shownDone is how many of the last operations of each stack are searched for failures.
const shownDone = 10

// document tells how all stacks stand. It waits for nothing.
func (f *Fleet) document() *board.Fleet {
	now := f.Now()
	doc := &board.Fleet{Now: now.UTC(), Engines: f.Engines(), Stacks: []board.FleetStack{}}
	for _, m := range f.Members() {
		if m.Server == nil {
			doc.Stacks = append(doc.Stacks, board.UnopenedStack(m.Name, m.Err, m.RetryAt))
			continue
		}
		status, _, err := m.Server.statusWith(shownDone)
		if err != nil {
			doc.Stacks = append(doc.Stacks, board.UnopenedStack(m.Name, err, time.Time{}))
			continue
		}
		doc.Stacks = append(doc.Stacks, board.FleetStackOf(m.Name, status, now))
	}
	doc.Sort()
	return board.Tidy(doc)
}

// page answers with the page of all stacks, for people.
func (f *Fleet) page(_ *Server, w http.ResponseWriter, _ *http.Request) error {
	var body bytes.Buffer
	if err := f.template.Execute(&body, f.document().View(f.Now())); err != nil {
		return err
	}
	writePage(w, "text/html; charset=utf-8", body.Bytes())
	return nil
}

func (f *Fleet) metrics(_ *Server, w http.ResponseWriter, r *http.Request) error {
	f.Metrics.handler(f.Members, f.Engines).ServeHTTP(w, r)
	return nil
}

// reload reads the list of stacks again. If the new list cannot be used, the old one stays in force.
func (f *Fleet) reload(_ *Server, w http.ResponseWriter, r *http.Request) error {
	change, err := f.Reload(r.Context())
	if err != nil {
		p := problem{Title: notReloaded, Status: http.StatusConflict, Detail: err.Error()}
		if usage, ok := errors.AsType[*scale.UsageError](err); ok {
			p.Hint = usage.Hint
		}
		p.write(w)
		return nil
	}
	change.Added, change.Gone = append([]string{}, change.Added...), append([]string{}, change.Gone...)
	writeJSON(w, http.StatusOK, struct {
		Note string `json:"note"`
		FleetChange
	}{"reloaded the list of stacks", change})
	return nil
}
