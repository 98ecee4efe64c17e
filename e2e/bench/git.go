package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// synced compares scalings with `--git-sync`, whose program is in a worktree at the commit of the last deploy, with
// those whose program is in the stack's directory.
func (b *bench) synced(ctx context.Context) (rows []row, err error) {
	var ways []*way
	var servers []*server
	defer func() {
		for _, sv := range servers {
			err = errors.Join(err, sv.Stop())
		}
	}()
	for _, name := range []string{"synced", "plainly"} {
		var flags []string
		if name == "synced" {
			flags = []string{"--git-sync"}
		}
		st, err := b.deployed(ctx, name, flags)
		if err != nil {
			return nil, err
		}
		sv, err := st.serve(ctx)
		if err != nil {
			return nil, err
		}
		servers = append(servers, sv)
		for i := range known {
			if _, err := sv.scale(ctx, unusual+i); err != nil {
				return nil, err
			}
		}
		warm := warmWay(sv)
		cold, err := b.deployed(ctx, "cold-"+name, flags)
		if err != nil {
			return nil, err
		}
		line := func(st *stack, count int) []string { return append(coldLine(st, count), flags...) }
		for i := range known {
			if _, err := b.once(ctx, cold, line, unusual+i, nil); err != nil {
				return nil, err
			}
		}
		ways = append(ways, warm, &way{
			name: "a cold `pulumiscale scale --yes`",
			run: func(ctx context.Context, round int) (time.Duration, error) {
				return b.once(ctx, cold, line, counts(round), nil)
			},
		})
	}
	for _, w := range ways[:2] {
		w.name += ", with `--git-sync`"
	}
	for _, w := range ways[2:] {
		w.name = "the same without it"
	}
	if err := b.turns(ctx, ways...); err != nil {
		return nil, err
	}
	return []row{atMost(ways[0], ways[2], 1.02), atMost(ways[1], ways[3], 1.02)}, nil
}

// deployed is a stack that is deployed from a commit of a repository with a remote.
func (b *bench) deployed(ctx context.Context, id string, flags []string) (*stack, error) {
	st, err := b.deploy(ctx, id, shape{pools: 1, rule: "cooldown: 0s", copied: true})
	if err != nil {
		return nil, err
	}
	st.flags = flags
	remote := b.Path(id + ".git")
	identity := []string{"-c", "user.name=bench", "-c", "user.email=bench@example.com"}
	for _, args := range [][]string{
		{"git", "init", "--quiet", "--bare", remote},
		{"git", "init", "--quiet"},
		{"git", "remote", "add", "origin", remote},
		{"git", "add", "Pulumi.yaml", "Pulumi.dev.yaml"},
		append(append([]string{"git"}, identity...), "commit", "--quiet", "--message", "the program"),
		{"git", "push", "--quiet", "origin", "HEAD"},
		{"pulumi", "up", "--yes", "--skip-preview", "--non-interactive"},
	} {
		if _, err := b.Exec(ctx, st.dir, nil, args...); err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
		}
	}
	return st, nil
}
