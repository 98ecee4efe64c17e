//go:build !windows

package stack

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
)

// script is a CLI that is a shell script. It finds two pipes in its folder, to tell of itself and to be told.
type script struct {
	*command
	dir string
}

func newScript(t *testing.T, body string) script {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "pulumi")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, pipe := range []string{"told", "tell"} {
		if err := syscall.Mkfifo(filepath.Join(dir, pipe), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return script{&command{path: path}, dir}
}

// told is the next line that the script says; it waits for it.
func (s script) told(t *testing.T) string {
	t.Helper()
	line, err := os.ReadFile(filepath.Join(s.dir, "told"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(line))
}

func (s script) tell(t *testing.T, line string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "tell"), []byte(line+"\n"), 0); err != nil {
		t.Fatal(err)
	}
}

type ran struct {
	stdout, stderr string
	code           int
	err            error
}

func (s script) start(ctx context.Context) <-chan ran {
	out := make(chan ran, 1)
	go func() {
		var r ran
		r.stdout, r.stderr, r.code, r.err = s.Run(ctx, s.dir, nil, nil, nil, nil)
		out <- r
	}()
	return out
}

func TestCommandRun(t *testing.T) {
	s := newScript(t, `echo "args: $*"; echo "dir: $(pwd -P)"; echo "env: $PULUMI_AUTOMATION_API $PULUMI_SKIP_UPDATE_CHECK $MINE"; cat; echo oops >&2; exit 6`)
	var alsoOut, alsoErr bytes.Buffer
	dir, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code, err := s.Run(context.Background(), s.dir, strings.NewReader("input\n"), []io.Writer{&alsoOut}, []io.Writer{&alsoErr},
		[]string{"MINE=yes"}, "stack", "ls")
	want := "args: --non-interactive --color never stack ls\ndir: " + dir + "\nenv: true true yes\ninput\n"
	if diff := cmp.Diff([]string{want, "oops\n", want, "oops\n"}, []string{stdout, stderr, alsoOut.String(), alsoErr.String()}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var exit *exec.ExitError
	if code != 6 || !errors.As(err, &exit) {
		t.Errorf("code %d, error %v", code, err)
	}
}

func TestCommandRunOfWhatIsNotThere(t *testing.T) {
	c := &command{path: filepath.Join(t.TempDir(), "pulumi")}
	if _, _, code, err := c.Run(context.Background(), "", nil, nil, nil, nil); code != -1 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("code %d, error %v", code, err)
	}
}

func TestCommandHasAProcessGroupOfItsOwn(t *testing.T) {
	s := newScript(t, `echo $$ >told; read line <tell`)
	end := s.start(context.Background())
	pid, err := strconv.Atoi(s.told(t))
	if err != nil {
		t.Fatal(err)
	}
	group, err := syscall.Getpgid(pid)
	if err != nil || group != pid {
		t.Errorf("the process %d is in group %d, error %v", pid, group, err)
	}
	s.tell(t, "end")
	if r := <-end; r.err != nil {
		t.Error(r.err)
	}
}

func TestCommandIsInterruptedAndNotKilled(t *testing.T) {
	s := newScript(t, `trap 'caught=yes' INT
echo ready >told
while [ -z "$caught" ]; do sleep 0.01; done # a signal just before a read would not end it
echo caught >told
read line <tell
echo "ended after $line"; exit $line`)
	for _, c := range []struct {
		name, code string
		check      func(ran) bool
	}{
		{"an engine that then fails", "5", func(r ran) bool {
			var exit *exec.ExitError
			return r.code == 5 && errors.Is(r.err, context.Canceled) && errors.As(r.err, &exit)
		}},
		{"an engine that succeeds all the same", "0", func(r ran) bool { return r.code == 0 && r.err == nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			end := s.start(ctx)
			if got := s.told(t); got != "ready" {
				t.Fatalf("told %q", got)
			}
			cancel()
			if got := s.told(t); got != "caught" {
				t.Fatalf("told %q", got)
			}
			select {
			case r := <-end:
				t.Fatalf("ended early: %+v", r)
			default:
			}
			s.tell(t, c.code)
			if r := <-end; !c.check(r) || r.stdout != "ended after "+c.code+"\n" {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestCommandDoesNotStartForAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := newScript(t, `echo started >started`)
	if _, _, code, err := s.Run(ctx, s.dir, nil, nil, nil, nil); code != -1 || !errors.Is(err, context.Canceled) {
		t.Errorf("code %d, error %v", code, err)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "started")); err == nil {
		t.Error("it was started")
	}
}
