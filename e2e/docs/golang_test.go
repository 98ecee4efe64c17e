package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// places are the lines of the program in testdata that blocks of Go take.
var places = regexp.MustCompile(`(?m)^\t//BLOCK (\w+)$`)

// goBlock is a program with all blocks of Go. It runs one of them. It is built with this repository's own pins.
func goBlock(t *testing.T, b block) program {
	t.Helper()
	source, err := os.ReadFile("testdata/main.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, b := range blocksIn(t, "go") {
		blocks[b.name] = b.text
	}
	source = places.ReplaceAllFunc(source, func(place []byte) []byte {
		name := places.FindSubmatch(place)[1]
		if blocks[string(name)] == "" {
			t.Fatalf("no page has the block of Go %q", name)
		}
		text := blocks[string(name)]
		delete(blocks, string(name))
		return []byte(text)
	})
	if len(blocks) > 0 {
		t.Fatalf("testdata/main.go.txt has no place for the blocks %v", blocks)
	}
	dir := t.TempDir()
	files := map[string][]byte{"main.go": source}
	for _, name := range []string{"go.mod", "go.sum"} {
		if files[name], err = os.ReadFile(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := documented()
	p.run = []string{filepath.Join(dir, "program"), b.name}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", p.run[0], ".")
	build.Dir = dir
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s:%d: %v\n%s", b.page, b.line, err, output)
	}
	return p
}
