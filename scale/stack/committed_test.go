package stack

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestCommittedFile(t *testing.T) {
	rules := scale.Rules{"worker": {Pool: "worker", ConfigKey: "count"}}
	nine := "9"
	for _, c := range []struct {
		name  string
		files map[string]string
		path  string
		count string
		after string
		err   string
	}{
		{
			name:  "beside the project file",
			files: map[string]string{"Pulumi.yaml": "name: demo\nruntime: yaml\n", "Pulumi.dev.yaml": "config:\n  demo:count: 3 # many\n"},
			path:  "Pulumi.dev.yaml", count: "3", after: "config:\n  demo:count: 9 # many\n",
		},
		{
			name:  "where stackConfigDir says, with line ends of Windows",
			files: map[string]string{"Pulumi.yaml": "name: demo\nruntime: yaml\nstackConfigDir: ../config\n", "../config/Pulumi.dev.yaml": "config:\r\n  demo:count: 3\r\n"},
			path:  "../config/Pulumi.dev.yaml", count: "3", after: "config:\r\n  demo:count: 9\r\n",
		},
		{
			name:  "a project in JSON",
			files: map[string]string{"Pulumi.json": `{"name": "demo", "runtime": "yaml"}`, "Pulumi.dev.json": `{"config": {"demo:count": 3}}`},
			path:  "Pulumi.dev.json", count: "3", after: `{"config": {"demo:count": 9}}`,
		},
		{
			name:  "not there: it gets the key",
			files: map[string]string{"Pulumi.yaml": "name: demo\nruntime: yaml\n"},
			path:  "Pulumi.dev.yaml", after: "config:\n  demo:count: \"9\"\n",
		},
		{
			name:  "of another project",
			files: map[string]string{"Pulumi.yaml": "name: other\nruntime: yaml\n"},
			err:   "Pulumi.yaml is that of project other, and not of demo",
		},
		{name: "no program", files: map[string]string{"README.md": ""}, err: "there is no Pulumi.yaml in the program's folder"},
		{
			name:  "a count that other keys share",
			files: map[string]string{"Pulumi.yaml": "name: demo\nruntime: yaml\n", "Pulumi.dev.yaml": "config:\n  demo:other: &n 3\n  demo:count: *n\n"},
			path:  "Pulumi.dev.yaml", count: "3", err: "count",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			read := func(path string) ([]byte, error) {
				text, ok := c.files[path]
				if !ok {
					return nil, fs.ErrNotExist
				}
				return []byte(text), nil
			}
			e := newEngine(t)
			file, err := e.CommittedFile(read)
			var after []byte
			if err == nil {
				if file.Path() != c.path {
					t.Errorf("found %s, want %s", file.Path(), c.path)
				}
				counts, problem := file.Counts(rules)
				if problem != nil {
					t.Fatal(problem)
				}
				if got := counts["worker"]; got == nil && c.count != "" || got != nil && *got != c.count {
					t.Errorf("the count is %v, want %q", got, c.count)
				}
				after, err = file.Set([]scale.Setting{{Key: "count", Value: &nine}})
			}
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.after, string(after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
