package docs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// root is the repository, from this folder.
const root = "../.."

// page is a Markdown file.
type page struct {
	// file is the page's path in the repository, and source is its content.
	file   string
	source []byte
	tree   ast.Node
}

// readPages reads the README, docs/ and the examples' READMEs.
func readPages() ([]page, error) {
	var out []page
	for _, pattern := range []string{"README.md", "docs/*.md", "examples/*.md", "examples/*/README.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			tree := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(source))
			out = append(out, page{strings.TrimPrefix(filepath.ToSlash(file), root+"/"), source, tree})
		}
	}
	if len(out) < 10 {
		return nil, fmt.Errorf("there are only %d pages", len(out))
	}
	return out, nil
}

func pages(t *testing.T) []page {
	t.Helper()
	out, err := readPages()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// block is a fenced code block.
type block struct {
	page     string
	line     int
	language string
	text     string
	// mark is the kind of the HTML comment before the block, such as "test". name is what the comment says after that.
	mark, name string
}

var comment = regexp.MustCompile(`^<!-- (test|rules|not run): (.+) -->$`)

// blocks are the fenced blocks of a page, in their order.
func (p page) blocks() []block {
	var out []block
	p.walk(func(node ast.Node) {
		fenced, ok := node.(*ast.FencedCodeBlock)
		if !ok {
			return
		}
		b := block{page: p.file, line: p.line(node), language: string(fenced.Language(p.source)), text: string(fenced.Lines().Value(p.source))}
		if before, ok := node.PreviousSibling().(*ast.HTMLBlock); ok {
			if m := comment.FindSubmatch(bytes.TrimSpace(before.Lines().Value(p.source))); m != nil {
				b.mark, b.name = string(m[1]), string(m[2])
			}
		}
		out = append(out, b)
	})
	return out
}

// walk visits every node.
func (p page) walk(visit func(ast.Node)) {
	_ = ast.Walk(p.tree, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			visit(node)
		}
		return ast.WalkContinue, nil
	})
}

// line is the number of the line in which a block begins.
func (p page) line(node ast.Node) int {
	if node.Lines().Len() == 0 {
		return 0
	}
	return 1 + bytes.Count(p.source[:node.Lines().At(0).Start], []byte("\n"))
}

// notInAnchor is what GitHub leaves out of a heading's anchor.
var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)

// anchors are what a link to a heading of the page may end with.
func (p page) anchors() []string {
	var out []string
	p.walk(func(node ast.Node) {
		if heading, ok := node.(*ast.Heading); ok {
			words := notInAnchor.ReplaceAllString(strings.ToLower(string(heading.Lines().Value(p.source))), "")
			out = append(out, strings.ReplaceAll(strings.TrimSpace(words), " ", "-"))
		}
	})
	return out
}

// TestLinksLeadSomewhere follows the links from page to page, down to the heading.
func TestLinksLeadSomewhere(t *testing.T) {
	all, anchors := pages(t), map[string][]string{}
	for _, p := range all {
		anchors[p.file] = p.anchors()
	}
	for _, p := range all {
		p.walk(func(node ast.Node) {
			link, ok := node.(*ast.Link)
			if !ok || strings.Contains(string(link.Destination), "://") {
				return
			}
			path, anchor, _ := strings.Cut(string(link.Destination), "#")
			file := p.file
			if path != "" {
				file = filepath.ToSlash(filepath.Join(filepath.Dir(p.file), path))
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s: a link to %s: there is no such file", p.file, link.Destination)
			}
			if anchor != "" && !slices.Contains(anchors[file], anchor) {
				t.Errorf("%s: a link to %s: there is no such heading", p.file, link.Destination)
			}
		})
	}
}
