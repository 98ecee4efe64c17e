//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// playEdits has people edit the stack's files, and the stack, in the middle of an update.
func (r *round) playEdits() {
	edits := []struct {
		name string
		do   func() (undo func())
	}{
		{"emptied", r.writeConfig(func(string) string { return "" })},
		{"removed", r.removeConfig},
		{"a comment added", r.writeConfig(func(text string) string { return text + "# somebody was here\n" })},
		{"a key added", r.writeConfig(func(text string) string {
			return strings.Replace(text, "\nconfig:", "\nconfig:\n  campaign:more: is more", 1)
		})},
		{"checked out from an old commit", r.checkOut},
		{"a count edited", r.editCount(r.rng.IntN(len(pools())), 45+r.rng.IntN(20))},
		{"read-only", r.freezeConfig},
		{"rules changed", r.changeRules(r.rng.IntN(4))},
		{"stack renamed", r.renameStack},
		{"stack removed", r.removeStack},
	}
	edit := edits[r.rng.IntN(len(edits))]
	moment, lasts := r.drawMoment(), time.Duration(r.rng.IntN(1500))*time.Millisecond
	r.slowCloud()
	r.commit()
	for range 1 + r.rng.IntN(3) {
		r.send(r.draw(time.Duration(r.rng.IntN(300)) * time.Millisecond))
	}
	late := r.draw(lasts / 2)
	moment()
	r.story.tell("edit: %s", edit.name)
	r.count(edit.name, 1)
	undo := edit.do()
	r.send(late)
	r.pause(lasts)
	if undo != nil {
		undo()
	}
}

// commit keeps the config file in version control, as the people who own it do now and then.
func (r *round) commit() {
	if r.rng.IntN(3) > 0 {
		return
	}
	_, _ = r.run(r.ctx, r.program(), "git", "commit", "-q", "--allow-empty", "-a", "-m", "now and then")
}

// replaceConfig writes the config file at one stroke, as most editors do.
func (r *round) replaceConfig(text string) {
	err := os.WriteFile(r.config()+"~", []byte(text), 0o644)
	if err == nil {
		err = os.Rename(r.config()+"~", r.config())
	}
	if err != nil {
		r.complain("edit the config file: %v", err)
	}
}

// writeConfig edits the config file. The undoing is a checkout of what the file was before the edit, with the counts of
// then.
func (r *round) writeConfig(change func(string) string) func() func() {
	return func() func() {
		text, err := os.ReadFile(r.config())
		if err != nil {
			r.complain("%v", err)
			return nil
		}
		r.replaceConfig(change(string(text)))
		return func() { r.replaceConfig(string(text)) }
	}
}

func (r *round) removeConfig() func() {
	text, err := os.ReadFile(r.config())
	if err == nil {
		err = os.Remove(r.config())
	}
	if err != nil {
		r.complain("%v", err)
		return nil
	}
	return func() { r.replaceConfig(string(text)) }
}

// checkOut checks the config file out from the oldest commit since the checkout was last brought to what is deployed.
// Nobody undoes that: the counts are put right, and the rest is the same.
func (r *round) checkOut() func() {
	out, err := r.run(r.ctx, r.program(), "git", "rev-list", "HEAD", "--not", homeTag+"^@")
	commits := strings.Fields(out)
	if err == nil && len(commits) > 0 {
		_, err = r.run(r.ctx, r.program(), "git", "checkout", "-q", commits[len(commits)-1], "--", filepath.Base(r.config()))
	}
	if err != nil {
		r.story.tell("check out: %v", err)
	}
	return nil
}

// editCount is somebody's edit of a count on the way to their own `pulumi up`. That update is the undoing.
func (r *round) editCount(pool, count int) func() func() {
	p := pools()[pool]
	return func() func() {
		if !p.exact {
			count = p.most
		}
		text, err := os.ReadFile(r.config())
		if err != nil {
			r.complain("%v", err)
			return nil
		}
		r.replaceConfig(p.line().ReplaceAllString(string(text), fmt.Sprintf("${1}\"%d\"$2", count)))
		return func() {
			r.until(20*time.Second, func() bool {
				out, err := r.plainUp(r.ctx, r.program())
				r.story.tell("their own pulumi up: %s %s", result(err), short(lastLines(out, 6)))
				r.pause(100 * time.Millisecond)
				return err == nil
			})
		}
	}
}

