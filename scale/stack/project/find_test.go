package project

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

// A project without its program is the project that Pulumi's own reader finds, down to the mistakes.
func TestAProjectIsReadWithoutItsProgram(t *testing.T) {
	for name, text := range map[string]string{
		"a program in YAML": "name: demo\nruntime: yaml\nmain: src\nbackend: {url: 'file:///b'}\nconfig: {count: {type: integer, default: 3}}\n" +
			"plugins: {providers: [{name: x, path: ./x}]}\nvariables: {a: b}\nresources:\n  r: {type: x:index:Y}\noutputs: {o: '${r.id}'}\n",
		"another language":                  "name: demo\nruntime: {name: nodejs, options: {typescript: false}}\ndescription: d\n",
		"a template":                        "name: demo\nruntime: python\ntemplate: {description: d, config: {k: {default: v}}}\n",
		"an anchor in what is left out":     "name: demo\nruntime: yaml\nresources: {r: &r {type: x:index:Y}}\noptions: {refresh: always}\nconfig: *r\n",
		"a name that is missing":            "runtime: yaml\nresources: {}\n",
		"a runtime of a wrong kind":         "name: demo\nruntime: [yaml]\n",
		"no YAML":                           "name: [demo\n",
		"a list":                            "- name\n",
		"nothing":                           "",
		"numbers that look like other ones": "name: demo\nruntime: yaml\nversion: 010\nconfig: {k: {default: 0o17}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "Pulumi.yaml")
			filestest.WriteAll(t, map[string]string{path: text + "\n"})
			want, wantErr := workspace.LoadProject(path)
			got, err := load(path)
			if fmt.Sprint(wantErr) != fmt.Sprint(err) {
				t.Fatalf("error %v, want %v", err, wantErr)
			}
			if wantErr != nil {
				return
			}
			texts := [2]string{}
			for i, project := range []*workspace.Project{want, got} {
				for _, part := range program() {
					delete(project.AdditionalKeys, part)
				}
				if len(project.AdditionalKeys) == 0 {
					project.AdditionalKeys = nil
				}
				text, err := json.Marshal(project)
				if err != nil {
					t.Fatal(err)
				}
				texts[i] = string(text)
			}
			if diff := cmp.Diff(texts[0], texts[1]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	var text strings.Builder
	text.WriteString("name: demo\nruntime: yaml\nresources:\n")
	for i := range 2000 {
		fmt.Fprintf(&text, "  r%d:\n    type: x:index:Y\n    properties: {pool: a, name: r%d}\n", i, i)
	}
	path := filepath.Join(b.TempDir(), "Pulumi.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	for name, load := range map[string]func(string) (*workspace.Project, error){"ours": load, "Pulumi's": workspace.LoadProject} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := load(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
