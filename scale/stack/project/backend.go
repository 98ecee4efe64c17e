package project

import (
	"net/url"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

// BackendURL returns the backend's address, if the environment or the project file names it. It is empty if neither
// does; the backend is then the one that the CLI is logged in to. The CLI would not tell that backend's address, but
// only the address of a web page, which not every service has.
func (p *Project) BackendURL() string {
	if address := os.Getenv("PULUMI_BACKEND_URL"); address != "" {
		return address
	}
	if p.Backend != nil && p.Backend.URL != "" {
		return p.Backend.URL
	}
	return ""
}

// CurrentBackend returns the address of the backend that the CLI uses; empty if that cannot be told.
func (p *Project) CurrentBackend() string {
	if address := p.BackendURL(); address != "" {
		return address
	}
	stored, err := workspace.GetStoredCredentials()
	if err != nil {
		return ""
	}
	return stored.Current
}

// BackendFolder returns the folder of a file backend, as the CLI reads it from the address; ok is false for other
// backends.
func (p *Project) BackendFolder(address string) (dir string, ok bool) {
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
		dir = filepath.Join(p.Dir, dir)
	}
	return filepath.FromSlash(dir), true
}

// LockFiles returns the paths of the stack's locks in the folder of a file backend, as the CLI lays them out: with the
// project in the path or, in old backends, without.
func (p *Project) LockFiles(dir, stack string) []string {
	var out []string
	for _, place := range []string{filepath.Join(OnlyOrganization, string(p.Name), path.Base(stack)), path.Base(stack)} {
		folder := filepath.Join(dir, ".pulumi", "locks", place)
		for _, name := range files.Names(folder) {
			if filepath.Ext(name) == ".json" {
				out = append(out, filepath.Join(folder, name))
			}
		}
	}
	return out
}

// OnlyOrganization is what self-managed backends, which have no organisations, use in the place of Pulumi Cloud's
// organisation.
const OnlyOrganization = "organization"
