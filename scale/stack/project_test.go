package stack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// The program in a project's file is not looked at. Everything else is what the SDK makes of the file.
func TestLoadProjectIsTheSDKs(t *testing.T) {
	const program = "resources:\n  a:\n    type: b:c:D\n    properties: {size: 3}\nvariables: {x: 1}\noutputs: {y: 2}\n"
	for _, c := range []struct {
		name, file, text string
		// bare says that there is no program in it, and whole that all of it is read.
		bare, whole, wrong bool
		// same says that the SDK is given the program too.
		same bool
	}{
		{name: "the least", text: "name: demo\nruntime: yaml\n"},
		{name: "everything", text: "# ours\nname: demo\nruntime:\n  name: nodejs\n  options: {typescript: true}\ndescription: |\n  two\n  lines\n" +
			"main: src\nbackend: {url: 's3://b'}\nstackConfigDir: stacks\nconfig:\n  count: 3\n  demo:zone: {type: string, default: a}\n" +
			"options: {refresh: always}\nplugins:\n  providers:\n    - {name: p, path: ./p}\n"},
		{name: "the config's old name", text: "name: demo\nruntime: go\nconfig: stacks\n"},
		{name: "one part taken from another", whole: true, text: "name: &n demo\nruntime: yaml\ndescription: *n\n"},
		{name: "JSON in YAML", bare: true, text: `{"name": "demo", "runtime": "go"}`},
		{name: "JSON", file: "Pulumi.json", bare: true, text: `{"name": "demo", "runtime": "go"}`},
		{name: "a byte order mark", text: "\ufeffname: demo\nruntime: go\n"},
		{name: "line ends of Windows", text: "name: demo\r\nruntime: go\r\nresources:\r\n  a: {type: b}\r\nmain: src\r\n", bare: true, same: true},
		{name: "a program before the rest", text: "resources:\n  a: {type: b}\n\n# and\n  b: {type: c}\nname: demo\nruntime: go\n", bare: true, same: true},
		{name: "brackets over several lines", text: "name: demo\nresources: {\nname: {type: a}\n}\nruntime: go\n", bare: true, same: true},
		{name: "quotes over several lines", text: "name: demo\nresources:\n  a: \"b\nname: c\nmain: d\"\nruntime: go\n", bare: true, same: true},
		{name: "a text with a program in it", text: "name: demo\ndescription: \"b\nresources:\n c\"\nruntime: go\n"},
		{name: "a list that is not indented", text: "name: demo\nresources:\n- a\nruntime: go\n", bare: true, whole: true, same: true},
		{name: "no name", text: "runtime: go\n", wrong: true},
		{name: "a name that is none", text: "name: 3\nruntime: go\n", wrong: true},
		{name: "a key twice", text: "name: demo\nname: demo\nruntime: go\n", wrong: true},
		{name: "no YAML", text: "name: [\n", wrong: true},
		{name: "nothing", bare: true, text: "", wrong: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.file == "" {
				c.file = "Pulumi.yaml"
			}
			load := func(text string, with func(string) (*workspace.Project, error)) (*workspace.Project, error) {
				path := filepath.Join(t.TempDir(), c.file)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return with(path)
			}
			text := c.text
			if !c.bare {
				text += program
			}
			want, wantErr := load(c.text, workspace.LoadProject)
			got, err := load(text, loadProject)
			if (err != nil) != c.wrong || (wantErr != nil) != c.wrong {
				t.Fatalf("the error is %v, and the SDK's %v", err, wantErr)
			}
			if err != nil {
				return
			}
			if read := len(got.AdditionalKeys) > 0; read != c.whole {
				t.Errorf("the program was read: %v", read)
			}
			if read := len(want.AdditionalKeys) > 0; read != c.same {
				t.Errorf("the SDK has read the program: %v", read)
			}
			got.AdditionalKeys, want.AdditionalKeys = nil, nil
			kept := cmpopts.IgnoreUnexported(workspace.Project{}) // it keeps the text
			if diff := cmp.Diff(want, got, kept, cmp.AllowUnexported(workspace.ProjectRuntimeInfo{})); diff != "" {
				t.Errorf("-SDK +got:\n%s", diff)
			}
		})
	}
}
