package fakecloud

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Owner is the user to whom the token belongs, and the organisation of the stacks.
const Owner = "acme"

// Server is the fake. It is safe for concurrent use.
type Server struct {
	address string
	mu      sync.Mutex
	token   string
	http    *http.Server
	ended   chan struct{}
	stacks  map[string]*stack
	updates map[string]*update
	faults  []*fault
	mended  chan struct{}
	served  []string
	// unlisted leaves running updates out of the history.
	unlisted bool
}

// Start starts the fake on a free port of the loopback interface. It has no stack in it and accepts one access token.
func Start(token string) (*Server, error) {
	s := &Server{
		token: token, address: "127.0.0.1:0", mended: make(chan struct{}), stacks: map[string]*stack{}, updates: map[string]*update{},
	}
	if err := s.Up(); err != nil {
		return nil, err
	}
	return s, nil
}

// URL is the backend's address for the CLI. It stays the same while the fake is down.
func (s *Server) URL() string { return "http://" + s.address }

// Up listens again after Down. What the fake knows is as it was before.
func (s *Server) Up() error {
	listener, err := net.Listen("tcp", s.address) //nolint:noctx // a test's own
	if err != nil {
		return err
	}
	s.address = listener.Addr().String()
	server, ended := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}, make(chan struct{})
	s.mu.Lock()
	s.http, s.ended = server, ended
	s.mu.Unlock()
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	return nil
}

// Down stops listening and breaks all connections. The next ones are refused.
func (s *Server) Down() {
	s.mu.Lock()
	server, ended := s.http, s.ended
	s.http = nil
	s.mu.Unlock()
	if server != nil {
		_ = server.Close()
		<-ended
	}
}

// ListRunning says whether the history lists updates that still run. At first it lists them.
func (s *Server) ListRunning(listed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlisted = !listed
}

// SetToken makes another access token the one that is accepted, as if the one before had expired.
func (s *Server) SetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

// Forget forgets which requests there were.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served = nil
}

// Served counts the requests of a route since Forget, answered or failed.
func (s *Server) Served(route string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, name := range s.served {
		if name == route {
			n++
		}
	}
	return n
}

// ServeHTTP answers one request of the CLI.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found, vars := find(r)
	s.mu.Lock()
	s.served = append(s.served, found.name)
	fault, mended := s.faultFor(found.name), s.mended
	s.mu.Unlock()
	if fault != nil && !fault.delays(r, mended) {
		fault.answer(w)
		return
	}
	if found.handle == nil {
		answer(w, nil, failed(http.StatusNotFound, "Not Found"))
		return
	}
	body, err := readBody(r)
	if err != nil {
		answer(w, nil, failed(http.StatusBadRequest, "Bad Request: "+err.Error()))
		return
	}
	s.mu.Lock()
	out, err := s.handle(found, &call{path: vars, query: r.URL.Query(), body: body, authorization: r.Header.Get("Authorization")})
	s.mu.Unlock()
	answer(w, out, err)
}

// handle checks who asks, and lets the route answer.
func (s *Server) handle(found route, c *call) (any, error) {
	s.expire()
	if !found.lease && c.authorization != "token "+s.token {
		return nil, failed(http.StatusUnauthorized, "Unauthorized: No credentials provided or are invalid.")
	}
	if c.path["stack"] != "" {
		if c.stack = s.stacks[stackKey(c.path["org"], c.path["project"], c.path["stack"])]; c.stack == nil {
			return nil, failed(http.StatusNotFound, "Not Found: Stack '"+c.path["org"]+"/"+c.path["project"]+"/"+c.path["stack"]+"' not found")
		}
	}
	if c.path["update"] != "" {
		if c.update = s.updates[c.path["update"]]; c.update == nil || c.update.stack != c.stack {
			return nil, failed(http.StatusNotFound, "Not Found: Update '"+c.path["update"]+"' not found")
		}
	}
	if found.lease && (!c.update.running() || c.authorization != "update-token "+c.update.token) {
		return nil, failed(http.StatusForbidden, "The provided update token has expired.")
	}
	return found.handle(s, c)
}

// call is one request.
type call struct {
	path          map[string]string
	query         map[string][]string
	body          []byte
	authorization string
	stack         *stack
	update        *update
}

