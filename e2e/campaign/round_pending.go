//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// people are those who deploy and edit in a round.
type people struct {
	// deploys lets one of them deploy at a time.
	deploys sync.Mutex
	// deployed is the edition of the last deploy that succeeded. The holder of deploys reads and writes it.
	deployed edition
	// checkout is what stands in the server's checkout. The holder of edits reads and writes it, and the files.
	edits    sync.Mutex
	checkout edition
	// resized are the pools whose size was changed behind the state. rest is the config file without the counts, as it
	// has to be in the end.
	resized map[string]bool
	rest    string
	// loopSince is how long the second stack's history was; it is 0 if nobody does anything to that stack. loopHome
	// brings its checkout to what is deployed.
	loopSince int
	loopHome  func()
	// deploying says that somebody's own engine is at work. round.mu guards it.
	deploying bool
}

// playPending has people deploy from other checkouts, edit the program and its configuration in the server's checkout,
// refresh the state and change sizes behind it. Scalings take place meanwhile, some of which fail or are killed. In the
// end the server's checkout is brought to what was deployed last, and nothing is pending any more.
func (r *round) playPending() {
	r.people.deployed, r.people.checkout, r.people.resized = r.edition, r.edition, map[string]bool{}
	within := func() time.Duration { return time.Duration(r.rng.IntN(2500)) * time.Millisecond }
	r.drawFaults()
	for range 1 + r.rng.IntN(3) {
		r.send(r.draw(within()))
	}
	dirs := []string{r.program(), r.program(), r.program(), r.copy()}
	for range r.rng.IntN(3) {
		a, dir, more := r.draw(within()), dirs[r.rng.IntN(len(dirs))], r.drawVariables()
		r.actors.Go(func() {
			r.pause(a.after)
			<-r.scale(a, dir, more...).done
		})
	}
	deploys, edits := r.rng.IntN(3), r.rng.IntN(4)
	if deploys+edits == 0 {
		edits = 1
	}
	for range deploys {
		r.deployer(within())
	}
	for range edits {
		if r.rng.IntN(8) == 0 {
			r.remover()
		} else {
			r.editor()
		}
	}
	if r.rng.IntN(5) == 0 {
		r.refresher(within())
	}
	if r.rng.IntN(4) == 0 || r.language == typescript { // whoever asks for it wants to see it
		history, err := r.loopHistory()
		if err != nil {
			r.complain("%v", err)
		}
		r.people.loopSince = len(history)
		r.playLoop()
	}
	if r.rng.IntN(4) == 0 {
		moment, v := r.drawMoment(), []victims{{server: true}, {server: true, engine: true}, {engine: true}}[r.rng.IntN(3)]
		r.actors.Go(func() {
			moment()
			r.strike(v)
			r.restart(time.Now().Add(startTimeout))
		})
	}
	lasts := time.Duration(1000+r.rng.IntN(2500)) * time.Millisecond
	r.pause(lasts)
	r.heal()
	r.story.tell("faults are lifted")
	r.actors.Wait()
	r.until(settleTimeout/2, r.allEnded) // while there still is something pending
	r.comeHome()
}

// drawVariables draws what somebody's terminal has in its environment. Often that is a variable that nobody reads, or
// one that stands for a flag of the engine.
func (r *round) drawVariables() []string {
	urn := "urn:pulumi:" + stackName + "::" + projectName + "::localcloud:index:Balancer::" + neighbourName
	flags := []string{
		"PULUMI_OPTION_TARGET=" + urn, "PULUMI_OPTION_REPLACE=" + urn, "PULUMI_OPTION_TARGET_REPLACE=" + urn, "PULUMI_OPTION_EXCLUDE=" + urn,
		"PULUMI_OPTION_REFRESH=true", "PULUMI_OPTION_TARGET_DEPENDENTS=true", "PULUMI_OPTION_CONFIG_FILE=" + r.configIn(r.bare()),
	}
	flag, which := flags[r.rng.IntN(len(flags))], r.rng.IntN(4)
	switch which {
	case 0:
		return []string{fmt.Sprintf("SOMETHING=%d", r.drawn)}
	case 1:
		return nil
	}
	return []string{flag}
}

