package project

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // it names a file of Pulumi's
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// The versions of the CLI at which its way to find the selected stack changed, according to its source. For the
// versions between lastLinked and sinceUnlinked, and for those after newestKnown, that way is not known.
var (
	// sinceOptions is the first version with PULUMI_OPTION_STACK for --stack.
	sinceOptions = semver.MustParse("3.208.0")
	// sinceBackends is the first version that keeps a selected stack for each backend.
	sinceBackends = semver.MustParse("3.256.0")
	// lastLinked is the last known version that names the workspace file by the project's path as it is. sinceUnlinked
	// is the first known one that names it by the path without links.
	lastLinked, sinceUnlinked = semver.MustParse("3.260.0"), semver.MustParse("3.274.0")
	// newestKnown is the newest version whose source was read.
	newestKnown = semver.MustParse("3.276.0")
)

// StackOption is the variable that stands for --stack.
const StackOption = "PULUMI_OPTION_STACK"

// SelectedStack returns the stack that a CLI of the version works on if no --stack names one; the zero version stands
// for a version that is not known. The result is empty if the stack cannot be told with certainty. The caller must then
// ask the CLI, because a scaling must never change a different stack.
func (p *Project) SelectedStack(cli semver.Version) string {
	if name := os.Getenv(StackOption); name != "" {
		switch {
		case len(cli.Pre) > 0 || isUnknown(cli):
			return ""
		case cli.GTE(sinceOptions):
			return name
		}
	}
	if name, ok := os.LookupEnv("PULUMI_STACK"); ok {
		return p.qualified(name)
	}
	return p.qualified(p.keptStack(cli))
}

// qualified turns the name of a selected stack into the name that --stack takes for the same stack; empty if that name
// cannot be told.
func (p *Project) qualified(name string) string {
	address := p.CurrentBackend()
	organization, _, isQualified := strings.Cut(name, "/")
	switch {
	case address == "":
		return ""
	case !isSelfManaged(address):
		// A short name may be from an older CLI. It then means the user's own organisation, but --stack would mean the
		// default one.
		if !isQualified {
			return ""
		}
		return name
	case isQualified && organization != OnlyOrganization: // left behind from another backend
		return ""
	}
	// A self-managed backend knows no organisations, and the CLI does not show this one either.
	return strings.TrimPrefix(name, OnlyOrganization+"/"+string(p.Name)+"/")
}

// keptStack returns the name that `pulumi stack select` keeps for the project: the name for the current backend, if the
// CLI keeps one for each backend. The result is empty if there is no such name, or if it cannot be told.
func (p *Project) keptStack(cli semver.Version) string {
	if cli.GT(newestKnown) {
		return ""
	}
	paths := []string{p.Path}
	if resolved, err := filepath.EvalSymlinks(p.Path); err != nil || resolved != p.Path {
		switch {
		case err != nil || isUnknown(cli) || cli.GT(lastLinked) && cli.LT(sinceUnlinked):
			return ""
		case cli.GTE(sinceUnlinked):
			paths = []string{resolved, p.Path}
		}
	}
	var kept struct {
		Stack  string            `json:"stack"`
		Stacks map[string]string `json:"stacks"`
	}
	if text, err := p.readWorkspace(paths); err != nil || json.Unmarshal(text, &kept) != nil {
		return ""
	}
	switch {
	case len(kept.Stacks) == 0:
		return kept.Stack
	case isUnknown(cli) || len(cli.Pre) > 0:
		return ""
	case cli.LT(sinceBackends):
		return kept.Stack
	}
	address := p.CurrentBackend()
	if address == "" || cli.GT(lastLinked) && hasCredentialHelper() { // the helper may lead to another backend
		return ""
	}
	if isSelfManaged(address) {
		if name, ok := kept.Stacks[address]; ok {
			return name
		}
		return kept.Stack
	}
	return kept.Stacks[strings.TrimSuffix(address, "/")] // it may also be under a different spelling of the address
}

// isUnknown says that the CLI's version is not known.
func isUnknown(cli semver.Version) bool { return cli.EQ(semver.Version{}) }

// readWorkspace reads the workspace file of the first path that has one.
func (p *Project) readWorkspace(paths []string) ([]byte, error) {
	for _, path := range paths {
		file, err := workspace.GetPulumiPath("workspaces", p.workspaceFile(path))
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(file)
		if !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
	}
	return nil, fs.ErrNotExist
}

// workspaceFile returns the name of the file in which Pulumi keeps what is selected for the project at the path.
func (p *Project) workspaceFile(path string) string {
	sum := sha1.Sum([]byte(path)) //nolint:gosec // as above
	return string(p.Name) + "-" + hex.EncodeToString(sum[:]) + "-workspace.json"
}

// isSelfManaged says whether the address is one of a backend without a service: whether its scheme is one for which the
// CLI has a driver.
func isSelfManaged(address string) bool {
	scheme, _, found := strings.Cut(address, "://")
	return found && slices.Contains([]string{"file", "s3", "gs", "azblob", "postgres"}, scheme)
}

// hasCredentialHelper says whether a helper program may tell the CLI which backend it is logged in to.
func hasCredentialHelper() bool {
	if os.Getenv("PULUMI_CREDENTIAL_HELPER") != "" {
		return true
	}
	file := filepath.Join(os.Getenv("PULUMI_CREDENTIALS_PATH"), "credentials.json")
	if !filepath.IsAbs(file) {
		found, err := workspace.GetPulumiPath("credentials.json")
		if err != nil {
			return true
		}
		file = found
	}
	text, err := os.ReadFile(file)
	return err == nil && bytes.Contains(text, []byte("credentialHelper"))
}
