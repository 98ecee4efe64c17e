package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// accessible holds the page against the rules of axe-core: on a screen and on a phone, light and dark.
func accessible(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: accessible")
	}
	b, axe := browserOf(ts), axeScript(ts)
	if axe == "" {
		return
	}
	_ = value[string](ts, b, axe+`; axe.version`)
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1100, 360} {
			b.prefer(ts, scheme, width, 800)
			violations := value[[]string](ts, b, `axe.run(document).then((found) => found.violations
				.map((v) => v.id + ": " + v.help + "\n" + v.nodes.map((n) => n.html + "\n" + n.failureSummary).join("\n")))`)
			if len(violations) > 0 {
				ts.Fatalf("axe-core, %s, %d pixels wide:\n%s", scheme, width, strings.Join(violations, "\n"))
			}
		}
	}
	b.screen(ts)
}

// axeScript installs the pinned package in the script's folder, and returns its text. A machine without npm goes
// without; CI does not.
func axeScript(ts *testscript.TestScript) string {
	dir := filepath.Join(ts.Getenv("WORK"), "axe")
	ts.Check(os.MkdirAll(dir, 0o755))
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(ts.Getenv("ROOT"), "e2e/testdata/axe", name))
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	npm.Dir = dir
	if output, err := npm.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			ts.Fatalf("npm ci: %v\n%s", err, output)
		}
		ts.Logf("axe-core was not asked: npm ci: %v\n%s", err, output)
		return ""
	}
	text, err := os.ReadFile(filepath.Join(dir, "node_modules/axe-core/axe.min.js"))
	ts.Check(err)
	return string(text)
}

// roles checks what a screen reader is told of some role, by names, on a screen and on a phone. A table that is drawn
// as cards must stay a table.
//
//	roles meter 'api: 4, from 2 to 20' 'worker-pool: 3, from 1 to 50'
func roles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: roles ROLE NAME...")
	}
	b := browserOf(ts)
	for _, width := range []int64{1100, 360} {
		b.prefer(ts, "light", width, 800)
		got := []string{}
		for _, node := range call(ts, b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
			if text(node.Role) == args[0] && !node.Ignored {
				got = append(got, text(node.Name))
			}
		}
		if diff := cmp.Diff(slices.Clone(args[1:]), got); diff != "" {
			ts.Fatalf("at %d pixels, of role %s (-want +got):\n%s", width, args[0], diff)
		}
	}
	b.screen(ts)
}

func text(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(v.Value), `"`)
}
