package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// hook is a listener that keeps what it is told, with the headers, as one line each.
type hook struct {
	server   *http.Server
	address  string
	mu       sync.Mutex
	heard    []string
	finished chan struct{}
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	signatures := len(strings.Fields(r.Header.Get("Webhook-Signature")))
	h.heard = append(h.heard, fmt.Sprintf("%s %s id=%s signatures=%d %s", r.Method, r.Header.Get("Content-Type"), r.Header.Get("Webhook-Id"), signatures, body))
}

// listen begins to listen: at first on a free port, then on the same one.
func (h *hook) listen() error {
	address := h.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	h.address, h.finished = listener.Addr().String(), make(chan struct{})
	h.server = &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func(server *http.Server, finished chan struct{}) {
		defer close(finished)
		_ = server.Serve(listener)
	}(h.server, h.finished)
	return nil
}

func (h *hook) close() {
	if h.server != nil {
		_ = h.server.Close()
		<-h.finished
		h.server = nil
	}
}

// listenCommand starts a listener of the script's own, whose address is $HOOK. With ! it goes down, and keeps what it heard
// and its address.
//
//	hook
//	! hook
func listenCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) > 0 {
		ts.Fatalf("usage: [!] hook")
	}
	state := stateOf(ts)
	if state.hook == nil {
		state.hook = &hook{}
	}
	if neg {
		state.hook.close()
		return
	}
	ts.Check(state.hook.listen())
	ts.Setenv("HOOK", state.hook.address)
}

// heard waits until as many of the requests that the listener got match a regular expression, by default one. It waits
// two minutes at most, because a failed update and its way back take long on a busy machine. With ! it checks that none does now.
//
//	heard '"kind":"scaled"' 2
func heard(ts *testscript.TestScript, neg bool, args []string) {
	state := stateOf(ts)
	if len(args) < 1 || len(args) > 2 || state.hook == nil {
		ts.Fatalf("usage: [!] heard REGEXP [COUNT], where there is a hook")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	want := 1
	if len(args) == 2 {
		want, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		found := 0
		state.hook.mu.Lock()
		all := strings.Join(state.hook.heard, "\n")
		for _, one := range state.hook.heard {
			if pattern.MatchString(one) {
				found++
			}
		}
		state.hook.mu.Unlock()
		switch {
		case neg && found > 0, found > want:
			ts.Fatalf("%d requests are like %s:\n%s", found, args[0], all)
		case neg || found == want:
			return
		case time.Now().After(deadline):
			ts.Fatalf("%d requests are like %s, want %d:\n%s", found, args[0], want, all)
		}
	}
}
