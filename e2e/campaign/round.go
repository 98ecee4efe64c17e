//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// round is a fault in a world: people ask for scalings, something breaks and heals, and what must hold is checked.
type round struct {
	*world
	ctx  context.Context
	kind string
	seed uint64
	// rng draws all that the round chooses, before anything runs beside anything else.
	rng   *rand.Rand
	drawn int
	// actors are those who ask and those who break things.
	actors sync.WaitGroup

	before picture
	// mayBeUnknown says that a pool may be unknown for a while.
	mayBeUnknown bool
	rulesChanged bool
	clockStepped bool

	mu         sync.Mutex
	events     []*event
	accepted   map[*event]string
	complaints []string
	counts     map[string]int
	serving    *server
	// logFrom is where the round begins in the servers' log.
	logFrom int
	// cutOff says that an engine that had left something in the middle was killed.
	cutOff bool
	// glances are pictures taken right after something was killed.
	glances []picture
	// people are those of a round with pending changes.
	people people
	// said is what the round's `pulumiscale scale` runs said.
	said string
	// second is the second server once it listens, and elsewhere are the events that are sent to it.
	second    *server
	elsewhere map[*event]bool
	// fileWas is the server's config file without the counts, as it was when the round with git began.
	fileWas string
	// blows lets one blow at the server be dealt at a time.
	blows sync.Mutex
}

// roundTimeout is how long a round may take. After it, whatever the round waits for counts as lost.
const roundTimeout = 4 * time.Minute

// settleTimeout is how long it may take, after everything is healed, until everything accepted has ended.
const settleTimeout = 2 * time.Minute

// kinds are the kinds of rounds, each with what it does.
func kinds() map[string]func(*round) {
	return map[string]func(*round){
		"kill": (*round).playKill, "contention": (*round).playContention, "outage": (*round).playOutage,
		"provider": (*round).playProvider, "edits": (*round).playEdits, "clock": (*round).playClock,
		"pending": (*round).playPending, "deploys": (*round).playDeploys,
	}
}

// play plays a round and returns what is broken after it. An error says that the campaign itself could not go on.
func (w *world) play(ctx context.Context, kind string, seed uint64) (*round, []string, error) {
	timeout := roundTimeout
	if kind == "deploys" { // several engines of people's run one after another
		timeout *= 2
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r := &round{
		world: w, ctx: ctx, kind: kind, seed: seed, rng: rand.New(rand.NewPCG(seed, 0)), accepted: map[*event]string{}, counts: map[string]int{},
		elsewhere: map[*event]bool{},
	}
	w.rounds++
	w.story.begin(fmt.Sprintf("%s:%x in world %s, its round %d", kind, seed, w.name, w.rounds))
	if kind == "deploys" {
		if err := r.joinTeam(); err != nil {
			return r, nil, err
		}
	}
	if w.server == nil || !w.server.alive() {
		err := w.serve()
		for try := 1; err != nil && try < 3; try++ { // the machine may have much else to do
			w.story.tell("%v", err)
			err = w.serve()
		}
		if err != nil {
			return r, nil, err
		}
	}
	r.serving = w.server
	if log, err := os.Stat(w.logPath()); err == nil {
		r.logFrom = int(log.Size())
	}
	var err error
	if r.before, err = w.picture(); err != nil {
		return r, nil, err
	}
	r.fileWas = r.before.rest
	kinds()[kind](r)
	broken := r.settle()
	w.server = r.serving
	if w.team != nil && len(broken) == 0 {
		r.ctx = w.ctx // the round may have used up its time
		r.leaveTeam()
		broken = append(broken, r.complaints...)
	}
	return r, broken, nil
}

// running is the server. It is nil while there is none.
func (r *round) running() *server {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.serving
}

func (r *round) complain(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.complaints = append(r.complaints, fmt.Sprintf(format, args...))
}

func (r *round) count(what string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] += n
}

