//go:build !windows

package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli/clitest"
)

func TestCommandRun(t *testing.T) {
	s := clitest.New(t, `echo "args: $*"; echo "dir: $(pwd -P)"; echo "env: $PULUMI_AUTOMATION_API $PULUMI_SKIP_UPDATE_CHECK $GIT_OPTIONAL_LOCKS $MINE"; cat; echo oops >&2; exit 6`)
	var alsoOut, alsoErr bytes.Buffer
	dir, err := filepath.EvalSymlinks(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code, err := s.Run(context.Background(), s.Dir, strings.NewReader("input\n"), []io.Writer{&alsoOut}, []io.Writer{&alsoErr},
		[]string{"MINE=yes"}, "stack", "ls")
	want := "args: --non-interactive --color never stack ls\ndir: " + dir + "\nenv: true true 0 yes\ninput\n"
	if diff := cmp.Diff([]string{want, "oops\n", want, "oops\n"}, []string{stdout, stderr, alsoOut.String(), alsoErr.String()}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var exit *exec.ExitError
	if code != 6 || !errors.As(err, &exit) {
		t.Errorf("code %d, error %v", code, err)
	}
}

func TestCommandRunOfWhatIsNotThere(t *testing.T) {
	c := &cli.Command{Path: filepath.Join(t.TempDir(), "pulumi")}
	if _, _, code, err := c.Run(context.Background(), "", nil, nil, nil, nil); code != -1 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("code %d, error %v", code, err)
	}
}

func TestCommandHasAProcessGroupOfItsOwn(t *testing.T) {
	s := clitest.New(t, `echo $$ >told; read line <tell`)
	end := s.Begin(context.Background())
	pid, err := strconv.Atoi(s.Told(t))
	if err != nil {
		t.Fatal(err)
	}
	group, err := syscall.Getpgid(pid)
	if err != nil || group != pid {
		t.Errorf("the process %d is in group %d, error %v", pid, group, err)
	}
	s.Tell(t, "end")
	if r := <-end; r.Err != nil {
		t.Error(r.Err)
	}
}

func TestCommandIsInterruptedAndNotKilled(t *testing.T) {
	s := clitest.New(t, `trap 'caught=yes' INT
echo ready >told
while [ -z "$caught" ]; do sleep 0.01; done # a signal just before a read would not end it
echo caught >told
read line <tell
echo "ended after $line"; exit $line`)
	for _, c := range []struct {
		name, code string
		check      func(clitest.Ran) bool
	}{
		{"an engine that then fails", "5", func(r clitest.Ran) bool {
			var exit *exec.ExitError
			return r.Code == 5 && errors.Is(r.Err, context.Canceled) && errors.As(r.Err, &exit)
		}},
		{"an engine that succeeds all the same", "0", func(r clitest.Ran) bool { return r.Code == 0 && r.Err == nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			end := s.Begin(ctx)
			if got := s.Told(t); got != "ready" {
				t.Fatalf("told %q", got)
			}
			cancel()
			if got := s.Told(t); got != "caught" {
				t.Fatalf("told %q", got)
			}
			select {
			case r := <-end:
				t.Fatalf("ended early: %+v", r)
			default:
			}
			s.Tell(t, c.code)
			if r := <-end; !c.check(r) || r.Stdout != "ended after "+c.code+"\n" {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestCommandDoesNotStartForAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := clitest.New(t, `echo started >started`)
	if _, _, code, err := s.Run(ctx, s.Dir, nil, nil, nil, nil); code != -1 || !errors.Is(err, context.Canceled) {
		t.Errorf("code %d, error %v", code, err)
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "started")); err == nil {
		t.Error("it was started")
	}
}

// A process that a command has left behind does not keep anybody waiting for ever.
func TestAPipeIsReadNoLongerThanItsProcessRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	s := clitest.New(t, "sleep 60 & echo answer")
	out, _, code, err := s.Do(context.Background(), cli.Call{Dir: s.Dir, Private: true})
	if out != "answer\n" || code != 0 || err != nil {
		t.Errorf("%q, %d, %v", out, code, err)
	}
}

func TestWhatIsPrintedOutlivesItsReaderInAFile(t *testing.T) {
	s := clitest.New(t, "[ -f /dev/fd/1 ] && readlink /proc/self/fd/1 || echo file")
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("it cannot be seen here")
	}
	out, _, _, err := s.Do(context.Background(), cli.Call{Dir: s.Dir})
	if err != nil || !strings.Contains(out, "(deleted)") {
		t.Errorf("%q, %v", out, err)
	}
}
