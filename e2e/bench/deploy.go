package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// deploys compares the first scaling after somebody's deploy with one that has no deploy before it. After a deploy,
// what is pending is proved anew: by a server in its idle time; or before the update, if the alarm comes at once, and
// in a command.
func (b *bench) deploys(ctx context.Context) (rows []row, err error) {
	servers := map[string]*server{}
	defer func() {
		for _, sv := range servers {
			err = errors.Join(err, sv.Stop())
		}
	}()
	for _, id := range []string{"steady", "idle-proof", "at-once"} {
		st, err := b.deploy(ctx, id, shape{pools: 1, rule: "cooldown: 0s"})
		if err != nil {
			return nil, err
		}
		sv, err := st.serve(ctx)
		if err != nil {
			return nil, err
		}
		servers[id] = sv
		for i := range known {
			if _, err := sv.scale(ctx, unusual+i); err != nil {
				return nil, err
			}
		}
	}
	steady := &way{name: "the same without a deploy", run: func(ctx context.Context, round int) (time.Duration, error) {
		return servers["steady"].scale(ctx, counts(round))
	}}
	proved := &way{name: "a warm `serve`, the first scaling after a deploy, proved in idle time", run: func(ctx context.Context, round int) (time.Duration, error) {
		sv := servers["idle-proof"]
		if err := sv.stack.deployAgain(ctx, round); err != nil {
			return 0, err
		}
		if err := sv.prove(ctx); err != nil {
			return 0, err
		}
		return sv.scale(ctx, counts(round))
	}}
	atOnce := &way{name: "a warm `serve`, an alarm right after a deploy", run: func(ctx context.Context, round int) (time.Duration, error) {
		sv := servers["at-once"]
		if err := errors.Join(sv.settle(ctx), sv.stack.deployAgain(ctx, round)); err != nil {
			return 0, err
		}
		return sv.alarm(ctx, counts(round))
	}}
	coldSteady, err := b.afterDeploy(ctx, "cold-steady", "the same without a deploy", false)
	if err != nil {
		return nil, err
	}
	coldDeployed, err := b.afterDeploy(ctx, "cold-deployed", "a cold `pulumiscale scale --yes`, the first after a deploy", true)
	if err != nil {
		return nil, err
	}
	if err := b.turns(ctx, steady, proved, atOnce, coldSteady, coldDeployed); err != nil {
		return nil, err
	}
	return []row{atMost(proved, steady, 1.15), atMost(atOnce, steady, 3.5), atMost(coldDeployed, coldSteady, 3)}, nil
}

// afterDeploy is a cold scaling on a stack of its own, with or without a deploy before each one.
func (b *bench) afterDeploy(ctx context.Context, id, name string, deployed bool) (*way, error) {
	st, err := b.deploy(ctx, id, shape{pools: 1, rule: "cooldown: 0s"})
	if err != nil {
		return nil, err
	}
	for i := range known {
		if _, err := b.once(ctx, st, coldLine, unusual+i, nil); err != nil {
			return nil, err
		}
	}
	return &way{name: name, run: func(ctx context.Context, round int) (time.Duration, error) {
		if deployed {
			if err := st.deployAgain(ctx, round); err != nil {
				return 0, err
			}
		}
		return b.once(ctx, st, coldLine, counts(round), nil)
	}}, nil
}

// neighbour is what a deploy changes in the program: a property of a resource that no rule names.
var neighbour = regexp.MustCompile(`tag: [^}]+`)

// deployAgain changes the program and deploys it, as somebody's own update.
func (s *stack) deployAgain(ctx context.Context, round int) error {
	path := filepath.Join(s.dir, "Pulumi.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, neighbour.ReplaceAll(text, fmt.Appendf(nil, "tag: deploy-%d", round)), 0o644); err != nil {
		return err
	}
	_, err = s.lab.Exec(ctx, s.dir, nil, "pulumi", "up", "--yes", "--skip-preview", "--non-interactive")
	return err
}

// prove has a server notice a deploy, as the server does by itself within its `--poll`. It waits until the server has
// proved what is pending.
func (sv *server) prove(ctx context.Context) error {
	before, err := sv.stack.provedFor()
	if err != nil {
		return err
	}
	if err := sv.ask(ctx, http.MethodPost, "/-/reload", "", nil, http.StatusOK); err != nil {
		return err
	}
	for deadline := time.Now().Add(openTimeout); time.Now().Before(deadline); time.Sleep(askEvery) {
		if now, err := sv.stack.provedFor(); err != nil || now != before {
			return err
		}
	}
	return fmt.Errorf("nothing was proved within %s after a deploy", openTimeout)
}

// provedFor is the update for which it was last proved what is pending. The file in which PulumiScale keeps that says
// so.
func (s *stack) provedFor() (string, error) {
	file, err := lab.Kept(s.dir, "proof.json")
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var kept struct{ Proof struct{ Head string } }
	err = json.Unmarshal(text, &kept)
	return kept.Proof.Head, err
}
