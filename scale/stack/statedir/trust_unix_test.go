//go:build !windows

package statedir

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

func TestWhatOthersCanWriteIsNoStateDirectory(t *testing.T) {
	filestest.NeedsRoot(t)
	const another = filestest.Somebody - 1
	for name, c := range map[string]struct {
		uid, gid int
		mode     fs.FileMode
		// program is the owner of the program, and shared is the group that shares it.
		program, shared int
		want            string
	}{
		"one's own":                               {0, 0, 0o755, 0, -1, ""},
		"for one's own group":                     {0, 0, 0o775, 0, -1, ""},
		"of the program's owner":                  {filestest.Somebody, filestest.Somebody, 0o755, filestest.Somebody, -1, ""},
		"of the program's owner, for their group": {filestest.Somebody, another, 0o2775, filestest.Somebody, -1, ""},
		"of the group that shares the program":    {another, filestest.Somebody, 0o775, 0, filestest.Somebody, ""},
		"root's, for a group, as a volume's":      {0, filestest.Somebody, 0o2775, 0, -1, ""},
		"somebody's, whose program it is not":     {filestest.Somebody, filestest.Somebody, 0o755, 0, -1, "it belongs to nobody"},
		"somebody's, for one's own group":         {filestest.Somebody, 0, 0o775, 0, -1, "it belongs to nobody"},
		"for everybody":                           {0, 0, 0o777, 0, -1, "everybody can write in it"},
		"for everybody, and sticky, as /tmp":      {0, 0, fs.ModeSticky | 0o777, 0, -1, "everybody can write in it"},
		"for everybody, of the program's owner":   {filestest.Somebody, 0, 0o777, filestest.Somebody, -1, "everybody can write in it"},
	} {
		t.Run(name, func(t *testing.T) {
			d := dirOf(t, t.TempDir(), "dev", "file:///b")
			mode := fs.FileMode(0o755)
			if c.shared >= 0 {
				mode = 0o775
			}
			if err := errors.Join(os.Chown(d.Program.Dir, c.program, max(c.shared, 0)), os.Chmod(d.Program.Dir, mode),
				os.Chown(d.Path, c.uid, c.gid), os.Chmod(d.Path, c.mode)); err != nil {
				t.Fatal(err)
			}
			unlock, _, err := d.TryLock()
			if err == nil {
				unlock()
			}
			if setup, ok := errors.AsType[*scale.SetupError](err); ok != (c.want != "") || ok && (!strings.Contains(err.Error(), c.want) || setup.Hint == "") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// If a record in one's own state directory is somebody else's, somebody has put it there.
func TestARecordOfSomebodyElseIsRefused(t *testing.T) {
	filestest.NeedsRoot(t)
	d := dirOf(t, t.TempDir(), "dev", "file:///b")
	r, err := d.NewRecord("id", []string{"worker"})
	if err != nil {
		t.Fatal(err)
	}
	filestest.Give(t, 0o755, r.Dir)
	if _, _, err := d.TryLock(); err == nil || !strings.Contains(err.Error(), "it belongs to nobody") {
		t.Errorf("got %v", err)
	}
}
