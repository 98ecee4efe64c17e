//go:build !windows

package project

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheFolderOfAFileBackendIsFoundAsTheCLIDoes(t *testing.T) {
	p := &Project{Dir: t.TempDir()}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skip(err)
	}
	for url, want := range map[string]string{
		"file:///a/b": "/a/b", "file://./b": filepath.Join(p.Dir, "b"), "s3://bucket": "", "https://api.pulumi.com": "", "file:///a?no_tmp_dir=true": "/a",
	} {
		if got, ok := p.BackendFolder(url); got != want || ok != (want != "") {
			t.Errorf("%s: %s, %v", url, got, ok)
		}
	}
	if got, _ := p.BackendFolder("file://~/b"); filepath.Base(got) != "b" || filepath.Dir(got) == filepath.Join(p.Dir, "~") || home == "" {
		t.Errorf("got %s", got)
	}
}