// settle heals everything, lets everything come to its end, and checks what must hold.
func (r *round) settle() []string {
	r.comeToRest()
	r.finishLog()
	e := r.evidence()
	r.mu.Lock()
	defer r.mu.Unlock()
	e.complaints = r.complaints
	for _, event := range r.events {
		e.events = append(e.events, *event)
	}
	return judge(e)
}

// comeToRest heals everything and lets everything come to its end.
func (r *round) comeToRest() {
	again, patience := r.rng.IntN(4) == 0, 5*time.Second
	switch r.kind {
	case "edits", "contention": // the next decision puts a file right, and nothing else does
		patience = 0
	case "pending": // what could not be brought back while something was pending is tried ever less often
		patience = 20 * time.Second
	case "deploys": // a deploy that takes a count back is found with the next decision
		patience = time.Second
	}
	r.heal()
	r.story.tell("everything is healed")
	deadline := time.Now().Add(settleTimeout)
	if !r.restart(deadline) {
		return
	}
	r.drain(deadline)
	// What was cut off is put right before any decision, if not sooner.
	if r.awaitQuiet(deadline) && (again || !r.untilEach(50*time.Millisecond, patience, r.isSettled)) {
		r.send(r.drawFor(pools()[0], 0))
		r.drain(deadline)
		if r.team != nil {
			patience = 10 * time.Second
		}
		r.untilEach(50*time.Millisecond, patience, r.isSettled)
	}
	if r.team != nil {
		r.awaitBranch(deadline)
		r.awaitQuiet(deadline)
	}
}

// evidence is what the round left behind, before a plain `pulumi up` of somebody and after it.
func (r *round) evidence() evidence {
	e := evidence{since: len(r.before.history), glances: r.glances, clockStepped: r.clockStepped, rulesChanged: r.rulesChanged}
	complain := func(what string, err error) {
		if err != nil {
			r.complain("read %s: %v", what, err)
		}
	}
	var err error
	if e.after, err = r.picture(); err != nil {
		complain("the stack", err)
		e.after = r.before
	}
	e.steps, err = readSteps(r.store, e.after.history[min(e.since, len(e.after.history)):])
	complain("the history's checkpoints", err)
	e.loop, err = r.lookAtLoop(r.people.loopSince)
	complain("the second stack", err)
	if r.team != nil {
		e.team, err = r.lookAtTeam(e.after)
		complain("the branch", err)
	}
	if r.people.rest != "" {
		r.before.rest = r.people.rest // what was deployed has other keys
	}
	e.before = r.before
	e.unreadable, e.resized = r.readWithCLI(), r.people.resized
	var said string
	if said, e.upErr = r.lastUp(); isDamaged.MatchString(said) {
		e.unreadable = append(e.unreadable, "a plain up: "+lastLines(said, 10))
	}
	if e.final, err = r.pictureWith(filepath.Join(r.plain(), configName)); err != nil {
		complain("the stack", err)
		e.final = e.after
	}
	return e
}

// isSettled says whether nothing is left to be put right.
func (r *round) isSettled() bool {
	now, err := r.picture()
	return err == nil && len(agree(now, "")) == 0 && len(now.locks) == 0 && len(now.pending) == 0
}

// lastUp is the plain `pulumi up` after the round, with its preview, and what it said. It waits for a server that is
// just putting something right.
func (r *round) lastUp() (string, error) {
	ctx, cancel := context.WithTimeout(r.campaign.ctx, time.Minute) // the round may have used up its time
	defer cancel()
	for attempt := 0; ; attempt++ {
		out, err := r.pulumi(ctx, r.plain(), "up", "--yes", "--stack", stackName)
		r.story.tell("a plain pulumi up: %s %s", result(err), short(lastLines(out, 8)))
		if err == nil || attempt == 3 || !strings.Contains(out, "currently locked") {
			return out, err
		}
		r.pause(time.Second)
	}
}

