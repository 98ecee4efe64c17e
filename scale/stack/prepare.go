package stack

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/span"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// engineProcess is an engine that was started for an update.
type engineProcess struct {
	change scale.Change
	// program is the program that the engine runs.
	program *place
	record  *statedir.Record
	child   *cli.Invocation
	// gate makes the engine wait until its configuration is known; nil if the engine was started with the
	// configuration.
	gate *process.Gate
	// sentry interrupts the engine if PulumiScale dies before PulumiScale has checked, under the engine's lock, whether
	// the change is stale; nil where there can be no sentry.
	sentry *process.Sentry
}

// prepared holds the engine, if there is one, that waits for an update that is likely to come.
type prepared struct {
	mu     sync.Mutex
	engine *engineProcess
}

// Prepare starts the engine for a change that is likely to be made next. The start takes a good part of a short
// update's time, so it is done while the stack is read. The engine waits for its configuration before it locks
// anything. end ends the engine, unless an update has taken it.
func (s *Stack) Prepare(change scale.Change) (end func()) {
	s.prepared.take(nil).end()
	at := s.program()
	if change.ID == "" || len(change.Pools) == 0 || at == nil || strings.HasSuffix(at.file.Path, ".json") {
		return func() {}
	}
	e, err := s.launch(change, true)
	if err != nil {
		return func() {} // Update fails in the same way, and says so
	}
	s.prepared.mu.Lock()
	s.prepared.engine = e
	s.prepared.mu.Unlock()
	return func() { s.prepared.take(e).end() }
}

// take removes the prepared engine from p and returns it, if it is the given one or if only is nil. Otherwise it
// returns nil.
func (p *prepared) take(only *engineProcess) *engineProcess {
	p.mu.Lock()
	defer p.mu.Unlock()
	if only != nil && p.engine != only {
		return nil
	}
	e := p.engine
	p.engine = nil
	return e
}

// engineFor returns an engine for the change, with its configuration: the prepared one if it was started for this very
// change and still waits, else a new one. A prepared engine that has died is replaced without an error, because the
// cause of its death may have passed.
func (s *Stack) engineFor(change scale.Change) (*engineProcess, error) {
	if e := s.prepared.take(nil); e != nil {
		if e.isFor(change) && e.runs(s.program()) && process.IsAlive(e.record.PID) && s.admit(e) == nil {
			return e, nil
		}
		e.end()
	}
	return s.launch(change, false)
}

// runs says whether the engine runs the program at a place.
func (e *engineProcess) runs(at *place) bool { return at != nil && at.project == e.program.project }

// isFor says whether the engine was started for the change. The change may have been decided on a different reading
// since, or been proved.
func (e *engineProcess) isFor(change scale.Change) bool {
	same := e.change
	same.History, same.Basis = change.History, change.Basis
	return reflect.DeepEqual(same, change)
}

// launch makes the record of an update and starts its engine. A gated engine waits for its configuration.
func (s *Stack) launch(change scale.Change, gated bool) (_ *engineProcess, err error) {
	at := s.program()
	if at == nil {
		return nil, errNoProgram
	}
	r, err := s.dir.NewRecord(change.ID, change.Pools, change.Unsettled...)
	if err != nil {
		return nil, err
	}
	e := &engineProcess{change: change, program: at, record: r}
	defer func() {
		if err != nil {
			e.end()
		}
	}()
	var inherits []*os.File
	if gated {
		if e.gate, err = process.NewGate(at.file.CopyIn(r.Dir)); err == nil {
			inherits = e.gate.Files()
		}
	} else {
		err = at.file.CopyTo(r.Dir, change)
	}
	if err != nil {
		return nil, err
	}
	e.child, err = s.start(operation{
		args: []string{"up", "--yes", "--skip-preview", "--message", change.Message, "--exec-agent", agent(change.ID, change)},
		dir:  r.Dir,
		call: cli.Call{Tie: r.Tie(), Files: inherits, Started: r.Begin},
	}, at, change)
	if err != nil {
		return nil, err
	}
	e.sentry = process.WatchOver(e.child.Process())
	s.dir.HandOver() // whoever comes after a crash must be able to read the record
	return e, nil
}

