package configfile

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

func TestAFileWithAnotherNameKeepsIt(t *testing.T) {
	f := tempFile(t, "config:\n  demo:a: 9\n")
	other := filepath.Join(filepath.Dir(f.Path), "other.yaml")
	if err := os.Link(f.Path, other); err != nil {
		t.Skip("no hard links here")
	}
	if _, _, names := filestest.NamesOf(t, f.Path); names == 0 {
		t.Skip("the number of names is not known here")
	}
	f.StateDir = t.TempDir()
	for _, count := range []string{"10", "2"} { // longer, and shorter
		if err := f.Write(set("a", count)); err != nil {
			t.Fatal(err)
		}
		if got, want := filestest.Content(t, other), "config:\n  demo:a: "+count+"\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if left, err := os.ReadDir(f.StateDir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, error %v", left, err)
	}
	// Without a note of what the file is to be, nothing is begun.
	f.StateDir = filepath.Join(f.StateDir, "nowhere")
	if err := f.Write(set("a", "3")); err == nil || filestest.Content(t, other) != "config:\n  demo:a: 2\n" {
		t.Errorf("error %v, %q", err, filestest.Content(t, other))
	}
}

func TestAFileThatACrashLeftHalfWrittenIsWritten(t *testing.T) {
	const old, text = "a: 10 # what is wanted\n", "a: 9 # what is wanted\n"
	for name, c := range map[string]struct{ old, text, now, want string }{
		"nothing was written":                       {old, text, old, old},
		"all was":                                   {old, text, text, text},
		"the first bytes were":                      {old, text, "a: 90 # what is wanted\n", text},
		"all was but the old end":                   {old, text, text + "\n", text},
		"a longer one, the first bytes":             {text, old, "a: 1 # what is wanted\n", old},
		"a longer one, all but the end":             {text, old, strings.TrimSuffix(old, "\n") + "", old},
		"a longer one that grew by half":            {"a: 9\n", "a: 1000000\n", "a: 10000", "a: 1000000\n"},
		"somebody's own since":                      {old, text, "a: 7 # what is wanted\n", "a: 7 # what is wanted\n"},
		"somebody's own of the same length":         {old, text, "a: 10 # what was wanted", "a: 10 # what was wanted"},
		"somebody's own that is longer than either": {old, text, text + "b: 1\nc: 1\n", text + "b: 1\nc: 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "Pulumi.dev.yaml")
			f := File{Path: path, StateDir: dir}
			record, err := json.Marshal(writing{Old: []byte(c.old), New: []byte(c.text)})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.WriteFile(path, []byte(c.now), 0o600), os.WriteFile(f.writingFile(), record, 0o600)); err != nil {
				t.Fatal(err)
			}
			f.FinishWriting()
			if got := filestest.Content(t, path); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if _, err := os.Stat(f.writingFile()); err == nil {
				t.Error("the record is still there")
			}
		})
	}
}
