//go:build !windows

package stack

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

// FuzzNoPathIsAPattern: whatever the folders in which things are may be called, what is there is found. Nothing else is
// found, or removed.
func FuzzNoPathIsAPattern(f *testing.F) {
	for _, name := range []string{
		"plain", "[", "]", "[a-z]", "a[", "*", "?", "\\", "{a,b}", " ", "\n", "-", "--flag", "-rf", "~", "%", "%2e", "%5B", "#", "a?b", "..a", "$x", "`x`", "'", "\"", "[!a]", "a*b[c]\\d{e}?f",
		"\u00e4", "\u202e", "\xff", ".", "pulumiscale-1", "**", "a:b", "a=b", ";",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || name == "." || name == ".." || len(name) > 100 || strings.ContainsAny(name, "/\x00") {
			t.Skip("no name of a file")
		}
		// Beside the odd folder there is one for each way in which its name may be read as a pattern.
		root := t.TempDir()
		state, backend, program := filepath.Join(root, name, name), filepath.Join(root, name, "backend"+name), filepath.Join(root, name, "program"+name)
		theirs := filepath.Join(state, "pulumiscale-"+name)
		for _, dir := range []string{state, program, theirs, filepath.Join(root, "a"), filepath.Join(root, "ab"), filepath.Join(root, "x")} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Skip(err)
			}
		}
		locks := filepath.Join(backend, ".pulumi", "locks", "organization", "demo", "dev")
		filestest.WriteAll(t, map[string]string{
			filepath.Join(locks, name+".json"): `{"pid":1,"hostname":"elsewhere"}`, filepath.Join(locks, name+".json.attrs"): "x",
			filepath.Join(program, "index.ts"): "x", filepath.Join(backend, ".pulumi", "stacks", "demo", "dev.json"): "{}",
		})
		s := stackOf(t, state, "demo", "dev", "file://"+(&url.URL{Path: backend}).EscapedPath())
		s.project.Dir, s.project.Runtime = program, workspace.NewProjectRuntimeInfo("nodejs", nil)
		if dir, ok := s.project.BackendFolder(s.project.CurrentBackend()); !ok || dir != backend {
			t.Fatalf("the backend is in %q, want %q", dir, backend)
		}
		if found := s.project.LockFiles(backend, "dev"); !slices.Equal(found, []string{filepath.Join(locks, name+".json")}) {
			t.Errorf("locks %q", found)
		}
		if s.stamp(context.Background()) == (scale.Stamp{}) {
			t.Error("no stamp")
		}
		if s.project.Language() != "typescript" {
			t.Error("the program's files are not found")
		}

		unlock, _, err := s.TryLock()
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.dir.NewRecord("id", []string{"worker"})
		if err != nil {
			t.Fatal(err)
		}
		left, err := s.dir.NewRecord("id", nil)
		if err == nil {
			err = os.Remove(filepath.Join(left.Dir, "update.json"))
		}
		if err != nil {
			t.Fatal(err)
		}
		unlock()
		if unlock, _, err = s.TryLock(); err != nil {
			t.Fatal(err)
		}
		defer unlock()
		if found := s.dir.Records(); len(found) != 1 || found[0].Dir != r.Dir {
			t.Errorf("%d records", len(found))
		}
		if _, err := os.Stat(left.Dir); err == nil {
			t.Error("what a killed process has left is still there")
		}
		if _, err := os.Stat(theirs); err != nil {
			t.Errorf("removed: %v", err)
		}
		r.Begin(1 << 22)
		if !r.Owns(scale.LockHolder{Host: r.Host, PID: 1 << 22, Since: time.Now()}) {
			t.Error("its lock is not known")
		}
		r.Remove()
		if found := s.dir.Records(); len(found) > 0 {
			t.Error("a record cannot be removed")
		}
	})
}
