//go:build !windows

package process

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestGateThatIsNeverOpened(t *testing.T) {
	g, err := NewGate(filepath.Join(t.TempDir(), "Pulumi.dev.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.out.Close(); err != nil { // as the death of the process does
		t.Fatal(err)
	}
	text, err := io.ReadAll(g.in)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if yaml.Unmarshal(text, &doc) == nil {
		t.Errorf("what is read so is a document: %q", text)
	}
}

// A CLI may read its configuration more than once.
func TestGateIsAnOrdinaryFileOnceItIsOpen(t *testing.T) {
	g, err := NewGate(filepath.Join(t.TempDir(), "Pulumi.dev.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Open([]byte("config: {}\n")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := os.ReadFile(g.path)
		if diff := cmp.Diff("config: {}\n", string(got)); diff != "" || err != nil {
			t.Errorf("error %v, -want +got:\n%s", err, diff)
		}
	}
}
