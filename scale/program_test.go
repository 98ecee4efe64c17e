package scale

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRemarksOnTheProgram(t *testing.T) {
	deploy := func(commit string) *Deploy { return &Deploy{Commit: commit} }
	for _, c := range []struct {
		name    string
		program Program
		want    []string
	}{
		{"nothing is said of a checkout that is what was deployed", Program{Deploy: deploy("aaaaaaaaaaaaa"), Commit: "aaaaaaaaaaaaa"}, nil},
		{
			"both commits are named where they differ", Program{Deploy: deploy("aaaaaaaaaaaaa"), Commit: "bbbbbbbbbbbbb"},
			[]string{"the stack was deployed from commit aaaaaaaaaa, and this checkout is at commit bbbbbbbbbb"},
		},
		{"a commit that the backend does not know differs from none", Program{Deploy: deploy(""), Commit: "bbbbbbbbbbbbb"}, nil},
		{"nor does a checkout outside of a repository", Program{Deploy: deploy("aaaaaaaaaaaaa")}, nil},
		{"nor is anything said without a deploy", Program{Commit: "bbbbbbbbbbbbb"}, nil},
		{
			"keys that differ are named", Program{ConfigDiffers: []string{"aws:region", "demo:tag"}},
			[]string{"Pulumi.dev.yaml differs from the last successful update in aws:region, demo:tag: a scaling uses what was deployed, and leaves the file's values to somebody's `pulumi up`"},
		},
		{
			"a file that is missing is all there is to say of it", Program{FileMissing: true, ConfigDiffers: []string{"demo:tag"}},
			[]string{"Pulumi.dev.yaml is missing: nothing can be scaled without the stack's configuration"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.program.Remarks("Pulumi.dev.yaml")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
