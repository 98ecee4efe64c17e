package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
)

// way is a way of doing something with a stack.
type way struct {
	// id names its program and name describes it to people; those of a group are compared, with the first.
	id, name, group string
	// scales says that a run sets the pool to the count.
	scales bool
	// args is the command line of a run.
	args func(count int) []string
}

// script is what one writes without PulumiScale.
const script = `set -e
pulumi config set workerCount "$1" --non-interactive
pulumi up --yes --skip-preview --target "$2" --non-interactive`

// ways are all that is measured.
func ways() ([]way, error) {
	// The Automation API is used by a program of its own, as PulumiScale is one: this very program.
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return []way{
		{
			id: "pulumiscale", group: "scale", name: "`pulumiscale scale --yes`", scales: true,
			args: func(n int) []string {
				return []string{"pulumiscale", "scale", "worker-pool", "--count", strconv.Itoa(n), "--yes"}
			},
		},
		{
			id: "script", group: "scale", name: "shell script: `pulumi config set`, `pulumi up --skip-preview --target`", scales: true,
			args: func(n int) []string { return []string{"sh", "-c", script, "sh", strconv.Itoa(n), urn("script")} },
		},
		{
			id: "automation", group: "scale", name: "Automation API: `SelectStackLocalSource`, `SetConfig`, `Up`", scales: true,
			args: func(n int) []string { return []string{self, "automation", strconv.Itoa(n), urn("automation")} },
		},
		{
			id: "bare", group: "scale", name: "bare `pulumi up --skip-preview -c --target`", scales: true,
			args: func(n int) []string {
				return []string{
					"pulumi", "up", "--yes", "--skip-preview", "-c", "workerCount=" + strconv.Itoa(n), "--target", urn("bare"), "--non-interactive",
				}
			},
		},
		{id: "rules", group: "read", name: "`pulumiscale rules`", args: always("pulumiscale", "rules")},
		{id: "output", group: "read", name: "`pulumi stack output --json`", args: always("pulumi", "stack", "output", "--json")},
		{id: "version", group: "start", name: "`pulumiscale version`", args: always("pulumiscale", "version")},
		{id: "engine-version", group: "start", name: "`pulumi version`", args: always("pulumi", "version")},
	}, nil
}

// urn is the pool's, in the project of that name.
func urn(project string) string {
	return "urn:pulumi:dev::" + project + "::localcloud:index:Pool::worker-pool"
}

func always(args ...string) func(int) []string {
	return func(int) []string { return slices.Clone(args) }
}

// automation scales the program in the working directory with the Automation API, as its documentation shows it.
func automation(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: bench automation COUNT URN")
	}
	stack, err := auto.SelectStackLocalSource(ctx, "dev", ".")
	if err != nil {
		return err
	}
	if err := stack.SetConfig(ctx, "workerCount", auto.ConfigValue{Value: args[0]}); err != nil {
		return err
	}
	_, err = stack.Up(ctx, optup.Target([]string{args[1]}))
	return err
}
