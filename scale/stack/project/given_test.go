package project

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

func demoProject() *Project {
	return &Project{Project: &workspace.Project{Name: tokens.PackageName("demo"), Runtime: workspace.NewProjectRuntimeInfo("yaml", nil)}}
}

// writeAll writes the files that have a text.
func writeAll(t *testing.T, files map[string]string) {
	t.Helper()
	for path, text := range files {
		if text == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
