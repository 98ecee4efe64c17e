//go:build !windows

package stack

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/stack/cli/clitest"
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