// drawFaults draws what the provider does wrong.
func (r *round) drawFaults() {
	faults, all := map[string]any{}, pools()
	if n := r.rng.IntN(5); n > 0 {
		faults["delay"] = fmt.Sprintf("%dms", n*30)
	}
	total := 0
	for _, n := range r.before.cloud {
		total += n
	}
	only, left := all[r.rng.IntN(len(all))].name, r.rng.IntN(3)
	switch r.rng.IntN(9) {
	case 0:
		faults["fail"], faults["only"] = "no capacity", only
	case 1:
		faults["quota"] = total + left
	case 2:
		faults["failAfter"], faults["only"] = left, only
	}
	if len(faults) > 0 {
		r.setFaults(faults)
	}
}

// deployer deploys another edition. It does so from a clone, clean or dirty, from a folder outside of any repository,
// from the server's own checkout, or with a config file that is elsewhere. It tries until it succeeds.
func (r *round) deployer(after time.Duration) {
	var changes []change
	for range 1 + r.rng.IntN(2) {
		changes = append(changes, r.drawChange(func(change) bool { return true }))
	}
	back, way, then := r.rng.IntN(5) == 0, r.rng.IntN(6), r.drawNext()
	r.actors.Go(func() {
		r.pause(after)
		r.people.deploys.Lock()
		defer r.people.deploys.Unlock()
		next := r.people.deployed
		for _, c := range changes {
			c.do(&next)
		}
		if back {
			next = firstEdition()
		}
		next = r.people.deployed.deployable(next)
		r.count("deploys", 1)
		for r.ctx.Err() == nil {
			if r.deploy(next, way) == nil {
				r.people.deployed = next
				then()
				return
			}
			r.count("failed deploys", 1)
			r.pause(200 * time.Millisecond)
		}
		r.complain("somebody's deploy never succeeded")
	})
}

func (r *round) deploy(e edition, way int) error {
	dir := r.copy()
	switch way {
	case 0, 1:
		dir = r.bare()
	case 2:
		dir = r.program()
	}
	var more []string
	if dir == r.program() { // an edit would be deployed too, and nobody would know what is deployed
		r.people.edits.Lock()
		defer r.people.edits.Unlock()
		r.people.checkout = e
	}
	if err := r.checkOutEdition(dir, e); err != nil {
		return err
	}
	if way == 2 || way == 3 || way == 4 {
		_, _ = r.run(r.ctx, dir, "git", "commit", "-q", "-a", "-m", "deploy")
	}
	if err := r.takeCounts(dir); err != nil {
		return err
	}
	if way == 4 || way == 5 {
		file := filepath.Join(r.dir, "ci.yaml")
		text, err := os.ReadFile(r.configIn(dir))
		if err == nil {
			err = os.WriteFile(file, []byte(setLine(string(text), "campaign:note", "")), 0o644)
		}
		if err != nil {
			return err
		}
		more = []string{"--config-file", file, "--config", "campaign:note=" + e.note}
	}
	return r.pulumiUp(dir, fmt.Sprintf("deploy of %+v (way %d)", e, way), append([]string{"up", "--yes", "--skip-preview", "--stack", stackName}, more...)...)
}

// pulumiUp runs somebody's own engine.
func (r *round) pulumiUp(dir, what string, args ...string) error {
	r.setDeploying(true)
	defer r.setDeploying(false)
	out, err := r.pulumi(r.ctx, dir, args...)
	r.story.tell("%s in %s: %s %s", what, filepath.Base(dir), result(err), short(lastLines(out, 6)))
	if isDamaged.MatchString(out) {
		r.complain("somebody's pulumi met a state that cannot be read: %s", out)
	}
	return err
}

