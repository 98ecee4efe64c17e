//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// toldOfCutOff is how the log tells that an earlier update left something undone.
var toldOfCutOff = regexp.MustCompile(`(?i)in the middle of|cut off|half done|unfinished|pending|interrupted|previous count`)

// victims are what is killed together.
type victims struct{ server, engine, plugins bool }

func (v victims) String() string {
	var out []string
	for name, on := range map[string]bool{"pulumiscale": v.server, "engine": v.engine, "plugins": v.plugins} {
		if on {
			out = append(out, name)
		}
	}
	return strings.Join(out, "+")
}

// playKill kills serve, or scale, with or without its engine, at any moment, and starts it again.
func (r *round) playKill() {
	switch n := r.rng.IntN(100); {
	case n < 62:
		r.killServe()
	case n < 88:
		r.killScale()
	default:
		r.foreignLock()
	}
}

// drawVictims draws what is killed.
func (r *round) drawVictims() victims {
	return []victims{
		{server: true}, {server: true}, {server: true, engine: true}, {server: true, engine: true},
		{server: true, engine: true, plugins: true}, {engine: true}, {engine: true, plugins: true}, {server: true, plugins: true},
	}[r.rng.IntN(8)]
}

// drawMoment draws the moment of a fault: after some time, just after the answer, at the lock, or in the middle of a
// provider's work. It returns a function that waits for that moment.
func (r *round) drawMoment() func() {
	phase, spread := r.rng.IntN(4), time.Duration(r.rng.IntN(1000))*time.Millisecond
	return func() {
		switch phase {
		case 0: // at any time while a scaling takes place
			r.pause(spread * 2)
		case 1: // just after the answer
			r.pause(spread / 10)
		case 2: // the engine has its lock
			r.until(3*time.Second, r.isLocked)
			r.pause(spread / 3)
		case 3: // the provider has begun
			r.until(3*time.Second, func() bool {
				text, _ := os.ReadFile(filepath.Join(r.cloud(), "operations.log"))
				return strings.Count(string(text), "\n") > r.before.touched
			})
			r.pause(spread / 5)
		}
	}
}

func (r *round) isLocked() bool {
	locks, err := readLocks(r.store)
	return err == nil && len(locks) > 0
}

// slowCloud makes the provider slow enough that there is a middle, most of the time.
func (r *round) slowCloud() {
	if delay := r.rng.IntN(5); delay > 0 {
		r.setFaults(map[string]any{"delay": fmt.Sprintf("%dms", delay*60)})
	}
}

// setFaults writes the provider's faults, at one stroke.
func (r *round) setFaults(faults map[string]any) {
	text, err := json.Marshal(faults)
	if err == nil {
		err = os.WriteFile(r.faults()+".new", text, 0o644)
	}
	if err == nil {
		err = os.Rename(r.faults()+".new", r.faults())
	}
	if err != nil {
		r.complain("write the faults: %v", err)
	}
	r.story.tell("faults: %s", text)
}

func (r *round) killServe() {
	r.slowCloud()
	type blow struct {
		moment  func()
		victims victims
		rest    time.Duration
	}
	var blows []blow
	for range 1 + max(r.rng.IntN(4)-1, 0) {
		blows = append(blows, blow{r.drawMoment(), r.drawVictims(), time.Duration(r.rng.IntN(500)) * time.Millisecond})
	}
	for range 1 + r.rng.IntN(4) {
		r.send(r.draw(time.Duration(r.rng.IntN(400)) * time.Millisecond))
	}
	for _, b := range blows {
		b.moment()
		r.strike(b.victims)
		r.pause(b.rest)
		if s := r.running(); s == nil && !r.restart(time.Now().Add(startTimeout)) {
			return
		}
	}
}

// strike kills what is to be killed, and notes what that leaves behind.
func (r *round) strike(v victims) {
	if v.server {
		r.kill()
	}
	engines, plugins := 0, 0
	if v.engine {
		engines = strike(r.mark(), syscall.SIGKILL, func(m member) bool { return m.part == engine && m.ours })
	}
	if v.plugins {
		plugins = strike(r.mark(), syscall.SIGKILL, func(m member) bool { return m.part == plugin })
	}
	r.count("engines killed", engines)
	r.story.tell("killed %s: %d engines, %d plugins", v, engines, plugins)
	r.glance(engines > 0)
}

// glance keeps the picture right after a blow. It notes whether killed engines were in the middle of something.
func (r *round) glance(engines bool) {
	r.pause(20 * time.Millisecond)
	before := r.isDeploying()
	now, err := r.picture()
	if err != nil { // a living engine is writing
		r.story.tell("no picture after the blow: %v", err)
		return
	}
	now.deploying = before || r.isDeploying()
	r.glances = append(r.glances, now)
	if engines && len(now.pending) > 0 && !now.deploying { // what a living engine is at is not left
		r.cutOff = true
		r.story.tell("left in the middle: %v", now.pending)
	}
}

