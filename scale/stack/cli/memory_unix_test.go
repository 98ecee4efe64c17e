//go:build !windows

package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

func TestNothingIsMadeInTheHomeOfSomebodyElse(t *testing.T) {
	filestest.NeedsRoot(t)
	home := t.TempDir()
	file := filepath.Join(home, ".cache", "pulumiscale", "cli.json")
	filestest.Give(t, 0o755, home)
	checkedCLI{}.remember(file)
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("made %v, error %v", left, err)
	}
	filestest.Give(t, 0o755, home)
	if err := os.Chown(home, 0, 0); err != nil {
		t.Fatal(err)
	}
	checkedCLI{}.remember(file)
	if _, ok := recall(file); !ok {
		t.Error("it is not kept in one's own")
	}
}
