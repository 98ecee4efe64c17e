//go:build !windows

package stack

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/stack/cli/clitest"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
)

// aCLI is the number of a process that has the name of the Pulumi CLI.
func aCLI(t *testing.T) int {
	t.Helper()
	s := clitest.New(t, "echo $$ >told; read line <tell")
	end := s.Begin(context.Background())
	pid, err := strconv.Atoi(s.Told(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Tell(t, "end"); <-end })
	return pid
}

func TestAHolderIsACLIThatRuns(t *testing.T) {
	if !isHolder(aCLI(t)) {
		t.Error("a CLI that runs is taken for gone")
	}
	if runtime.GOOS == "linux" && isHolder(os.Getpid()) { // as after the start of a new container, in which the numbers begin anew
		t.Error("another program is taken for a CLI")
	}
}

// hold locks a file, as an engine does.
func hold(t *testing.T, path string) (release func()) {
	t.Helper()
	release, err := process.Tie(&exec.Cmd{}, path)
	if err != nil {
		t.Fatal(err)
	}
	return release
}
