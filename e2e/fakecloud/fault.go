package fakecloud

import (
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// fault is what a route's requests meet instead of an answer.
type fault struct {
	route string
	kind  string
	// first is how many requests are still answered. times is how many then fail; 0 is all of them.
	first, times int
}

// Fail makes the requests of a route fail, after the first few and for a number of times; 0 is until [Server.Mend]. "*"
// is every route. The kind is one of these: a status, answered in the service's words; "gateway", a 502 in HTML of a
// proxy before the service; "reset", a broken connection; or "hang", no answer until Mend, and then the usual one.
func (s *Server) Fail(route, kind string, first, times int) error {
	if !known(route) {
		return fmt.Errorf("there is no route %q", route)
	}
	if status, err := strconv.Atoi(kind); (err != nil || status < 400 || status > 599) && kind != "gateway" && kind != "reset" && kind != "hang" {
		return fmt.Errorf("there is no fault %q", kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault{route: route, kind: kind, first: first, times: times})
	return nil
}

// Mend ends all faults, and answers what hangs.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	close(s.mended)
	s.mended = make(chan struct{})
}

func known(name string) bool {
	for _, r := range routes() {
		if name == "*" || r.name == name {
			return true
		}
	}
	return false
}

// faultFor is what a request of a route meets. It is nil if nothing is wrong.
func (s *Server) faultFor(route string) *fault {
	for i, f := range s.faults {
		switch {
		case f.route != route && f.route != "*":
			continue
		case f.first > 0:
			f.first--
			continue
		case f.times == 1:
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
		case f.times > 1:
			f.times--
		}
		return f
	}
	return nil
}

// delays says whether the request is only delayed. It returns after the delay.
func (f *fault) delays(r *http.Request, mended <-chan struct{}) bool {
	if f.kind != "hang" {
		return false
	}
	select {
	case <-mended:
	case <-r.Context().Done():
	}
	return true
}

func (f *fault) answer(w http.ResponseWriter) {
	switch f.kind {
	case "reset":
		reset(w)
	case "gateway":
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"))
	default:
		status, _ := strconv.Atoi(f.kind)
		message := http.StatusText(status)
		switch status {
		case http.StatusConflict:
			message = "Conflict: Another update is currently in progress."
		case http.StatusUnauthorized:
			message = "Unauthorized: No credentials provided or are invalid."
		case http.StatusTooManyRequests:
			w.Header().Set("Retry-After", "1")
		}
		answer(w, nil, &apitype.ErrorResponse{Code: status, Message: message})
	}
}

// reset breaks the connection with a TCP reset.
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	connection, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}
