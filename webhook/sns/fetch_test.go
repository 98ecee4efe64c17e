package sns

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestFetch(t *testing.T) {
	mux := http.NewServeMux()
	answer := func(path string, n int) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", n)) })
	}
	answer("/small", 10)
	answer("/largest", maxFetched)
	answer("/larger", maxFetched+1)
	mux.Handle("/redirect", http.RedirectHandler("/small", http.StatusFound))
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "x")
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a handshake fails, as it should
	server.StartTLS()
	defer server.Close()
	fetch := NewFetch(server.Client().Transport)

	for path, n := range map[string]int{"/small": 10, "/largest": maxFetched} {
		if body, err := fetch(t.Context(), server.URL+path); err != nil || len(body) != n {
			t.Errorf("%s: %d bytes, %v; want %d", path, len(body), err, n)
		}
	}
	for path, want := range map[string]string{"/larger": "too long", "/redirect": "302 Found", "/none": "404 Not Found", "/cut": "unexpected EOF"} {
		if _, err := fetch(t.Context(), server.URL+path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v; want %q", path, err, want)
		}
	}
	t.Run("ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := fetch(ctx, server.URL+"/slow"); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("checks the server's certificate", func(t *testing.T) {
		if _, err := NewFetch(nil)(t.Context(), server.URL+"/small"); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("error %v; want one about the certificate", err)
		}
	})
}
