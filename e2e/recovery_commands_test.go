package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// differs is what differs from one run to the next in what a page of the documentation quotes.
var differs = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:]+Z|\S+@\S+|pid \d+|pulumi-kubernetes-[0-9a-f]+|/\S+/Pulumi\.\S+|commit [0-9a-f]{10}\b|just now|\d+(\.\d+)?s( ago)?\b`)

// shown checks that the last command showed what a page of the documentation quotes: every line of a fenced block. An
// HTML comment before the block names it, as docblock has it. Dots at the end of a line leave out its rest.
//
//	shown recovery.md elsewhere
func shown(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shown PAGE NAME")
	}
	output := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	docblock(ts, false, []string{args[0], args[1], "../quoted"})
	quoted, err := os.ReadFile(filepath.Join(ts.MkAbs(".."), "quoted"))
	ts.Check(err)
	have := "\n" + alike(output) + "\n"
	for line := range strings.Lines(string(quoted)) {
		line, cut := strings.CutSuffix(alike(strings.TrimSpace(line)), " ...")
		if !cut {
			line += "\n"
		}
		if !strings.HasPrefix(line, "$ ") && !strings.Contains(have, "\n"+line) {
			ts.Fatalf("docs/%s quotes, in %s,\n%s\nwhich the command did not show:\n%s", args[0], args[1], line, output)
		}
	}
}

// alike leaves out what differs from one run to the next.
func alike(text string) string {
	lines := strings.Split(differs.ReplaceAllString(text, "~"), "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}
