//go:build !windows

package stack

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli/clitest"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

// openWith opens a stack with a CLI that is a script.
func openWith(t *testing.T, body string, options Options) (*Stack, error) {
	t.Helper()
	s := clitest.New(t, body)
	t.Setenv("PATH", s.Dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PULUMI_HOME", t.TempDir())
	t.Setenv("PULUMI_BACKEND_URL", "file:///b")
	options.Dir = t.TempDir()
	filestest.WriteAll(t, map[string]string{filepath.Join(options.Dir, "Pulumi.yaml"): "name: demo\nruntime: yaml\n"})
	return Open(context.Background(), options)
}

const answers = `case "$*" in *version*) echo v3.250.0 ;; *--show-name*) echo organization/demo/asked ;; *) exit 9 ;; esac`

func TestTheCLIIsAskedForTheStackThatNothingElseTells(t *testing.T) {
	if s, err := openWith(t, answers, Options{}); err != nil || s.Name() != "asked" {
		t.Errorf("got %v, error %v", s, err)
	}
	if s, err := openWith(t, answers, Options{Stack: "given"}); err != nil || s.Name() != "given" {
		t.Errorf("got %v, error %v", s, err)
	}
	t.Setenv("PULUMI_STACK", "mine")
	if s, err := openWith(t, answers, Options{}); err != nil || s.Name() != "mine" {
		t.Errorf("got %v, error %v", s, err)
	}
}

func TestACLIThatCannotBeUsedIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"too old":             {"echo v3.199.0", "too old"},
		"no version":          {"echo hello", `says "hello"`},
		"fails":               {"echo oops >&2; exit 3", "oops"},
		"flags of other jobs": {`[ -z "$PULUMI_OPTION_CWD" ] || exit 5; echo v3.1.0`, "too old"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PULUMI_OPTION_CWD", "/nowhere")
			_, err := openWith(t, c.body, Options{Stack: "dev"})
			setup, ok := errors.AsType[*scale.SetupError](err)
			if !ok || !strings.Contains(setup.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
