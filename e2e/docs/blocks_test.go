package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"
	"go.yaml.in/yaml/v3"
)

// scripted matches the commands of the end-to-end scripts that use a block. It finds the page, from docs/, and the
// block's name.
var scripted = regexp.MustCompile(`(?m)^(?:docblock|shown|steps) (\S+\.md) (\S+)`)

// scriptedBlocks are the blocks that scripts use, as PAGE NAME.
func scriptedBlocks(t *testing.T) map[string]bool {
	t.Helper()
	scripts, err := filepath.Glob("../testdata/*/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	used := map[string]bool{}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range scripted.FindAllStringSubmatch(string(text), -1) {
			used[filepath.ToSlash(filepath.Join("docs", m[1]))+" "+m[2]] = true
		}
	}
	return used
}

// TestEveryBlockIsClassified demands of each block that something runs or checks it, or that it says why nothing does.
// A block that is only indented cannot say anything, so there is none.
func TestEveryBlockIsClassified(t *testing.T) {
	used, count := scriptedBlocks(t), map[string]int{}
	for _, p := range pages(t) {
		p.walk(func(node ast.Node) {
			if indented, ok := node.(*ast.CodeBlock); ok {
				t.Errorf("%s:%d: an indented block: fence it, and say what it is", p.file, p.line(indented))
			}
			if html, ok := node.(*ast.HTMLBlock); ok && comment.Match(html.Lines().Value(p.source)) {
				if _, ok := node.NextSibling().(*ast.FencedCodeBlock); !ok {
					t.Errorf("%s:%d: a comment for a block, and no block after it", p.file, p.line(node))
				}
			}
		})
		for _, b := range p.blocks() {
			kind, err := classify(b, used)
			if err != nil {
				t.Errorf("%s:%d: %v", b.page, b.line, err)
			}
			count[kind]++
		}
	}
	t.Logf("blocks: %v", count)
}

// classify says what becomes of a block.
func classify(b block, used map[string]bool) (string, error) {
	switch {
	case b.mark == "not run":
		return "not run", nil
	case b.mark == "test":
		if !used[b.page+" "+b.name] {
			return "", fmt.Errorf("no script in e2e/testdata/script uses the block %q", b.name)
		}
		return "on the real engine", nil
	case slices.Contains([]string{"ts", "python", "go"}, b.language):
		return b.language, nil
	case b.language == "yaml" && slices.Contains([]string{"README.md", "docs/rules.md", "docs/schedules.md", "docs/metric-scaling.md"}, b.page):
		return "rules in YAML", nil
	case b.language == "yaml" && b.mark == "rules":
		return "", fmt.Errorf("rules in YAML are for README.md and docs/rules.md")
	case b.language == "mermaid":
		return "illustration", nil
	case b.language == "text" && !strings.HasPrefix(b.text, "$ "):
		return "illustration", nil
	}
	return "", fmt.Errorf("a block of the kind %q that nothing checks: name it by <!-- test: NAME --> and use it in a script, or say <!-- not run: WHY -->", b.language)
}

func TestClassifyRefusesWhatNothingChecks(t *testing.T) {
	for name, b := range map[string]block{
		"a shell block without a name":       {language: "sh", text: "pulumiscale rules\n"},
		"a name that no script uses":         {language: "sh", mark: "test", name: "other.sh", page: "docs/ci.md"},
		"a name that another page's test is": {language: "sh", mark: "test", name: "up.sh", page: "docs/why.md"},
		"output of a command":                {language: "text", text: "$ pulumiscale rules\nPOOL\n"},
		"YAML that is no rule":               {language: "yaml", page: "docs/ci.md"},
		"a block without a language":         {},
		"a language that nothing knows":      {language: "json"},
	} {
		if kind, err := classify(b, map[string]bool{"docs/ci.md up.sh": true}); err == nil {
			t.Errorf("%s is taken for %q", name, kind)
		}
	}
}

// TestYAMLBlocksParse reads every block of YAML.
func TestYAMLBlocksParse(t *testing.T) {
	for _, p := range pages(t) {
		for _, b := range p.blocks() {
			var document any
			if b.language != "yaml" {
				continue
			}
			if err := yaml.Unmarshal([]byte(b.text), &document); err != nil {
				t.Errorf("%s:%d: %v", b.page, b.line, err)
			}
		}
	}
}
