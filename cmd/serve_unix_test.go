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
	r.log.wait(t, "read again")
	r.wants(200, http.MethodGet, "/pools", newToken)
	r.wants(401, http.MethodGet, "/pools", token)
}
