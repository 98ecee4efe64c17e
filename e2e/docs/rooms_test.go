package docs

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module is the path of the program's module.
const module = "github.com/pulumiscale/pulumiscale/"

// rooms are the program's packages and the packages of ours that each imports. Those that every room may use, and those
// of tests alone, are left out.
func rooms(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}}{{range .Imports}} {{.}}{{end}}", "./cmd/...", "./scale/...", "./webhook/...", "./output/...")
	cmd.Dir = root
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	beside := []string{"scale/span", "scale/scaletest", "scale/queue/journaltest", "webhook/npmtest", "webhook/sns/snstest", "scale/stack/cli/clitest", "scale/stack/files/filestest"}
	out := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module)
		if slices.Contains(beside, name) {
			continue
		}
		out[name] = nil
		for _, path := range fields[1:] {
			if room, is := strings.CutPrefix(path, module); is && !slices.Contains(beside, room) {
				out[name] = append(out[name], room)
			}
		}
		slices.Sort(out[name])
	}
	if len(out) < 10 {
		t.Fatalf("only %d packages were found", len(out))
	}
	return out
}

func readPage(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(root + "/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The table in CONTRIBUTING has each room, and for each what it imports. `cmd` puts everything together, so its line
// says so.
func TestTheTableOfRoomsIsWhatTheRoomsImport(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `([a-z/]+)/` \\|.*\\| ([^|]*) \\|$")
	named := regexp.MustCompile("`([a-z/]+)`")
	table := map[string][]string{}
	for _, m := range row.FindAllStringSubmatch(readPage(t, "CONTRIBUTING.md"), -1) {
		var imports []string
		for _, n := range named.FindAllStringSubmatch(m[2], -1) {
			imports = append(imports, n[1])
		}
		slices.Sort(imports)
		table[m[1]] = imports
	}
	code := rooms(t)
	delete(code, "cmd")
	for name := range table {
		if _, is := code[name]; !is {
			delete(table, name) // documentation, tests, tools
		}
	}
	if diff := cmp.Diff(table, code); diff != "" {
		t.Errorf("the table in CONTRIBUTING.md (-) is not what the code imports (+):\n%s", diff)
	}
}

// The picture in how-it-works has an arrow for each import, but for those of `cmd`, which has everything, and for those
// of the domain, which all have.
func TestThePictureOfRoomsIsWhatTheRoomsImport(t *testing.T) {
	_, section, ok := strings.Cut(readPage(t, "docs/how-it-works.md"), "\n## The rooms\n")
	if !ok {
		t.Fatal("docs/how-it-works.md has no such section")
	}
	_, picture, _ := strings.Cut(section, "```mermaid\n")
	picture, _, _ = strings.Cut(picture, "```")
	node := regexp.MustCompile(`(\w+)\["([a-z/]+)(?:: [^"]*)?"\]`)
	names := map[string]string{}
	for _, m := range node.FindAllStringSubmatch(picture, -1) {
		names[m[1]] = m[2]
	}
	drawn := map[string][]string{}
	for _, name := range names {
		drawn[name] = nil
	}
	for _, m := range regexp.MustCompile(`(?m)^ *(\w+) --> (\w+)$`).FindAllStringSubmatch(picture, -1) {
		drawn[names[m[1]]] = append(drawn[names[m[1]]], names[m[2]])
	}
	code := rooms(t)
	delete(code, "cmd")
	delete(drawn, "cmd")
	for _, edges := range []map[string][]string{code, drawn} {
		for name := range maps.Keys(edges) {
			edges[name] = slices.DeleteFunc(edges[name], func(room string) bool { return room == "scale" })
			slices.Sort(edges[name])
			if len(edges[name]) == 0 {
				edges[name] = nil
			}
		}
	}
	if diff := cmp.Diff(drawn, code); diff != "" {
		t.Errorf("the picture in docs/how-it-works.md (-) is not what the code imports (+):\n%s", diff)
	}
}
