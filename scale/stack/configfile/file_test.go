package configfile

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

func TestWrite(t *testing.T) {
	f := tempFile(t, "config:\n  demo:a: 1 # a\n  demo:b: 2\n")
	if err := f.Write(append(set("a", "5"), set("b", "6")...)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("config:\n  demo:a: 5 # a\n  demo:b: 6\n", filestest.Content(t, f.Path)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v", info.Mode())
	}
	left, err := os.ReadDir(filepath.Dir(f.Path))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}

func TestWriteMakesTheFile(t *testing.T) {
	f := tempFile(t, "")
	if err := f.Write(set("a", "5")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("config:\n  demo:a: \"5\"\n", filestest.Content(t, f.Path)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWriteMakesJSONOfAJSONProject(t *testing.T) {
	f := tempFile(t, "")
	f.Path = filepath.Join(filepath.Dir(f.Path), "Pulumi.dev.json")
	if err := f.Write(append(set("a", "5"), set("b", "6")...)); err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal([]byte(filestest.Content(t, f.Path)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"config": map[string]any{"demo:a": 5.0, "demo:b": 6.0}}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWriteChangesNothingOnAnError(t *testing.T) {
	const doc = "config:\n  demo:a: 1\n  demo:b: {c: 1}\n"
	f := tempFile(t, doc)
	if err := f.Write(append(set("a", "5"), set("b", "6")...)); err == nil {
		t.Error("no error")
	}
	if diff := cmp.Diff(doc, filestest.Content(t, f.Path)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWriteKeepsALink(t *testing.T) {
	f := tempFile(t, "config:\n  demo:a: 1\n")
	link := filepath.Join(t.TempDir(), "Pulumi.dev.yaml")
	if err := os.Symlink(f.Path, link); err != nil {
		t.Skip(err)
	}
	linked := File{Path: link, Project: f.Project}
	if err := linked.Write(set("a", "5")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("no longer a link: %v, error %v", info, err)
	}
	if diff := cmp.Diff("config:\n  demo:a: 5\n", filestest.Content(t, f.Path)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWriteOfWhatIsThereTouchesNothing(t *testing.T) {
	f := tempFile(t, "config:\n  demo:a: 5\n")
	before, err := os.Stat(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(set("a", "5")); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(f.Path)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was replaced, error %v", err)
	}
}

func TestCopyTo(t *testing.T) {
	const doc = "config:\n  demo:a: 1 # a\n"
	f := tempFile(t, doc)
	dir := t.TempDir()
	if err := f.CopyTo(dir, scale.Change{Settings: append(set("a", "5"), scale.Setting{Key: "b"})}); err != nil {
		t.Fatal(err)
	}
	path := f.CopyIn(dir)
	if diff := cmp.Diff([]string{"config:\n  demo:a: 5 # a\n", doc}, []string{filestest.Content(t, path), filestest.Content(t, f.Path)}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read %s: %v, error %v", path, info.Mode(), err)
	}
}

func TestCopyToReportsAFileThatCannotBeEdited(t *testing.T) {
	if err := tempFile(t, "config: text\n").CopyTo(t.TempDir(), scale.Change{Settings: set("a", "5")}); err == nil {
		t.Error("no error")
	}
}

func TestValuesOfWhatCannotBeRead(t *testing.T) {
	var setup *scale.SetupError
	if _, err := tempFile(t, "config: [\n").Counts(leastRule("a", false)); !errors.As(err, &setup) || setup.Hint == "" {
		t.Errorf("got %v", err)
	}
	var rules *scale.RulesError
	if _, err := tempFile(t, "").Counts(leastRule("[0]", true)); !errors.As(err, &rules) || rules.Problems[0].Pool != "worker" {
		t.Errorf("got %v", err)
	}
}

func TestWritable(t *testing.T) {
	f := tempFile(t, "config: {}\n")
	if err := f.Writable(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(f.Path)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
	f.Path = filepath.Join(filepath.Dir(f.Path), "nowhere", "Pulumi.dev.yaml")
	var setup *scale.SetupError
	if err := f.Writable(); !errors.As(err, &setup) {
		t.Errorf("got %v", err)
	}
}

// It takes a while to bring the new file to disk. Somebody may save the old one meanwhile.
func TestWriteKeepsWhatSomebodyElseWritesMeanwhile(t *testing.T) {
	for _, c := range []struct{ name, before, meanwhile, want string }{
		{"an edit", "config:\n  demo:a: 1\n", "config:\n  demo:a: 1\n  demo:b: 2\n", "config:\n  demo:a: 5\n  demo:b: 2\n"},
		{"a file that was away", "", "config:\n  demo:a: 1 # back\n", "config:\n  demo:a: 5 # back\n"},
		{"the same edit", "config:\n  demo:a: 1\n", "config:\n  demo:a: 5\n", "config:\n  demo:a: 5\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := tempFile(t, c.before)
			calls := 0
			f.replacing = func() {
				if calls++; calls > 1 {
					return
				}
				if err := os.WriteFile(f.Path, []byte(c.meanwhile), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Write(set("a", "5")); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, filestest.Content(t, f.Path)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if left, err := filepath.Glob(filepath.Join(filepath.Dir(f.Path), ".pulumiscale-*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, error %v", left, err)
			}
		})
	}
}