func (r *round) freezeConfig() func() {
	if !r.mounts {
		r.count("skipped (no mounts)", 1)
		return nil
	}
	if err := freeze(r.config()); err != nil {
		r.complain("make the config file read-only: %v", err)
		return nil
	}
	return func() {
		r.awaitQuiet(time.Now().Add(20 * time.Second))
		if err := thaw(r.config()); err != nil {
			r.complain("make the config file writable: %v", err)
		}
	}
}

// changeRules has somebody else's update change the rules, and change them back.
func (r *round) changeRules(variant int) func() func() {
	path := filepath.Join(r.program(), "Pulumi.yaml")
	change := func(pool, rule string) string {
		switch {
		case variant == 0 && pool == "edge":
			return strings.Replace(rule, "max: 5", "max: 4", 1)
		case variant == 1 && pool == "web":
			return strings.Replace(rule, "{", "{paused: true, ", 1)
		case variant == 2 && pool == "batch":
			return ""
		case variant == 3 && pool == "plain":
			return strings.Replace(rule, "min: 1", "min: many", 1)
		}
		return rule
	}
	up := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			r.complain("%v", err)
		}
		for range 20 { // the update gets its turn between those of others
			out, err := r.run(r.ctx, r.program(), r.binary, "restore", "--state-dir", r.state())
			r.story.tell("restore: %s %s", result(err), short(out))
			out, err = r.plainUp(r.ctx, r.program())
			r.story.tell("somebody's pulumi up: %s %s", result(err), short(lastLines(out, 6)))
			if err == nil {
				return
			}
			r.pause(300 * time.Millisecond)
		}
		r.complain("somebody's pulumi up never succeeded")
	}
	return func() func() {
		r.rulesChanged, r.mayBeUnknown = true, true
		up(programText(r.edition, change))
		return func() {
			_ = os.Remove(r.faults())
			up(programText(r.edition, nil))
		}
	}
}

// renameStack renames the stack, and back.
func (r *round) renameStack() func() {
	rename := func(from, to string) bool {
		return r.until(20*time.Second, func() bool {
			out, err := r.pulumi(r.ctx, r.program(), "stack", "rename", to, "--stack", from)
			r.story.tell("rename %s to %s: %s %s", from, to, result(err), short(out))
			return err == nil
		})
	}
	if !rename(stackName, "other") {
		r.complain("the stack could not be renamed")
		return nil
	}
	return func() {
		if !rename("other", stackName) {
			r.complain("the stack could not be renamed back")
		}
	}
}

// removeStack takes the stack out of the backend as `pulumi stack rm` does, under a lock, and puts it back.
func (r *round) removeStack() func() {
	state, held := stateKey(projectName), lockPrefix()+"ad000000-0000-4000-8000-000000000000.json"
	text := fmt.Sprintf(`{"pid":4242,"username":"admin","hostname":"elsewhere","timestamp":%q}`, time.Now().UTC().Format(time.RFC3339Nano))
	alone := r.until(20*time.Second, func() bool {
		if r.store.Write(held, []byte(text)) != nil {
			return false
		}
		if locks, err := readLocks(r.store); err == nil && len(locks) == 1 {
			return true
		}
		_ = r.store.Remove(held)
		r.pause(50 * time.Millisecond)
		return false
	})
	if !alone {
		r.complain("the stack could not be removed")
		return nil
	}
	extensions := []string{"", ".attrs", ".bak", ".bak.attrs"}
	for _, ext := range extensions {
		_ = r.store.Rename(state+ext, state+ext+".away")
	}
	_ = r.store.Remove(held)
	return func() {
		if holds(r.store, state) {
			r.complain("somebody made the removed stack again")
		}
		for _, ext := range extensions {
			_ = r.store.Rename(state+ext+".away", state+ext)
		}
	}
}
