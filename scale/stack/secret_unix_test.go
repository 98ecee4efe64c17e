//go:build !windows

package stack

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// vault is a CLI that has a secret and another one that nobody asks for. It says through what it was asked.
const vault = `
echo "$*" >>"$(dirname "$0")/calls"
[ -p /dev/fd/1 ] && [ -p /dev/fd/2 ] || { echo "error: what I print is on a disk" >&2; exit 1; }
case "$*" in
*"config get app:token "*) echo '{"value": "s3cret", "secret": true}'; echo; echo 'Environment diagnostics:' ;;
*"config get app:broken "*) echo 's3cret is no JSON' ;;
*"config get app:wrong "*) echo "error: incorrect passphrase" >&2; exit 1 ;;
*"config get "*) echo "error: configuration key 'app:x' not found for stack 'dev'" >&2; exit 1 ;;
*) exit 9 ;;
esac
`

func TestSecretsComeThroughAPipeAndNoOthers(t *testing.T) {
	all := "config:\n  app:token: {secure: x}\n  app:broken: {secure: x}\n  app:wrong: {secure: x}\n  app:gone: {secure: x}\n  app:other: {secure: x}\n"
	for name, c := range map[string]struct {
		file   string
		keys   []string
		want   map[string]string
		asked  int
		setup  bool
		broken bool
	}{
		"a key":                             {all, []string{"app:token"}, map[string]string{"app:token": "s3cret"}, 1, false, false},
		"a key that the CLI does not have":  {all, []string{"app:token", "app:gone"}, map[string]string{"app:token": "s3cret"}, 2, false, false},
		"a key that no file names":          {"config:\n  app:token: {secure: x}\n", []string{"app:token", "app:none"}, map[string]string{"app:token": "s3cret"}, 1, false, false},
		"an environment may have it":        {"environment: [a]\nconfig:\n  app:token: {secure: x}\n", []string{"app:none"}, map[string]string{}, 1, false, false},
		"the service may have it":           {"", []string{"app:token"}, map[string]string{"app:token": "s3cret"}, 1, false, false},
		"a passphrase that is wrong":        {all, []string{"app:wrong"}, nil, 1, true, false},
		"an answer that cannot be read":     {all, []string{"app:broken"}, nil, 1, false, true},
		"a file that YAML cannot read asks": {"\t{", []string{"app:token"}, map[string]string{"app:token": "s3cret"}, 1, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t)
			e.script = newScript(t, vault)
			e.Stack.command = e.script.command
			if c.file != "" {
				writeAll(t, map[string]string{e.file.Path: c.file})
			}
			got, err := e.Secrets(context.Background(), c.keys...)
			if diff := cmp.Diff(c.want, got); diff != "" || errors.As(err, new(*scale.SetupError)) != c.setup || (err != nil) != (c.setup || c.broken) {
				t.Errorf("error %v\n%s", err, diff)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error tells it: %v", err)
			}
			if asked := e.called("config get"); len(asked) != c.asked {
				t.Errorf("asked %d times, want %d: %q", len(asked), c.asked, asked)
			}
		})
	}
}

// A process that a command has left behind does not keep anybody waiting for ever.
func TestAPipeIsReadNoLongerThanItsProcessRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	s := newScript(t, "sleep 60 & echo answer")
	out, _, code, err := s.run(context.Background(), call{dir: s.dir, private: true})
	if out != "answer\n" || code != 0 || err != nil {
		t.Errorf("%q, %d, %v", out, code, err)
	}
}

func TestWhatIsPrintedOutlivesItsReaderInAFile(t *testing.T) {
	s := newScript(t, "[ -f /dev/fd/1 ] && readlink /proc/self/fd/1 || echo file")
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("it cannot be seen here")
	}
	out, _, _, err := s.run(context.Background(), call{dir: s.dir})
	if err != nil || !strings.Contains(out, "(deleted)") {
		t.Errorf("%q, %v", out, err)
	}
}
