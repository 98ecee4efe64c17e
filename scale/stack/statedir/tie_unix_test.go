//go:build !windows

package statedir

import (
	"os/exec"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/stack/process"
)

// tie locks a file, as an engine does.
func tie(t *testing.T, path string) (untie func()) {
	t.Helper()
	untie, err := process.Tie(&exec.Cmd{}, path)
	if err != nil {
		t.Fatal(err)
	}
	return untie
}
