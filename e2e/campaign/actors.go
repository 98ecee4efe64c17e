//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ask is a scaling to be asked for. It is drawn beforehand, so that the same seed asks the same.
type ask struct {
	event *event
	// count is an absolute count, for pools whose events have no known effect.
	count *int
	// alarm has an alert ask for it, whose effect is one more.
	alarm bool
	// after is how long after the round's begin, or after what it waits for, it is asked.
	after time.Duration
}

// of asks a server.
func (a ask) of(ctx context.Context, s *server, began time.Time) (answer, error) {
	if a.alarm {
		return s.alarm(ctx, a.event, began)
	}
	return s.post(ctx, a.event, a.count)
}

// amount are the flags of the scale command.
func (a ask) amount() string {
	if a.count != nil {
		return fmt.Sprintf("--count=%d", *a.count)
	}
	return fmt.Sprintf("--delta=%d", a.event.delta)
}

// draw draws something to ask for.
func (r *round) draw(after time.Duration) ask {
	all := pools()
	return r.drawFor(all[r.rng.IntN(len(all))], after)
}

func (r *round) drawFor(pool poolSpec, after time.Duration) ask {
	r.drawn++
	a := ask{event: &event{key: fmt.Sprintf("r%x-%d", r.seed, r.drawn), pool: pool.name, outcome: open}, after: after}
	size, up := 1+r.rng.IntN(3), r.rng.IntN(2) == 0
	count := r.rng.IntN(pool.most + 3)
	if !pool.exact {
		if a.event.delta = size; r.rng.IntN(3) == 0 {
			a.event.delta, a.count = 0, &count
		}
	}
	if pool.exact {
		a.event.delta = size
		// A count stays far from the guardrails, so that nothing is ever cut off.
		if at := r.before.cloud[pool.name]; at <= lowWater || at >= highWater {
			up = at <= lowWater
		}
	}
	if !up {
		a.event.delta = -a.event.delta
	}
	r.mu.Lock()
	r.events = append(r.events, a.event)
	r.mu.Unlock()
	return a
}

// At these counts the events of an exact pool turn round.
const (
	lowWater  = 27
	highWater = 39
)

// send asks the server as senders do: again and again with the same key, until there is an answer that is not 503.
func (r *round) send(a ask) { r.sendTo(r.running, a) }

// sendTo asks a server, which is nil while there is none.
func (r *round) sendTo(which func() *server, a ask) {
	r.actors.Go(func() {
		r.pause(a.after)
		began := time.Now()
		for r.ctx.Err() == nil {
			s := which()
			if s == nil {
				r.pause(20 * time.Millisecond)
				continue
			}
			got, err := a.of(r.ctx, s, began)
			if errors.Is(err, syscall.ECONNREFUSED) { // nobody is there
				r.pause(20 * time.Millisecond)
				continue
			}
			r.count("requests", 1)
			switch {
			case errors.Is(err, errUnanswered):
				r.count("unanswered", 1)
				r.story.tell("POST %s %s %s: no answer", a.event.pool, a.amount(), a.event.key)
				r.pause(50 * time.Millisecond)
				continue
			case err != nil:
				r.complain("POST %s %s: %v", a.event.pool, a.event.key, err)
				return
			}
			r.story.tell("POST %s %s %s: %d %s", a.event.pool, a.amount(), a.event.key, got.status, short(got.text))
			if r.answered(a.event, got) {
				return
			}
			r.pause(200 * time.Millisecond)
		}
	})
}

// answered takes in an answer, and says whether it is final.
func (r *round) answered(e *event, got answer) bool {
	if got.status == http.StatusServiceUnavailable {
		r.count("503", 1)
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case got.Operation != "" && (got.status == http.StatusAccepted || got.status == http.StatusOK):
		r.accepted[e], e.accepted = got.Operation, time.Now().Unix()
		r.counts["accepted"]++
	case got.status == http.StatusOK || got.status == http.StatusConflict, got.status == http.StatusNotFound && r.mayBeUnknown:
		e.outcome, e.told, e.reason = not, fmt.Sprint(got.status), first(got.Reason, got.Detail, got.Outcome)
		r.counts["refused"]++
	default:
		r.complaints = append(r.complaints, fmt.Sprintf("POST %s %s was answered %d: %s", e.pool, e.key, got.status, got.text))
		e.outcome, e.told, e.reason = unknown, fmt.Sprint(got.status), "?"
	}
	return true
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// short is a text on one line, cut off.
func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return text[:min(len(text), 300)]
}

// ended takes in how an accepted operation ended. It says whether it has ended.
func (r *round) ended(e *event, op operation) bool {
	e.told = op.State + " " + op.Error
	if op.State != "done" {
		return false
	}
	e.told, e.reason = op.Result, first(op.Error, op.Decision.Reason)
	kind := op.Result
	switch op.Result {
	case "scaled":
		e.outcome = scaled
	case unverified:
		e.outcome = unknown
	default:
		e.outcome = not
		e.failed = op.Result == "failed"
		if e.failed {
			e.reason = op.Error
		} else if kind != "pending" {
			kind = "refused"
		}
	}
	r.story.tell("%s %s has ended: %s %s", e.pool, e.key, op.Result, short(op.Error))
	r.mu.Lock()
	r.counts[kind]++
	r.mu.Unlock()
	return true
}

// scaling is a running `pulumiscale scale`.
type scaling struct {
	cmd *exec.Cmd
	// done is closed when it has ended.
	done chan struct{}
}

// scale runs `pulumiscale scale` in a checkout of the program, with more variables in its environment.
func (r *round) scale(a ask, dir string, variables ...string) *scaling {
	state := r.state()
	if dir != r.program() {
		state = filepath.Join(dir, ".pulumiscale")
	}
	return r.scaleWith(a, dir, variables, "--state-dir", state)
}

