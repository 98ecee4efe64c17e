package scale_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestRemarksOnTheProgram(t *testing.T) {
	deploy := func(commit string) *scale.Deploy { return &scale.Deploy{Commit: commit} }
	for _, c := range []struct {
		name    string
		program scale.Program
		want    []string
	}{
		{"nothing is said of a checkout that is what was deployed", scale.Program{Deploy: deploy("aaaaaaaaaaaaa"), Commit: "aaaaaaaaaaaaa"}, nil},
		{
			"both commits are named where they differ", scale.Program{Deploy: deploy("aaaaaaaaaaaaa"), Commit: "bbbbbbbbbbbbb"},
			[]string{"the stack was deployed from commit aaaaaaaaaa, and this checkout is at commit bbbbbbbbbb"},
		},
		{"a commit that the backend does not know differs from none", scale.Program{Deploy: deploy(""), Commit: "bbbbbbbbbbbbb"}, nil},
		{"nor does a checkout outside of a repository", scale.Program{Deploy: deploy("aaaaaaaaaaaaa")}, nil},
		{"nor is anything said without a deploy", scale.Program{Commit: "bbbbbbbbbbbbb"}, nil},
		{
			"keys that differ are named", scale.Program{ConfigDiffers: []string{"aws:region", "demo:tag"}},
			[]string{"Pulumi.dev.yaml differs from the last successful update in aws:region, demo:tag: a scaling uses what was deployed, and leaves the file's values to somebody's `pulumi up`"},
		},
		{
			"a file that is missing is all there is to say of it", scale.Program{FileMissing: true, ConfigDiffers: []string{"demo:tag"}},
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
