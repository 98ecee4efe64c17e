// Command pulumi-language-nodejs is a Pulumi language host for programs in TypeScript and JavaScript, for the end-to-end
// tests: Pulumi's own cannot be built from a Go module. It runs a program as that one does, by the command
// @pulumi/pulumi/cmd/run of the program's own node_modules, and knows no more of the protocol than an update needs. It
// is not for use outside the tests.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/pulumiscale/pulumiscale/e2e/languagehost"
)

func main() { languagehost.Main("pulumi-language-nodejs", run) }

// shown is the exit code of a program whose mistake it has told the engine itself.
const shown = 32

// run runs a program in a Node.js of its own.
func run(ctx context.Context, engine string, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	info := req.GetInfo()
	dir := info.GetProgramDirectory()
	runner := findRunner(dir)
	if runner == "" {
		return &pulumirpc.RunResponse{Error: dir + " has no node_modules with @pulumi/pulumi: run `npm install`"}, nil
	}
	config, err := json.Marshal(req.GetConfig())
	if err != nil {
		return nil, err
	}
	secrets, err := json.Marshal(append([]string{}, req.GetConfigSecretKeys()...))
	if err != nil {
		return nil, err
	}
	args := []string{
		runner, "--monitor", req.GetMonitorAddress(), "--engine", engine, "--organization", req.GetOrganization(), "--project", req.GetProject(),
		"--root-directory", info.GetRootDirectory(), "--stack", req.GetStack(), "--pwd", dir, "--parallel", strconv.Itoa(int(req.GetParallel())),
	}
	if req.GetDryRun() {
		args = append(args, "--dry-run")
	}
	cmd := exec.CommandContext(ctx, "node", append(append(args, info.GetEntryPoint()), req.GetArgs()...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stderr, os.Stderr // the engine shows what a language host says
	cmd.Env = append(os.Environ(), "PULUMI_CONFIG="+string(config), "PULUMI_CONFIG_SECRET_KEYS="+string(secrets), "PULUMI_NODEJS_TYPESCRIPT=true")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	ended, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case failed && ended.ExitCode() == shown:
		return &pulumirpc.RunResponse{Bail: true}, nil
	}
	return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program ended with: %v", err)}, nil
}

// findRunner finds the command of the SDK in the node_modules of the program's folder, or of one above; empty if there is
// none.
func findRunner(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		runner := filepath.Join(at, "node_modules", "@pulumi", "pulumi", "cmd", "run")
		if _, err := os.Stat(runner); err == nil {
			return runner
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}