func (c *call) decode(into any) error {
	if err := json.Unmarshal(c.body, into); err != nil {
		return failed(http.StatusBadRequest, "Bad Request: "+err.Error())
	}
	return nil
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	unpacked, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unpacked)
}

func failed(status int, message string) error {
	return &apitype.ErrorResponse{Code: status, Message: message}
}

func answer(w http.ResponseWriter, out any, err error) {
	status := http.StatusOK
	refused, ok := errors.AsType[*apitype.ErrorResponse](err)
	switch {
	case ok:
		status, out = refused.Code, refused
	case err != nil:
		status, out = http.StatusInternalServerError, apitype.ErrorResponse{Code: http.StatusInternalServerError, Message: err.Error()}
	}
	text, err := json.Marshal(out)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// route is one of the service's: its friendly name in the client's list of routes, its method and its path.
type route struct {
	name, method string
	path         *regexp.Regexp
	// lease says that the route asks for the update's own token.
	lease  bool
	handle func(*Server, *call) (any, error)
}

func find(r *http.Request) (route, map[string]string) {
	for _, candidate := range routes() {
		found := candidate.path.FindStringSubmatch(r.URL.Path)
		if found == nil || candidate.method != r.Method {
			continue
		}
		vars := map[string]string{}
		for i, name := range candidate.path.SubexpNames() {
			if name != "" {
				vars[name] = found[i]
			}
		}
		return candidate, vars
	}
	return route{name: r.Method + " " + r.URL.Path}, nil
}

// at is a pattern of a path. In the path, {name} stands for a part of it.
func at(path string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.NewReplacer("{", "(?P<", "}", ">[^/]+)").Replace(path) + "$")
}

func routes() []route {
	const stack = "/api/stacks/{org}/{project}/{stack}"
	const update = stack + "/update/{update}"
	return []route{
		{name: "getCurrentUser", method: "GET", path: at("/api/user"), handle: (*Server).user},
		{name: "getDefaultOrg", method: "GET", path: at("/api/user/organizations/default"), handle: (*Server).defaultOrg},
		{name: "getCapabilities", method: "GET", path: at("/api/capabilities"), handle: (*Server).capabilities},
		{name: "projectExists", method: "HEAD", path: at("/api/stacks/{org}/{project}"), handle: (*Server).done},
		{name: "createStack", method: "POST", path: at("/api/stacks/{org}/{project}"), handle: (*Server).createStack},
		{name: "getStack", method: "GET", path: at(stack), handle: (*Server).getStack},
		{name: "exportStack", method: "GET", path: at(stack + "/export"), handle: (*Server).exportStack},
		{name: "getStackUpdates", method: "GET", path: at(stack + "/updates"), handle: (*Server).history},
		{name: "getLatestStackUpdate", method: "GET", path: at(stack + "/updates/latest"), handle: (*Server).latest},
		{name: "encryptValue", method: "POST", path: at(stack + "/encrypt"), handle: (*Server).encrypt},
		{name: "decryptValue", method: "POST", path: at(stack + "/decrypt"), handle: (*Server).decrypt},
		{name: "batchDecrypt", method: "POST", path: at(stack + "/batch-decrypt"), handle: (*Server).batchDecrypt},
		{name: "createUpdate", method: "POST", path: at(stack + "/update"), handle: create(apitype.UpdateUpdate)},
		{name: "createPreview", method: "POST", path: at(stack + "/preview"), handle: create(apitype.PreviewUpdate)},
		{name: "createRefresh", method: "POST", path: at(stack + "/refresh"), handle: create(apitype.RefreshUpdate)},
		{name: "createDestroy", method: "POST", path: at(stack + "/destroy"), handle: create(apitype.DestroyUpdate)},
		{name: "startUpdate", method: "POST", path: at(update), handle: (*Server).startUpdate},
		{name: "cancelUpdate", method: "POST", path: at(update + "/cancel"), handle: (*Server).cancelUpdate},
		{name: "renewLease", method: "POST", path: at(update + "/renew_lease"), lease: true, handle: (*Server).renewLease},
		{name: "patchCheckpoint", method: "PATCH", path: at(update + "/checkpoint"), lease: true, handle: (*Server).patchCheckpoint},
		{name: "postEngineEventBatch", method: "POST", path: at(update + "/events/batch"), lease: true, handle: (*Server).postEvents},
		{name: "completeUpdate", method: "POST", path: at(update + "/complete"), lease: true, handle: (*Server).completeUpdate},
	}
}
