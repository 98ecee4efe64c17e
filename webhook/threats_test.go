package webhook

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that docs/security.md names as the one that holds a threat off is there.
func TestThreatsAreHeldByTests(t *testing.T) {
	page, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| held by |")
	table, _, _ = strings.Cut(table, "\n\n")
	found := 0
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		if len(cells) < 5 {
			continue
		}
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[3], -1) {
			found++
			if !hasTest(t, name[1]) {
				t.Errorf("there is no test %s", name[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("found %d names", found)
	}
}

// hasTest says whether there is a Go test, or a script, of that name.
func hasTest(t *testing.T, name string) bool {
	t.Helper()
	if !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "Fuzz") {
		_, err := os.Stat(filepath.Join("../e2e/testdata/script", name+".txtar"))
		return err == nil
	}
	found := false
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && len(d.Name()) > 2 && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			found = true
			return fs.SkipAll
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
