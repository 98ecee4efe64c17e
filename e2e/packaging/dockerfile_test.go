package packaging

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
)

// The image's health check, and that of the sidecar, ask /healthz without curl, which images may not have.
func TestHealthChecksNeedNoCurl(t *testing.T) {
	bash := tool(t, "bash")
	text, err := os.ReadFile(filepath.Join(folder, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^HEALTHCHECK .*\\\n +CMD (\[.+\])$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("the Dockerfile has no HEALTHCHECK")
	}
	var check []string
	if err := json.Unmarshal(found[1], &check); err != nil {
		t.Fatal(err)
	}
	sidecar, err := os.ReadFile(filepath.Join(folder, "kubernetes-sidecar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	probe := regexp.MustCompile(`(?m)^ +- (exec 3<>.+)$`).FindSubmatch(sidecar)
	if probe == nil {
		t.Fatal("the sidecar has no probe")
	}

	var status atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			w.WriteHeader(int(status.Load()))
		}
	}))
	defer server.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	for name, script := range map[string]string{"Dockerfile": check[2], "sidecar": strings.Replace(string(probe[1]), "/8080", "/"+port, 1)} {
		for answer, healthy := range map[int]bool{http.StatusOK: true, http.StatusServiceUnavailable: false} {
			status.Store(int32(answer))
			cmd := exec.CommandContext(t.Context(), bash, "-c", script)
			cmd.Env = []string{"PULUMISCALE_LISTEN=0.0.0.0:" + port}
			if out, err := cmd.CombinedOutput(); (err == nil) != healthy {
				t.Errorf("%s: at an answer of %d the check says %v %s", name, answer, err, out)
			}
		}
	}
}
