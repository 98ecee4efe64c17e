package lab

import (
	"fmt"
	"os"
	"path/filepath"
)

// Kept returns the path of a file that PulumiScale keeps for a program's only stack, in the state directory.
func Kept(program, name string) (string, error) {
	found, err := filepath.Glob(filepath.Join(program, ".pulumiscale", "stacks", "*", name))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%d files %s in the state directory of %s, want 1: %w", len(found), name, program, os.ErrNotExist)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}