func (r *round) isDeploying() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.people.deploying
}

func (r *round) setDeploying(is bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.people.deploying = is
}

// takeCounts writes the counts of the last successful update into a checkout's config file. `pulumiscale restore` does
// the same and takes longer.
func (r *round) takeCounts(dir string) error {
	now, err := r.picture()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(r.configIn(dir))
	if err != nil {
		return err
	}
	out := string(text)
	for _, pool := range pools() {
		if n, known := now.count(pool); known {
			out = pool.line().ReplaceAllString(out, fmt.Sprintf("${1}\"%d\"$2", n))
		}
	}
	return r.writeFile(r.configIn(dir), out, false)
}

func (r *round) configIn(dir string) string { return filepath.Join(dir, filepath.Base(r.config())) }

// checkOutEdition writes what differs in an edition into a checkout, with the counts that stand there.
func (r *round) checkOutEdition(dir string, e edition) error {
	if err := r.writeFile(filepath.Join(dir, "Pulumi.yaml"), programText(e, nil), false); err != nil {
		return err
	}
	text, err := os.ReadFile(r.configIn(dir))
	if err != nil {
		return err
	}
	return r.writeFile(r.configIn(dir), e.config(string(text)), false)
}

// writeFile writes a file if its text is another one: at one stroke, or in place, as editors do.
func (r *round) writeFile(path, text string, inPlace bool) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return nil
	}
	if inPlace {
		return os.WriteFile(path, []byte(text), 0o644)
	}
	return errors.Join(os.WriteFile(path+"~", []byte(text), 0o644), os.Rename(path+"~", path))
}

// editor edits the program or the config file in the server's checkout, at any moment. It may take the edit back after
// a while.
func (r *round) editor() {
	inFile := r.rng.IntN(3) == 0
	c := r.drawChange(func(c change) bool { return c.inFile == inFile })
	moment, lasts, undo, then := r.drawEngineMoment(), time.Duration(r.rng.IntN(1500))*time.Millisecond, r.rng.IntN(2) == 0, r.drawNext()
	if r.rng.IntN(4) == 0 {
		lasts /= 20
	}
	inPlace := r.rng.IntN(2) == 0
	write := func(e edition) {
		path, text := filepath.Join(r.program(), "Pulumi.yaml"), programText(e, nil)
		if inFile {
			path = r.config()
			old, err := os.ReadFile(path)
			if err != nil {
				r.complain("%v", err)
				return
			}
			text = e.config(string(old))
		}
		if err := r.writeFile(path, text, inPlace); err != nil {
			r.complain("%v", err)
		}
		r.people.checkout = e
	}
	r.actors.Go(func() {
		moment()
		r.people.edits.Lock()
		before := r.people.checkout
		next := before
		c.do(&next)
		if !inFile {
			next.extra = before.extra // somebody forgot the key
		}
		write(next)
		r.people.edits.Unlock()
		r.story.tell("edit: %s", c.name)
		r.count("edited "+c.name, 1)
		then()
		if !undo {
			return
		}
		r.pause(lasts)
		r.people.edits.Lock()
		if r.people.checkout == next {
			write(before)
		}
		r.people.edits.Unlock()
		r.story.tell("edit taken back: %s", c.name)
	})
}

// drawChange draws a change.
func (r *round) drawChange(wanted func(change) bool) change {
	all := editionChanges(r.rng)
	for {
		if c := all[r.rng.IntN(len(all))]; wanted(c) {
			return c
		}
	}
}

// drawNext draws whether somebody asks for a scaling right after a deploy or an edit, and how.
func (r *round) drawNext() func() {
	if r.rng.IntN(2) == 0 {
		return func() {}
	}
	a, byHand := r.draw(time.Duration(r.rng.IntN(300))*time.Millisecond), r.rng.IntN(3) == 0
	return func() {
		if !byHand {
			r.send(a)
			return
		}
		r.actors.Go(func() {
			r.pause(a.after)
			<-r.scale(a, r.program()).done
		})
	}
}

