//go:build !windows

package stack

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli/clitest"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
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
			e.Script = clitest.New(t, vault)
			e.command = e.Command
			if c.file != "" {
				filestest.WriteAll(t, map[string]string{e.file.Path: c.file})
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
