package packaging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mostExposed is what `systemd-analyze security` may say of the service at most, in tenths, from 0 (safe) to 100.
const mostExposed = "15"

// systemd reads the service, and says how much of the machine a break-in would have.
func TestService(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	text, err := os.ReadFile(filepath.Join(folder, "pulumiscale.service"))
	if err != nil {
		t.Fatal(err)
	}
	// systemd looks for the program, which is not installed here.
	service := filepath.Join(t.TempDir(), "pulumiscale.service")
	installed := strings.Replace(string(text), "ExecStart=/usr/bin/pulumiscale ", "ExecStart=/bin/true ", 1)
	if installed == string(text) {
		t.Fatal("the service does not start /usr/bin/pulumiscale")
	}
	if err := os.WriteFile(service, []byte(installed), 0o644); err != nil {
		t.Fatal(err)
	}
	if said := run(t, folder, analyze, "verify", service); said != "" {
		t.Errorf("systemd says: %s", said)
	}
	said := run(t, folder, analyze, "security", "--offline=true", "--no-pager", "--threshold="+mostExposed, service)
	t.Log(said[strings.LastIndex(strings.TrimSpace(said), "\n")+1:])
}

// The service has what docs/operations.md says that an init system must know.
func TestServiceLetsAnUpdateFinish(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(folder, "pulumiscale.service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"KillMode=mixed", "TimeoutStopSec=30min", "Restart=on-failure", "RestartPreventExitStatus=2", "User=pulumiscale"} {
		if !strings.Contains(string(text), "\n"+line+"\n") {
			t.Errorf("the service has no line %s", line)
		}
	}
}