// remover takes the server's config file away, as `git clean` does, and puts it back after a while.
func (r *round) remover() {
	moment, lasts := r.drawEngineMoment(), time.Duration(r.rng.IntN(3000))*time.Millisecond
	r.actors.Go(func() {
		moment()
		r.people.edits.Lock()
		defer r.people.edits.Unlock()
		r.story.tell("the config file is removed for %s", lasts)
		r.count("config file removed", 1)
		undo := r.removeConfig()
		r.pause(lasts)
		if undo != nil {
			undo()
		}
		r.story.tell("the config file is there again")
	})
}

// drawEngineMoment draws a moment. Most of the time it is shortly after an engine of ours was started, while the
// program is about to be read.
func (r *round) drawEngineMoment() func() {
	spread := time.Duration(r.rng.IntN(400)) * time.Millisecond
	if r.rng.IntN(4) == 0 {
		return r.drawMoment()
	}
	return func() {
		r.until(3*time.Second, func() bool {
			for _, m := range members(r.mark()) {
				if m.part == engine && m.ours {
					return true
				}
			}
			return false
		})
		r.pause(spread)
	}
}

// refresher changes the size of a pool behind the state, or of none. Then it refreshes the state with what was
// deployed.
func (r *round) refresher(after time.Duration) {
	all := pools()
	// By 0 and 2 nothing is changed.
	pool, by, number := all[r.rng.IntN(len(all))], r.rng.IntN(4)-1, 9000+r.rng.IntN(1000)
	r.actors.Go(func() {
		r.pause(after)
		r.people.deploys.Lock()
		defer r.people.deploys.Unlock()
		if !pool.single && (by == 1 || by == -1) {
			r.mu.Lock()
			r.people.resized[pool.name] = true
			r.mu.Unlock()
			r.shift(pool, by, number)
		}
		for r.ctx.Err() == nil {
			if err := r.checkOutEdition(r.bare(), r.people.deployed); err != nil {
				r.complain("%v", err)
				return
			}
			r.count("refreshes", 1)
			if r.pulumiUp(r.bare(), "refresh", "refresh", "--yes", "--skip-preview", "--stack", stackName) == nil {
				return
			}
			r.pause(200 * time.Millisecond)
		}
	})
}

// shift removes a worker, or makes one with the number, though nobody has asked for it.
func (r *round) shift(pool poolSpec, by, number int) {
	dir := filepath.Join(r.cloud(), pool.name)
	workers, err := filepath.Glob(filepath.Join(dir, "worker-*"))
	if err != nil || len(workers) == 0 {
		return
	}
	if by < 0 {
		err = os.Remove(workers[len(workers)-1])
	} else {
		err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("worker-%d", number)), nil, 0o644)
	}
	r.story.tell("%s was changed by %+d behind the state: %v", pool.name, by, err)
	r.count("sizes changed behind the state", 1)
}

// homeTag is at the commit with which the server's checkout was last brought to what is deployed.
const homeTag = "home"

// comeHome brings the server's checkout, and the one that others scale from, to what was deployed last.
func (r *round) comeHome() {
	e := r.people.deployed
	if err := errors.Join(r.checkOutEdition(r.program(), e), r.checkOutEdition(r.copy(), e)); err != nil {
		r.complain("%v", err)
	}
	for _, args := range [][]string{{"commit", "-q", "--allow-empty", "-a", "-m", "what is deployed"}, {"tag", "-f", homeTag}} {
		if out, err := r.run(r.ctx, r.program(), "git", args...); err != nil {
			r.complain("git %s: %v %s", args[0], err, out)
		}
	}
	r.edition = e
	if err := r.takeCounts(r.program()); err != nil {
		r.complain("%v", err)
	}
	r.story.tell("the checkout is what is deployed")
	r.people.rest = e.config(r.before.rest)
	if r.people.loopHome != nil {
		r.people.loopHome()
	}
}