// scaleWith runs `pulumiscale scale` in a folder, with more variables in its environment and more flags.
func (r *round) scaleWith(a ask, dir string, variables []string, flags ...string) *scaling {
	args := []string{"scale", a.event.pool, a.amount(), "--yes", "--json", "--message", mark(a.event.key)}
	cmd := exec.CommandContext(r.ctx, r.binary, append(args, flags...)...)
	var out, errs strings.Builder
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, append(r.env(), variables...), &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s := &scaling{cmd: cmd, done: make(chan struct{})}
	r.count("scale runs", 1)
	if err := r.children.start(cmd); err != nil {
		r.complain("start scale: %v", err)
		a.event.outcome, a.event.reason = not, "not started"
		close(s.done)
		return s
	}
	r.story.tell("scale %s %s %s in %s (pid %d)", a.event.pool, a.amount(), a.event.key, filepath.Base(dir), cmd.Process.Pid)
	r.actors.Go(func() {
		code := r.children.wait(cmd)
		r.story.tell("scale %s %s has ended with %d: %s %s", a.event.pool, a.event.key, code, short(errs.String()), short(out.String()))
		r.conclude(a.event, code, out.String(), errs.String())
		close(s.done)
	})
	return s
}

// conclude takes in how a `pulumiscale scale` ended.
func (r *round) conclude(e *event, code int, out, errs string) {
	r.look("scale "+e.key, code, errs)
	var doc struct {
		Outcome    string `json:"outcome"`
		Scaled     bool   `json:"scaled"`
		Unverified string `json:"unverified"`
		Reason     string `json:"reason"`
		Error      struct {
			Kind    string `json:"kind"`
			Message string `json:"message"`
			Holders []struct {
				PID int `json:"pid"`
			} `json:"holders"`
		} `json:"error"`
	}
	err := json.Unmarshal([]byte(out), &doc)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said += errs + doc.Error.Message
	e.told, e.reason = fmt.Sprintf("exit code %d", code), first(doc.Error.Message, doc.Reason, doc.Outcome)
	switch {
	case code < 0: // killed
		e.outcome = unknown
		r.counts["killed"]++
	case err != nil:
		r.complaints = append(r.complaints, fmt.Sprintf("scale %s %s ended with %d and no JSON: %s %s", e.pool, e.key, code, out, errs))
		e.outcome = unknown
	case doc.Unverified != "" || doc.Error.Kind == "overtaken":
		e.outcome, e.told = unknown, unverified
		r.counts["unverified"]++
	case doc.Scaled && doc.Outcome == "scale" && code != 3:
		e.outcome = scaled
		r.counts["scaled"]++
	case code == 0 || code == 3 || code == 4:
		e.outcome = not
		if doc.Outcome == "pending" {
			r.counts["pending"]++
		} else {
			r.counts["refused"]++
		}
		if code == 4 && len(doc.Error.Holders) == 0 {
			r.complaints = append(r.complaints, "scale "+e.key+" ended with 4 and named no holder: "+out)
		}
	default:
		e.outcome, e.failed = not, true
		r.counts["failed"]++
	}
}

// look complains about what no process of ours may do.
func (r *round) look(who string, code int, errs string) {
	if code == raceExit || strings.Contains(errs, "DATA RACE") {
		r.complain("%s: data race: %s", who, errs)
	}
	if strings.Contains(errs, "snapshot integrity") {
		r.complain("%s met a state that cannot be read: %s", who, errs)
	}
	if strings.Contains(errs, "panic:") || strings.Contains(errs, "fatal error:") {
		r.complain("%s crashed: %s", who, errs)
	}
}

// raceExit is the exit code of a program in which the race detector found something.
const raceExit = 66

// human runs a plain `pulumi up` in a checkout, with `pulumiscale restore` before it if asked to. It may fail.
func (r *round) human(dir string, restore bool, after time.Duration) {
	r.actors.Go(func() {
		r.pause(after)
		if restore {
			state := r.state()
			if dir != r.program() {
				state = filepath.Join(dir, ".pulumiscale")
			}
			out, err := r.run(r.ctx, dir, r.binary, "restore", "--state-dir", state)
			r.story.tell("restore in %s: %s %s", filepath.Base(dir), result(err), short(out))
			r.lookAt("restore", err)
		}
		out, err := r.plainUp(r.ctx, dir)
		r.count("plain ups", 1)
		r.story.tell("pulumi up in %s: %s %s", filepath.Base(dir), result(err), short(lastLines(out, 8)))
	})
}

// lookAt looks at how a run of pulumiscale ended.
func (r *round) lookAt(who string, err error) {
	if exit, ok := errors.AsType[*exitError](err); ok {
		r.look(who, exit.code, exit.output)
	}
}

func result(err error) string {
	if exit, ok := errors.AsType[*exitError](err); ok {
		return fmt.Sprintf("exit code %d,", exit.code)
	}
	if err != nil {
		return err.Error()
	}
	return "done,"
}

// pause waits, but not longer than the round.
func (r *round) pause(d time.Duration) {
	select {
	case <-r.ctx.Done():
	case <-time.After(d):
	}
}

// until waits until something is so, for as long as patience allows, and says whether it is.
func (r *round) until(patience time.Duration, what func() bool) bool {
	return r.untilEach(10*time.Millisecond, patience, what)
}

// untilEach looks each so often.
func (r *round) untilEach(interval, patience time.Duration, what func() bool) bool {
	for deadline := time.Now().Add(patience); ; r.pause(interval) {
		if what() {
			return true
		}
		if time.Now().After(deadline) || r.ctx.Err() != nil {
			return false
		}
	}
}
