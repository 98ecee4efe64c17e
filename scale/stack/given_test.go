package stack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

func demoProject() *project.Project {
	return &project.Project{Project: &workspace.Project{Name: tokens.PackageName("demo"), Runtime: workspace.NewProjectRuntimeInfo("yaml", nil)}}
}

// leastRule are rules with one pool, worker, and its key.
func leastRule(key string, path bool) scale.Rules {
	return scale.Rules{"worker": {Pool: "worker", Targets: []string{"**::worker"}, ConfigKey: key, ConfigPath: path, Max: 10}}
}

// tempFile is a stack's file with the document; if that is empty, there is no file.
func tempFile(t *testing.T, doc string) configfile.File {
	t.Helper()
	f := configfile.File{Path: filepath.Join(t.TempDir(), "Pulumi.dev.yaml"), Project: demoProject().Project}
	if doc != "" {
		if err := os.WriteFile(f.Path, []byte(doc), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func set(key, text string) []scale.Setting { return []scale.Setting{{Key: key, Value: &text}} }
