//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A world has a second stack. Its program makes one resource for each worker, and nobody serves it. In some of the
// pending rounds people scale, edit and deploy it.

// loopProject is its project.
const loopProject = "worker-loop"

func (w *world) loop() string      { return filepath.Join(w.dir, "loop") }
func (w *world) loopClone() string { return filepath.Join(w.dir, "loop-clone") }

// loopEdition is in what its checkouts differ, besides the counts.
type loopEdition struct{ tag, release, note string }

// makeLoop deploys it.
func (w *world) makeLoop() error {
	if err := os.CopyFS(w.loop(), os.DirFS(filepath.Join(w.root, "e2e", "testdata", loopProject))); err != nil {
		return err
	}
	path := filepath.Join(w.loop(), "loop.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	// There is only one cloud, and it has a balancer of that name already.
	program := strings.Replace(string(text), "name: front", "name: gate", 1)
	program = strings.Replace(program, "outputs:\n", "outputs:\n  release: none\n", 1)
	if err := os.WriteFile(path, []byte(program), 0o644); err != nil {
		return err
	}
	if err := w.writeLoop(w.loop(), loopEdition{}); err != nil {
		return err
	}
	for _, args := range [][]string{{"stack", "init", stackName}, {"up", "--yes", "--skip-preview", "--stack", stackName}} {
		if _, err := w.pulumi(w.ctx, w.loop(), args...); err != nil {
			return fmt.Errorf("deploy the second stack: %w", err)
		}
	}
	_, err = w.run(w.ctx, w.dir, "cp", "-a", w.loop(), w.loopClone())
	return err
}

var (
	loopTag     = regexp.MustCompile(`(?m)^(    tag: ).*$`)
	loopRelease = regexp.MustCompile(`(?m)^(  release: ).*$`)
)

// writeLoop writes an edition into a checkout.
func (w *world) writeLoop(dir string, e loopEdition) error {
	path, config := filepath.Join(dir, "loop.yaml"), filepath.Join(dir, "Pulumi."+stackName+".yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	program := loopTag.ReplaceAllString(string(text), "${1}blue"+e.tag)
	program = loopRelease.ReplaceAllString(program, "${1}r"+e.release)
	if err := os.WriteFile(path, []byte(program), 0o644); err != nil {
		return err
	}
	if text, err = os.ReadFile(config); err != nil {
		return err
	}
	return os.WriteFile(config, []byte(setLine("\n"+string(text), loopProject+":note", e.note)[1:]), 0o644)
}

// loopChanges draws in what an edition of the second stack's program is to differ.
func (r *round) loopChanges() func(*loopEdition) {
	which, word := r.rng.IntN(3), fmt.Sprint(r.rng.IntN(1000))
	return func(e *loopEdition) {
		*[]*string{&e.tag, &e.release, &e.note}[which] = word
	}
}

// playLoop plays a part of a round on the second stack.
func (r *round) playLoop() {
	var edits sync.Mutex
	deployed := r.loopEdition
	within := func() time.Duration { return time.Duration(r.rng.IntN(2000)) * time.Millisecond }
	for range 1 + r.rng.IntN(2) {
		after, pool := within(), []string{"workers", "cache"}[r.rng.IntN(2)]
		delta := []int{-1, 1, 2, 3}[r.rng.IntN(4)]
		r.actors.Go(func() {
			r.pause(after)
			r.scaleLoop(pool, delta)
		})
	}
	edit, editAfter, isEdited := r.loopChanges(), within(), r.rng.IntN(3) > 0
	next, deployAfter, isDeployed := r.loopChanges(), within(), r.rng.IntN(2) == 0
	if isEdited {
		r.actors.Go(func() {
			r.pause(editAfter)
			edits.Lock()
			defer edits.Unlock()
			e := deployed
			edit(&e)
			r.story.tell("the second stack's program is edited: %+v: %v", e, r.writeLoop(r.loop(), e))
		})
	}
	if isDeployed {
		r.actors.Go(func() {
			r.pause(deployAfter)
			e := r.loopEdition
			next(&e)
			for r.ctx.Err() == nil {
				err := r.writeLoop(r.loopClone(), e)
				if err == nil {
					err = r.loopCounts(r.loopClone())
				}
				if err != nil {
					r.complain("the second stack: %v", err)
					return
				}
				out, err := r.pulumi(r.ctx, r.loopClone(), "up", "--yes", "--skip-preview", "--stack", stackName)
				r.story.tell("the second stack: deploy of %+v: %s %s", e, result(err), short(lastLines(out, 4)))
				if err == nil {
					edits.Lock()
					deployed = e
					edits.Unlock()
					return
				}
				r.pause(200 * time.Millisecond)
			}
		})
	}
	r.people.loopHome = func() {
		r.loopEdition = deployed
		if err := r.writeLoop(r.loop(), deployed); err != nil {
			r.complain("%v", err)
		}
		if err := r.loopCounts(r.loop()); err != nil {
			r.complain("%v", err)
		}
	}
}

// scaleLoop runs `pulumiscale scale` on the second stack.
func (r *round) scaleLoop(pool string, delta int) {
	cmd := exec.CommandContext(r.ctx, r.binary, "scale", pool, fmt.Sprintf("--delta=%d", delta), "--yes", "--json", "--state-dir", filepath.Join(r.loop(), ".pulumiscale"))
	var out, errs strings.Builder
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.loop(), r.env(), &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.children.start(cmd); err != nil {
		r.complain("start scale: %v", err)
		return
	}
	code := r.children.wait(cmd)
	var doc struct {
		Outcome string `json:"outcome"`
	}
	_ = json.Unmarshal([]byte(out.String()), &doc)
	r.count("on the second stack: "+first(doc.Outcome, fmt.Sprintf("exit code %d", code)), 1)
	r.story.tell("the second stack: scale %s %+d has ended with %d: %s", pool, delta, code, short(errs.String()))
	r.look("scale of the second stack", code, errs.String())
}

// loopHistory is the second stack's history.
func (w *world) loopHistory() ([]update, error) {
	return readHistory(w.store, loopProject)
}

// loopCounts writes the counts of the last successful update into a checkout.
func (w *world) loopCounts(dir string) error {
	history, err := w.loopHistory()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "Pulumi."+stackName+".yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, u := range slices.Backward(history) {
		if !u.succeeded() {
			continue
		}
		out := string(text)
		for _, key := range loopKeys() {
			out = regexp.MustCompile(`(?m)^(\s*`+key+`:).*$`).ReplaceAllString(out, fmt.Sprintf("${1} \"%v\"", u.Config[key]))
		}
		return os.WriteFile(path, []byte(out), 0o644)
	}
	return nil
}

// lookAtLoop is what a round left of the second stack.
func (r *round) lookAtLoop(since int) (loopEvidence, error) {
	history, err := r.loopHistory()
	if err != nil || len(history) < since || since == 0 {
		return loopEvidence{}, err
	}
	steps, err := readSteps(r.store, history[since-1:])
	if err != nil {
		return loopEvidence{}, err
	}
	text, err := r.store.read(stateKey(loopProject))
	if err != nil {
		return loopEvidence{}, err
	}
	after, err := parseSnapshot(text)
	return loopEvidence{history: history, steps: steps, after: after}, err
}
