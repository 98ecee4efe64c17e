//go:build !windows

package cli_test

import (
	"os"
	"runtime"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli/clitest"
)

func TestWhoHoldsALockIsACLIThatRuns(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	pid := clitest.Running(t)
	if cli.IsGone(host, pid) {
		t.Error("a CLI that runs is taken for gone")
	}
	if runtime.GOOS == "linux" && !cli.IsGone(host, os.Getpid()) { // as after the start of a new container, in which the numbers begin anew
		t.Error("another program is taken for a CLI")
	}
	if cli.IsGone(host+"-other", os.Getpid()) {
		t.Error("a process of another machine is taken for gone")
	}
}
