package git_test

import (
	"path/filepath"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/git"
)

func TestAFileAsItsCheckoutHasCommittedIt(t *testing.T) {
	r := newRig(t)
	r.write("infra/Pulumi.dev.yaml", "config:\r\n  demo:a: 7\r\n")
	commit := r.commit("second")
	r.write("infra/Pulumi.dev.yaml", "config: {}\n")
	r.write("infra/Pulumi.new.yaml", "config: {}\n")
	nowhere := filepath.Join(r.dir, "nowhere")
	writeFile(t, filepath.Join(nowhere, "Pulumi.dev.yaml"), "config: {}\n")
	empty := filepath.Join(r.dir, "empty")
	r.git(r.dir, "init", "--quiet", empty)
	writeFile(t, filepath.Join(empty, "Pulumi.dev.yaml"), "config: {}\n")
	for name, c := range map[string]struct{ file, commit, content string }{
		"of a folder in the checkout, with its line ends": {filepath.Join(r.checkout, "infra", "Pulumi.dev.yaml"), commit, "config:\r\n  demo:a: 7\r\n"},
		"that is in no commit":                            {filepath.Join(r.checkout, "infra", "Pulumi.new.yaml"), commit, ""},
		"in no checkout":                                  {filepath.Join(nowhere, "Pulumi.dev.yaml"), "", ""},
		"in a checkout without a commit":                  {filepath.Join(empty, "Pulumi.dev.yaml"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, content, err := git.Committed(t.Context(), c.file)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.commit || string(content) != c.content {
				t.Errorf("commit %q has %q, want %q with %q", got, content, c.commit, c.content)
			}
		})
	}
}
