package files

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOverwriteKeepsTheFile(t *testing.T) {
	for name, c := range map[string]struct{ old, text string }{
		"by the same":          {"count: 5\n", "count: 5\n"},
		"by a longer one":      {"count: 9 # n\n", "count: 10 # n\n"},
		"by a shorter one":     {"count: 10 # n\n", "count: 9 # n\n"},
		"by something else":    {"a", "b"},
		"by nothing":           {"a", ""},
		"where there was none": {"", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := Create(t.TempDir(), []byte(c.old))
			if err != nil {
				t.Fatal(err)
			}
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := Overwrite(path, []byte(c.old), []byte(c.text)); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if diff := cmp.Diff(c.text, string(got)); diff != "" || err != nil {
				t.Errorf("error %v, -want +got:\n%s", err, diff)
			}
			if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("it is another file, error %v", err)
			}
			if left := Names(filepath.Dir(path)); len(left) != 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
