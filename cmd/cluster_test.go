package cmd

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestForget(t *testing.T) {
	t.Setenv("PULUMISCALE_TOKEN", "a-token-of-the-fleet-0123")
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization")
		switch r.URL.Path {
		case "/base/cluster/forget/alone":
			w.WriteHeader(http.StatusBadRequest)
		case "/base/cluster/forget/nobody":
			w.WriteHeader(http.StatusUnauthorized)
		case "/base/cluster/forget/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = fmt.Fprint(w, `{"host":"pulumiscale-2","stacks":["shop","web"]}`)
		}
	}))
	defer server.Close()
	line := "cluster forget %s --fleet --server " + server.URL + "/base"
	for host, c := range map[string]struct {
		code int
		out  string
	}{
		"pulumiscale-2":  {0, "pulumiscale-2 is marked as gone: locks that it left on shop, web are removed"},
		"alone":          {exitUsage, "is a single server, not a cluster"},
		"nobody":         {exitUsage, "refuses this token"},
		"busy":           {exitFailed, "nothing was forgotten: the server answers 503"},
		"a/b":            {exitUsage, "HOST: must be the name of a host"},
		"":               {exitUsage, "HOST: is missing"},
		"x y":            {exitUsage, "unexpected argument"},
		"x --server=":    {exitUsage, "--server: is required"},
		"x --server=nix": {exitUsage, "--server: must be the server's address"},
	} {
		t.Run(host, func(t *testing.T) {
			term := newTerminal(newFake(), "")
			command := fmt.Sprintf(line, host)
			if flag, ok := strings.CutPrefix(host, "x --server="); ok {
				command = "cluster forget x --server=" + flag
			}
			term.run(t, command, c.code)
			if both := term.stdout.String() + term.stderr.String(); !strings.Contains(both, c.out) {
				t.Errorf("want %q in:\n%s", c.out, both)
			}
		})
	}
	term := newTerminal(newFake(), "")
	term.run(t, fmt.Sprintf(line, "pulumiscale-2")+" --json", 0)
	if asked != "POST /base/cluster/forget/pulumiscale-2 Bearer a-token-of-the-fleet-0123" || !strings.Contains(term.stdout.String(), `"stacks": [`) {
		t.Errorf("asked %q, told %s", asked, term.stdout.String())
	}
}
