//go:build !windows

package cmd

import (
	"net/http"
	"syscall"
	"testing"
)

func TestServeReloadsOnSIGHUP(t *testing.T) {
	s := newServed(t)
	r := launch(t, s)
	s.set(func() { s.secrets = map[string]string{"pulumiscale:token": newToken} })
	r.wants(401, http.MethodGet, "/pools", newToken)
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	r.log.wait(t, "reloaded the tokens and rules")
	r.wants(200, http.MethodGet, "/pools", newToken)
	r.wants(401, http.MethodGet, "/pools", token)
}

// A terminal that is closed sends the same signal, a little before it is gone.
func TestServeEndsWithItsTerminal(t *testing.T) {
	s := newServed(t)
	s.updating, s.finish = make(chan struct{}), make(chan struct{})
	r := launch(t, s)
	r.wants(202, http.MethodPost, "/scale/worker-pool?count=5", token)
	<-s.updating
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	r.log.wait(t, "reloaded the tokens and rules")
	r.gone.Store(true)
	r.log.wait(t, "the terminal is gone; a running update will be finished")
	r.log.wait(t, "shutting down: no more requests are accepted")
	close(s.finish)
	r.ends()
	if s.count != 5 {
		t.Errorf("the pool has %d", s.count)
	}
}
