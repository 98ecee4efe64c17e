package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// tool finds a program that CI has and that a developer's machine may not have. There the test is skipped.
func tool(t *testing.T, name string) string {
	t.Helper()
	pinned, err := filepath.Abs(filepath.Join(root, ".tools/bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(pinned); err == nil {
		return pinned
	}
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: .ci/run installs it", name)
	}
	if err != nil {
		t.Skipf("%s is missing", name)
	}
	return path
}

// run runs a program in a folder and returns what it said.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", filepath.Base(name), args, err, out)
	}
	return string(out)
}