// readWithCLI has the CLI read the state. It returns what the CLI said if it could not.
func (r *round) readWithCLI() []string {
	ctx, cancel := context.WithTimeout(r.campaign.ctx, time.Minute)
	defer cancel()
	var out []string
	text, err := r.pulumi(ctx, r.plain(), "stack", "export", "--stack", stackName)
	for range 3 { // a reader may get half of the file while an engine writes it
		if err == nil {
			break
		}
		r.pause(300 * time.Millisecond)
		text, err = r.pulumi(ctx, r.plain(), "stack", "export", "--stack", stackName)
	}
	if err != nil || isDamaged.MatchString(text) {
		out = append(out, fmt.Sprintf("pulumi stack export: %v: %s", err, lastLines(text, 10)))
	}
	return out
}

// isDamaged is how the CLI says that it cannot read a state.
var isDamaged = regexp.MustCompile(`(?i)snapshot integrity|panic:`)

// restart starts the server if it is not running.
func (r *round) restart(deadline time.Time) bool {
	if s := r.running(); s != nil && s.alive() {
		return true
	} else if s != nil && !s.expected.Load() {
		r.complain("serve ended by itself with exit code %d: %s", s.code, lastLines(s.text(), 20))
	}
	for {
		err := r.serve()
		if err == nil {
			r.mu.Lock()
			r.serving = r.server
			r.mu.Unlock()
			return true
		}
		r.story.tell("%v", err)
		if time.Now().After(deadline) || r.ctx.Err() != nil {
			r.complain("serve does not start though all is healed: %v", err)
			return false
		}
		r.pause(300 * time.Millisecond)
	}
}

// kill kills the server. There is none until it is started again.
func (r *round) kill() {
	s := r.running()
	r.mu.Lock()
	r.serving = nil
	r.mu.Unlock()
	if s != nil {
		s.kill()
		r.count("kills", 1)
		r.look("serve", s.code, s.text())
	}
}

// drain waits until everybody has an answer and everything accepted has ended.
func (r *round) drain(deadline time.Time) {
	done := make(chan struct{})
	go func() {
		r.actors.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Until(deadline)):
		r.complain("somebody still waits for an answer or for a command to end %s after all was healed", settleTimeout)
		return
	case <-r.ctx.Done():
		r.complain("the round took longer than %s", roundTimeout)
		return
	}
	if !r.untilEach(50*time.Millisecond, time.Until(deadline), r.allEnded) {
		r.story.tell("not everything has ended")
	}
}

// allEnded asks for all operations that have not ended yet.
func (r *round) allEnded() bool {
	r.mu.Lock()
	waiting := map[*event]string{}
	for e, id := range r.accepted {
		if e.outcome == open {
			waiting[e] = id
		}
	}
	r.mu.Unlock()
	all := true
	for e, id := range waiting {
		op, err := r.serverOf(e).operation(r.ctx, id)
		if err != nil && !errors.Is(err, errUnanswered) {
			r.complain("%s: %v", e.key, err)
			e.outcome, e.told, e.reason = unknown, "lost", err.Error()
		}
		all = err == nil && r.ended(e, op) && all
	}
	return all
}

// awaitQuiet waits until no engine runs any more, so that nobody looks at the stack while an engine works.
func (r *round) awaitQuiet(deadline time.Time) bool {
	quiet := r.until(time.Until(deadline), func() bool {
		for _, m := range members(r.mark()) {
			if m.part == engine {
				return false
			}
		}
		return true
	})
	if !quiet {
		r.complain("an engine still runs")
	}
	return quiet
}

// finishLog looks for what no server may say, and for what it must say.
func (r *round) finishLog() {
	text, err := os.ReadFile(r.logPath())
	if err != nil {
		r.complain("read the server's log: %v", err)
		return
	}
	log := string(text[min(r.logFrom, len(text)):])
	r.look("serve", 0, log)
	r.mu.Lock()
	said := r.said
	r.mu.Unlock()
	if r.cutOff && !toldOfCutOff.MatchString(log+said) {
		r.complain("nobody was told that an update had been cut off with operations pending")
	}
	if s := r.running(); s != nil {
		s.from = int64(len(text)) // what was looked at is not told again
	}
}
