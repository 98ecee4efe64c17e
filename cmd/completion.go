package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/scale/stack"
)

// patience is how long a shell waits for the names of pools.
const patience = 3 * time.Second

// completePools offers the names of the pools to the shell. It offers none if the stack cannot be read soon.
func (a *app) completePools(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.begin(cmd, true) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	opened, err := a.openQuietly(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	snap, err := opened.Read(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return snap.Rules.Names(), cobra.ShellCompDirectiveNoFileComp
}

// openQuietly opens the stack for the shell.
func (a *app) openQuietly(ctx context.Context) (openedStack, error) {
	return a.open(ctx, stack.Options{Dir: a.settings.cwd, Stack: a.settings.stack, StateDir: a.settings.stateDir})
}