// admit gives a waiting engine its configuration.
func (s *Stack) admit(e *engineProcess) error {
	config, err := e.program.file.ForChange(e.change)
	if err != nil {
		return err
	}
	return e.gate.Open(config)
}

// end ends an engine that still waits for its configuration, and forgets it.
func (e *engineProcess) end() {
	if e == nil {
		return
	}
	if e.child != nil {
		process.Kill(e.child.Process())
		_, _, _, _ = e.child.Wait(context.Background())
	}
	e.sentry.Relieve()
	if e.gate != nil {
		e.gate.Close()
	}
	e.record.Remove()
}

// operation is one run of the engine.
type operation struct {
	args []string
	// dir is the folder that holds the private copy of the configuration, and gets the event log.
	dir string
	// call says how else the CLI is run.
	call cli.Call
}

// start starts the engine on a change, with the program that is at a place.
func (s *Stack) start(op operation, at *place, change scale.Change) (*cli.Invocation, error) {
	args := append(slices.Clone(op.args), "--stack", s.Name(), "--config-file", at.file.CopyIn(op.dir), "--event-log", filepath.Join(op.dir, statedir.EventFile),
		"--suppress-outputs", "--suppress-progress")
	for _, target := range change.Targets {
		args = append(args, "--target", target)
	}
	if change.TargetDependents {
		args = append(args, "--target-dependents")
	}
	if change.Refresh {
		args = append(args, "--refresh")
	}
	if n := s.options.parallel(); n > 0 {
		args = append(args, "--parallel", configfile.JSON(n))
	}
	op.call.Dir, op.call.Env = at.project.Dir, append([]string{"PULUMI_DEBUG_COMMANDS=true"}, s.elsewhere(at)...)
	return s.command.Start(op.call, args...)
}

// attend follows a running engine's events until the engine ends. The error says how the engine failed.
func (s *Stack) attend(ctx context.Context, f *follower, dir string, child *cli.Invocation) (err error) {
	traced, shown := child.Span(ctx)
	defer func() { span.End(shown, err) }()
	f.process = traced
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	f.opened = s.afterSilence(func() { stop(errSilent) }, func() { process.Kill(child.Process()) })
	defer f.opened()
	ended, followed := make(chan struct{}), make(chan error, 1)
	go func() { followed <- f.follow(filepath.Join(dir, statedir.EventFile), ended) }()
	start := time.Now()
	stdout, stderr, code, err := child.Wait(ctx)
	close(ended)
	if followErr := <-followed; followErr != nil && err == nil {
		return followErr
	}
	for key := range f.open {
		span.End(f.spans[key], errStepCutOff)
	}
	f.result.Duration = time.Since(start)
	f.unclean = code < 0 || lockLeft.MatchString(stderr) || lockWrite.MatchString(stderr)
	f.damaged = lockWrite.MatchString(stderr)
	f.meetsDamaged = !f.hasBegun && damagedLock.MatchString(stderr)
	if err != nil && !f.hasBegun && errors.Is(context.Cause(ctx), errSilent) { // else it is an update that failed
		return s.silent("start the " + f.operation)
	}
	if err != nil {
		return s.engineError(f, failure{stdout: stdout, stderr: stderr, code: code, err: err, interrupted: ctx.Err() != nil})
	}
	return nil
}

// errSilent is the cause of an interrupt if the backend does not answer.
var errSilent = errors.New("the backend does not answer")

// silentGrace is how long an engine whose backend does not answer may take to end by itself. The CLI hears the first
// signal only where it waits for something that can be interrupted.
const silentGrace = 10 * time.Second

// afterSilence interrupts an engine once the backend has taken too long to answer, and kills the engine if it does not
// end. The engine has not begun anything by then. If the engine got its lock after all, its record shows that the lock
// is ours. answered must be called once the backend has answered.
func (s *Stack) afterSilence(interrupt, kill func()) (answered func()) {
	if s.options.BackendTimeout == 0 {
		return func() {}
	}
	var over atomic.Bool
	interrupting := time.AfterFunc(s.options.BackendTimeout, func() {
		if over.Load() {
			return
		}
		interrupt()
		time.AfterFunc(silentGrace, func() {
			if !over.Load() {
				kill()
			}
		})
	})
	return func() {
		over.Store(true)
		interrupting.Stop()
	}
}
