package stack

import (
	"os"
	"path/filepath"
	"testing"
)

func TestEndPluginsEndsPluginsOfTheEngineOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, tieFile)
	for _, c := range []struct {
		name, path string
		ends       bool
	}{
		{"pulumi-resource-a", path, true},
		{"pulumi-resource-b", filepath.Join(dir, "another"), false},
		{"daemon", path, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, `cd "$(dirname "$0")"; echo begun >told; read -r _ <tell`)
			named := filepath.Join(s.dir, c.name)
			if err := os.Rename(s.path, named); err != nil {
				t.Fatal(err)
			}
			s.path = named
			ended := make(chan error, 1)
			go func() {
				_, _, _, err := s.run(t.Context(), process{dir: s.dir, tie: c.path})
				ended <- err
			}()
			s.told(t)
			endPlugins(path)
			if c.ends {
				if err := <-ended; err == nil {
					t.Error("it ended by itself")
				}
				return
			}
			select {
			case err := <-ended:
				t.Errorf("it has ended: %v", err)
			default:
			}
			s.tell(t, "end")
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
