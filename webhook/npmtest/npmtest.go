// Package npmtest runs packages of npm that check whether a format is right: code that others have written does not
// share the mistakes of the code under test.
package npmtest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Ask copies a folder with a package.json, its lock file and a script into a temporary folder, and installs the pinned
// packages there. It runs the script with Node.js, passes the input as JSON on stdin, and returns the lines of the
// script's output. If Node.js, npm or the packages are missing, the test is skipped, or fails in CI.
func Ask(t *testing.T, folder, script string, input any) []string {
	t.Helper()
	lacks := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("CI") != "" {
			t.Fatalf(format, args...)
		}
		t.Skipf("packages of npm were not asked: "+format, args...)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			lacks("%s is not installed", tool)
		}
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	npm.Dir = dir
	if output, err := npm.CombinedOutput(); err != nil {
		lacks("npm ci: %v\n%s", err, output)
	}
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", script)
	node.Dir, node.Stdin = dir, bytes.NewReader(text)
	var stderr bytes.Buffer
	node.Stderr = &stderr
	output, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, &stderr)
	}
	return strings.Split(strings.TrimSpace(string(output)), "\n")
}
