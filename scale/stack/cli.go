package stack

import (
	"crypto/sha1" //nolint:gosec // it names a file of Pulumi's
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/blang/semver"
	"github.com/natefinch/atomic"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale"
)

// checkedCLI is a CLI that was asked for its version, which takes a fifth of a second, and found new enough.
type checkedCLI struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"`
	Changed time.Time `json:"changed"`
	Version string    `json:"version"`
}

// askVersion makes sure that the CLI is new enough, by the Automation API's own check, unless this file has been found to be so before.
func (s *Stack) askVersion() error {
	cli, info := checkedCLI{Path: s.command.path}, os.FileInfo(nil)
	if target, err := filepath.EvalSymlinks(cli.Path); err == nil {
		cli.Path = target
	}
	if found, err := os.Stat(cli.Path); err == nil {
		info = found
		cli.Size, cli.Changed = info.Size(), info.ModTime().UTC()
	}
	memory := cliMemory()
	if known, ok := recall(memory); ok && info != nil && known.Path == cli.Path && known.Size == cli.Size && known.Changed.Equal(cli.Changed) {
		if version, err := semver.Parse(known.Version); err == nil && version.GTE(minimumVersion) {
			s.command.version = version
			return nil
		}
	}
	found, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Version: minimumVersion})
	var exit *exec.Error
	switch {
	case err == nil:
		s.command.version = found.Version()
		cli.Version = found.Version().String()
		cli.remember(memory)
		return nil
	case errors.As(err, &exit):
		return notFound(err)
	}
	return &scale.SetupError{Problem: "the Pulumi CLI cannot be used", Err: err, Hint: "pulumiscale needs Pulumi v" + minimumVersion.String() + " or newer"}
}

// cliMemory is the file that keeps the last checked CLI; empty where the user has no folder for such things.
func cliMemory() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "pulumiscale", "cli.json")
}

func recall(file string) (cli checkedCLI, ok bool) {
	text, err := os.ReadFile(file)
	return cli, err == nil && json.Unmarshal(text, &cli) == nil
}

// remember keeps the CLI. Where that fails it is asked again the next time.
func (c checkedCLI) remember(file string) {
	text, err := json.Marshal(c)
	if err != nil || file == "" || os.MkdirAll(filepath.Dir(file), 0o700) != nil {
		return
	}
	_ = atomic.WriteFile(file, strings.NewReader(string(text)))
}

// selectedStack is the stack that the user has selected for the project, as the CLI finds it: by PULUMI_STACK, else from the file in which
// `pulumi stack select` keeps it. It is empty where neither tells.
func (p *project) selectedStack() string {
	if name, ok := os.LookupEnv("PULUMI_STACK"); ok {
		return name
	}
	path, err := workspace.GetPulumiPath("workspaces", p.workspaceFile())
	if err != nil {
		return ""
	}
	text, err := os.ReadFile(path)
	var settings struct {
		Stack string `json:"stack"`
	}
	if err != nil || json.Unmarshal(text, &settings) != nil {
		return ""
	}
	// A self-managed backend knows no organisations, and the CLI does not show this one either.
	return strings.TrimPrefix(settings.Stack, onlyOrganization+"/"+string(p.Name)+"/")
}

// workspaceFile is the name of the file in which Pulumi keeps what is selected for the project.
func (p *project) workspaceFile() string {
	sum := sha1.Sum([]byte(p.path)) //nolint:gosec // as above
	return string(p.Name) + "-" + hex.EncodeToString(sum[:]) + "-workspace.json"
}
