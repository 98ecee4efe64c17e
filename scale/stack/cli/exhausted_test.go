package cli

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestExhausted(t *testing.T) {
	cases := []struct {
		name   string
		err    error
		passes bool
	}{
		{"no descriptors for a process", &os.PathError{Op: "fork/exec", Path: "/opt/pulumi", Err: syscall.EMFILE}, true},
		{"no descriptors on the machine", &os.SyscallError{Syscall: "pipe2", Err: syscall.ENFILE}, true},
		{"no more processes", &os.PathError{Op: "fork/exec", Path: "/opt/pulumi", Err: syscall.EAGAIN}, true},
		{"no memory", &os.PathError{Op: "fork/exec", Path: "/opt/pulumi", Err: syscall.ENOMEM}, true},
		{"no CLI", &exec.Error{Name: "pulumi", Err: exec.ErrNotFound}, false},
		{"a CLI that may not be run", &os.PathError{Op: "fork/exec", Path: "/opt/pulumi", Err: fs.ErrPermission}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := exhausted(c.err)
			_, passes := errors.AsType[*scale.UnavailableError](got)
			if passes != c.passes || passes && strings.Contains(got.Error(), "/opt") || !passes && !errors.Is(got, c.err) {
				t.Errorf("%v", got)
			}
		})
	}
}
