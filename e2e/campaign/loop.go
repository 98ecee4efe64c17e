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

// loopProgram is the program in a language.
type loopProgram struct {
	// folder is the program's folder in e2e/testdata, and file is the program in it.
	folder, file string
	// adapt gives the program a neighbour and an output that is not the rules. There is only one cloud, and it has a
	// balancer named front already.
	adapt func(text string) string
	// tag and release are the lines with a property of the neighbour and with the output. A value is between their groups.
	tag, release *regexp.Regexp
}

// typescript is the language whose host and packages are not needed otherwise.
const typescript = "typescript"

// loopPrograms are the program by its language. They have the same resources, rules and config keys.
func loopPrograms() map[string]loopProgram {
	return map[string]loopProgram{
		"loop": {
			folder: loopProject, file: "loop.yaml",
			adapt: func(text string) string {
				text = strings.Replace(text, "name: front", "name: gate", 1)
				return strings.Replace(text, "outputs:\n", "outputs:\n  release: none\n", 1)
			},
			tag: regexp.MustCompile(`(?m)^(    tag: ).*()$`), release: regexp.MustCompile(`(?m)^(  release: ).*()$`),
		},
		typescript: {
			folder: loopProject + "-typescript", file: "index.ts",
			adapt: func(text string) string { return text + loopNeighbour },
			tag:   regexp.MustCompile(`(?m)^(const tag = ").*(";)$`), release: regexp.MustCompile(`(?m)^(export const release = ").*(";)$`),
		},
	}
}

// loopNeighbour is what the program in TypeScript has besides its workers.
const loopNeighbour = `
class Balancer extends pulumi.CustomResource {
    constructor(name: string, tag: string) {
        super("localcloud:index:Balancer", name, { name, tag }, { version: "0.1.0" });
    }
}

const tag = "blue";
new Balancer("gate", tag);

export const release = "none";
`

// makeLoop deploys it.
func (w *world) makeLoop() error {
	loop := loopPrograms()[w.language]
	if err := os.CopyFS(w.loop(), os.DirFS(filepath.Join(w.root, "e2e", "testdata", loop.folder))); err != nil {
		return err
	}
	path := filepath.Join(w.loop(), loop.file)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(loop.adapt(string(text))), 0o644); err != nil {
		return err
	}
	if w.language == typescript {
		if err := os.Symlink(w.tool("examples", "node_modules"), filepath.Join(w.loop(), "node_modules")); err != nil {
			return err
		}
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

// writeLoop writes an edition into a checkout.
func (w *world) writeLoop(dir string, e loopEdition) error {
	loop := loopPrograms()[w.language]
	path, config := filepath.Join(dir, loop.file), filepath.Join(dir, "Pulumi."+stackName+".yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	program := loop.tag.ReplaceAllString(string(text), "${1}blue"+e.tag+"${2}")
	program = loop.release.ReplaceAllString(program, "${1}r"+e.release+"${2}")
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
	text, err := r.store.Read(stateKey(loopProject))
	if err != nil {
		return loopEvidence{}, err
	}
	after, err := parseSnapshot(text)
	return loopEvidence{history: history, steps: steps, after: after}, err
}
