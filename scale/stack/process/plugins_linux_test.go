package process

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestEndPluginsEndsPluginsOfTheEngineOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "engine.lock")
	for _, c := range []struct {
		name, path string
		ends       bool
	}{
		{"pulumi-resource-a", path, true},
		{"pulumi-resource-b", filepath.Join(dir, "another"), false},
		{"daemon", path, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), c.name)
			if err := os.WriteFile(program, []byte("#!/bin/sh\necho begun; read -r _; exit 0\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), program)
			Detach(cmd)
			untie, err := Tie(cmd, c.path)
			if err != nil {
				t.Fatal(err)
			}
			in, inErr := cmd.StdinPipe()
			out, outErr := cmd.StdoutPipe()
			if inErr != nil || outErr != nil {
				t.Fatal(inErr, outErr)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			untie()
			if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !IsTied(c.path, 0) {
				t.Fatalf("it says %q, error %v, and holds the file: %v", line, err, IsTied(c.path, 0))
			}
			EndPlugins(path)
			if !c.ends { // then it still listens
				if _, err := in.Write([]byte("end\n")); err != nil {
					t.Error(err)
				}
			}
			if err := cmd.Wait(); (err != nil) != c.ends || IsTied(c.path, 0) {
				t.Errorf("it ended with %v, and still holds the file: %v", err, IsTied(c.path, 0))
			}
		})
	}
}
