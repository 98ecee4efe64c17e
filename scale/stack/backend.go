package stack

import (
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// backendURL is the backend's address if the environment or the project has it; otherwise the CLI is logged in to it.
// The CLI itself tells only the address of a page to look at, which not every service has.
func (p *project) backendURL() string {
	if address := os.Getenv("PULUMI_BACKEND_URL"); address != "" {
		return address
	}
	if p.Backend != nil && p.Backend.URL != "" {
		return p.Backend.URL
	}
	return ""
}

// currentBackend is the address of the backend that the CLI uses; empty if that cannot be told.
func (p *project) currentBackend() string {
	if address := p.backendURL(); address != "" {
		return address
	}
	stored, err := workspace.GetStoredCredentials()
	if err != nil {
		return ""
	}
	return stored.Current
}

// folder is the folder of a file backend, as the CLI reads its URL; ok is false for other backends.
func (p *project) folder(address string) (dir string, ok bool) {
	dir, ok = strings.CutPrefix(address, "file://")
	if !ok {
		return "", false
	}
	dir, _, _ = strings.Cut(dir, "?")
	dir, _, _ = strings.Cut(dir, "#")
	dir, err := url.PathUnescape(dir)
	if err != nil { // the CLI says so
		return "", false
	}
	if rest, ok := strings.CutPrefix(dir, "~"); ok {
		self, err := user.Current()
		if err != nil {
			return "", false
		}
		dir = filepath.Join(self.HomeDir, rest)
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(p.dir, dir)
	}
	return filepath.FromSlash(dir), true
}