// killScale kills `pulumiscale scale`, with or without a server beside it.
func (r *round) killScale() {
	r.slowCloud()
	alone, with, moment := r.rng.IntN(2) == 0, r.drawVictims(), r.drawMoment()
	a, again := r.draw(0), r.draw(time.Duration(r.rng.IntN(1500))*time.Millisecond)
	if alone {
		r.stopServer()
	}
	s := r.scale(a, r.program())
	r.send(again)
	moment()
	if with.server {
		if syscall.Kill(s.cmd.Process.Pid, syscall.SIGKILL) == nil {
			r.count("kills", 1)
			r.story.tell("killed scale")
			r.glance(false)
		}
	}
	with.server = false
	if with.engine || with.plugins {
		r.strike(with)
	}
	<-s.done
}

// stopServer ends the server gently.
func (r *round) stopServer() {
	s := r.running()
	r.mu.Lock()
	r.serving = nil
	r.mu.Unlock()
	if code := s.stop(20 * time.Second); code != 0 {
		r.complain("serve ended with %d after SIGTERM: %s", code, lastLines(s.text(), 10))
	}
	r.story.tell("stopped serve")
}

// foreignLock has somebody else hold the stack, alive, dead or on another machine. People must be told of the lock, and
// it must never be broken.
func (r *round) foreignLock() {
	variant := r.rng.IntN(3)
	cli, web := r.drawFor(pools()[0], 0), r.drawFor(pools()[0], 0)
	wait := time.Duration(300+r.rng.IntN(700)) * time.Millisecond
	var key, holder string
	switch variant {
	case 0: // another machine
		key = lockPrefix() + "c0ffee00-0000-4000-8000-000000000000.json"
		holder = "somebody@elsewhere"
		text := fmt.Sprintf(`{"pid":4242,"username":"somebody","hostname":"elsewhere","timestamp":%q}`, time.Now().UTC().Format(time.RFC3339Nano))
		if err := r.store.Write(key, []byte(text)); err != nil {
			r.complain("%v", err)
			return
		}
	default: // a plain pulumi up, alive or killed
		held, ok := r.hangingUp(variant == 2)
		if !ok {
			return
		}
		key, holder = held.key, fmt.Sprintf("(pid %d)", held.PID)
	}
	r.story.tell("a lock of %s: %s", holder, filepath.Base(key))
	s := r.scale(cli, r.program())
	r.send(web)
	<-s.done
	r.pause(wait)
	if cli.event.outcome != not || cli.event.told != "exit code 4" || !strings.Contains(cli.event.reason, holder) {
		r.complain("a scaling of a stack that %s has locked ended with %s: %s", holder, cli.event.told, cli.event.reason)
	}
	r.waitsFor(web.event, holder)
	if !holds(r.store, key) {
		r.complain("the lock of %s was broken", holder)
	}
	r.releaseForeign(variant)
}

// hangingUp starts a plain `pulumi up` that hangs in the provider and holds the stack. It kills that if it is to be
// dead.
func (r *round) hangingUp(dead bool) (lock, bool) {
	r.setFaults(map[string]any{"hang": true})
	file := filepath.Join(r.dir, "other.yaml")
	text, err := os.ReadFile(r.config())
	if err == nil {
		key := projectName + ":webCount"
		old, wanted := fmt.Sprintf("%s: %q", key, r.before.file["web"]), fmt.Sprintf("%s: \"%d\"", key, r.before.cloud["web"]+1)
		err = os.WriteFile(file, []byte(strings.Replace(string(text), old, wanted, 1)), 0o644)
	}
	if err != nil {
		r.complain("%v", err)
		return lock{}, false
	}
	r.actors.Go(func() {
		out, err := r.pulumi(r.ctx, r.program(), "up", "--yes", "--skip-preview", "--stack", stackName, "--config-file", file)
		r.story.tell("somebody's pulumi up: %s %s", result(err), short(lastLines(out, 8)))
	})
	hangs := func() bool {
		now, err := r.picture()
		return err == nil && len(now.pending) > 0 && len(now.locks) > 0
	}
	if !r.until(10*time.Second, hangs) {
		r.setFaults(map[string]any{})
		r.complain("somebody's pulumi up does not hang")
		return lock{}, false
	}
	locks, _ := readLocks(r.store)
	if dead {
		strike(r.mark(), syscall.SIGKILL, func(m member) bool { return m.part != other })
		r.story.tell("killed it")
	}
	return locks[0], true
}

// waitsFor complains unless an operation waits and says for whom.
func (r *round) waitsFor(e *event, holder string) {
	r.mu.Lock()
	id := r.accepted[e]
	r.mu.Unlock()
	if id == "" {
		return
	}
	var op operation
	told := r.until(5*time.Second, func() bool {
		var err error
		op, err = r.running().operation(r.ctx, id)
		return err == nil && strings.Contains(op.Error, holder)
	})
	if !told || op.State == "done" {
		r.complain("an operation on a stack that %s has locked is %s: %s", holder, op.State, op.Error)
	}
}

// releaseForeign does what the lock's owner would do.
func (r *round) releaseForeign(variant int) {
	_ = os.Remove(r.faults())
	if variant == 1 { // it goes on
		return
	}
	out, err := r.pulumi(r.ctx, r.program(), "cancel", "--yes", "--stack", stackName)
	r.story.tell("its owner cancels it: %s %s", result(err), short(out))
}
