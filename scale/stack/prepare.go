package stack

import (
	"context"
	"os"
	"reflect"
	"strings"
	"sync"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
)

// engineProcess is an engine that was started for an update.
type engineProcess struct {
	change scale.Change
	record *record
	child  *cli.Invocation
	// gate keeps the configuration from it; nil if it has the configuration.
	gate *process.Gate
	// sentry watches over it until it has been looked at under its lock; nil where there can be none.
	sentry *process.Sentry
}

// prepared holds the engine, if there is one, that waits for an update that is likely to come.
type prepared struct {
	mu     sync.Mutex
	engine *engineProcess
}

// Prepare starts the engine for a change that is likely to be updated next. Its start takes a good part of a short
// update's time, and then goes on beside the reading of the stack. The engine waits before it has locked anything.
func (s *Stack) Prepare(change scale.Change) (end func()) {
	s.prepared.take(nil).end()
	if change.ID == "" || len(change.Pools) == 0 || strings.HasSuffix(s.file.Path, ".json") {
		return func() {}
	}
	e, err := s.launch(change, true)
	if err != nil {
		return func() {} // Update meets the same, and says so
	}
	s.prepared.mu.Lock()
	s.prepared.engine = e
	s.prepared.mu.Unlock()
	return func() { s.prepared.take(e).end() }
}

// take takes the prepared engine out if it is the given one, or if the given one is nil.
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

// engineFor is an engine for the change, with its configuration: the prepared one if it was started for this very
// change and still waits, else a new one. One that has died is replaced without an
// error, because its cause may have passed.
func (s *Stack) engineFor(change scale.Change) (*engineProcess, error) {
	if e := s.prepared.take(nil); e != nil {
		if e.isFor(change) && process.IsAlive(e.record.pid) && s.admit(e) == nil {
			return e, nil
		}
		e.end()
	}
	return s.launch(change, false)
}

// isFor says whether the engine makes the change, whichever reading it was decided on, and whether it was proved by
// then or not.
func (e *engineProcess) isFor(change scale.Change) bool {
	same := e.change
	same.History, same.Basis = change.History, change.Basis
	return reflect.DeepEqual(same, change)
}

// launch makes the record of an update and starts its engine. A gated engine waits for its configuration.
func (s *Stack) launch(change scale.Change, gated bool) (_ *engineProcess, err error) {
	r, err := s.newRecord(change.ID, change.Pools, change.Unsettled...)
	if err != nil {
		return nil, s.lockError(err)
	}
	e := &engineProcess{change: change, record: r}
	defer func() {
		if err != nil {
			e.end()
		}
	}()
	var inherits []*os.File
	if gated {
		if e.gate, err = process.NewGate(s.file.CopyIn(r.dir)); err == nil {
			inherits = e.gate.Files()
		}
	} else {
		err = s.file.CopyTo(r.dir, change)
	}
	if err != nil {
		return nil, err
	}
	e.child, err = s.start(operation{
		args: []string{"up", "--yes", "--skip-preview", "--message", change.Message, "--exec-agent", agent(change.ID, change)},
		dir:  r.dir,
		call: cli.Call{Tie: r.tie(), Files: inherits, Started: r.started},
	}, change)
	if err != nil {
		return nil, err
	}
	e.sentry = process.WatchOver(e.child.Process())
	s.handOver() // whoever comes after a crash must be able to read it
	return e, nil
}

// admit lets a waiting engine have its configuration.
func (s *Stack) admit(e *engineProcess) error {
	config, err := s.file.ForChange(e.change)
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
	e.record.remove()
}
