package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/blang/semver"
	"github.com/natefinch/atomic"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

// checkedCLI is a CLI that was asked for its version, which takes a fifth of a second, and found new enough.
type checkedCLI struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"`
	Changed time.Time `json:"changed"`
	Version string    `json:"version"`
}

// askVersion makes sure that the CLI is new enough, unless this file has been found to be so before.
func (s *Stack) askVersion(ctx context.Context) error {
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
	version, err := s.command.askVersion(ctx)
	if err != nil {
		return err
	}
	if version.LT(minimumVersion) {
		return &scale.SetupError{Problem: "the Pulumi CLI is too old: " + cli.Path + " is v" + version.String(),
			Hint: "pulumiscale needs Pulumi v" + minimumVersion.String() + " or newer"}
	}
	s.command.version = version
	cli.Version = version.String()
	cli.remember(memory)
	return nil
}

// askVersion asks the CLI for its version. The Automation API does so too, but lets flags in the environment take
// effect.
func (c *command) askVersion(ctx context.Context) (semver.Version, error) {
	stdout, stderr, _, err := c.Run(ctx, "", nil, nil, nil, nil, "version")
	if ctx.Err() != nil {
		return semver.Version{}, ctx.Err()
	}
	if _, ended := errors.AsType[*exec.ExitError](err); ended {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr))
	}
	if err != nil {
		return semver.Version{}, notFound(err)
	}
	version, err := semver.ParseTolerant(strings.TrimSpace(stdout))
	if err != nil {
		return semver.Version{}, &scale.SetupError{Problem: "the Pulumi CLI cannot be used", Err: fmt.Errorf("`pulumi version` says %q", strings.TrimSpace(stdout)),
			Hint: "pulumiscale needs Pulumi v" + minimumVersion.String() + " or newer"}
	}
	return version, nil
}

// cliMemory is the file that keeps the last checked CLI; empty if the user has no folder for such things.
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

// remember keeps the CLI. If that fails, the CLI is asked again the next time. It makes nothing in somebody else's
// home, which `sudo` may leave in the environment.
func (c checkedCLI) remember(file string) {
	text, err := json.Marshal(c)
	if err != nil || file == "" || files.IsForeign(file) || os.MkdirAll(filepath.Dir(file), 0o700) != nil {
		return
	}
	_ = atomic.WriteFile(file, strings.NewReader(string(text)))
}
