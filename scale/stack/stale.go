package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// What an update is decided on may change up to the last moment: somebody deploys, or saves a file of the program. Once
// the engine has its lock, nobody else can deploy any more. Once the program has registered the stack with the engine,
// the program has been read. At both moments we look again. If something has changed since the decision, we interrupt
// the engine. The engine has not changed anything yet, because it starts its plugins first.

// decidedOn returns the basis that a change was decided on; it is the zero basis if there is no proof behind the
// change. The error is a [*scale.StaleError] if [Stack.Proof] has found a different basis since.
func (s *Stack) decidedOn(change scale.Change) (basis, error) {
	if change.Basis == "" {
		return basis{}, nil
	}
	s.proofs.mu.Lock()
	defer s.proofs.mu.Unlock()
	if s.proofs.told != change.Basis {
		return basis{}, &scale.StaleError{What: "the program or its configuration has changed"}
	}
	return s.proofs.looked, nil
}

// editedSince says what has changed in the basis of a change; empty if nothing has, or if the change rests on no proof.
func (s *Stack) editedSince(decided basis, change scale.Change) string {
	if change.Basis == "" {
		return ""
	}
	now, err := s.basis(change)
	if err != nil {
		return fmt.Sprintf("the program cannot be looked at: %v", err)
	}
	s.proofs.mu.Lock()
	defer s.proofs.mu.Unlock()
	edited := s.keptProof().edited(decided, now)
	switch {
	case len(edited) > 0:
		s.suspect(decided, now, edited)
		return "the program was edited: " + strings.Join(edited[:min(len(edited), mostNamed)], ", ")
	case now.rest != decided.rest:
		return "the program's commit, its configuration, a plugin or the environment has changed"
	}
	return ""
}

// mostNamed is how many edited files are named.
const mostNamed = 3

// staleAtLock says why a change is stale once the engine has the lock; empty if it is not. A correction is never stale.
// staleAtLock relieves the engine's sentry at its end, and from then on the engine may outlive PulumiScale.
func (s *Stack) staleAtLock(ctx context.Context, from *departure, decided basis, change scale.Change, engine *engineProcess) string {
	defer engine.sentry.Relieve()
	s.depart(ctx, from, change, engine.child.Process())
	switch {
	case change.Correction:
		return ""
	case from.elsewhere(change):
		return "another update of the stack finished first"
	}
	return s.editedSince(decided, change)
}

// staleAtStart says why a change is stale once the engine runs the program; empty if it is not.
func (s *Stack) staleAtStart(f *follower, decided basis, change scale.Change) string {
	switch {
	case change.Correction:
		return ""
	case f.foundOther(change.Output):
		return "the rules were changed by an update meanwhile"
	}
	return s.editedSince(decided, change)
}

// lastMoment keeps the reason why an engine is interrupted before it changes anything.
type lastMoment struct {
	stop context.CancelFunc
	// stale says why the change is stale; empty if it is not.
	stale string
}

// end interrupts the engine if the change is stale. If end has already interrupted the engine, it does nothing.
func (l *lastMoment) end(f *follower, stale string) {
	if stale == "" || l.stale != "" {
		return
	}
	l.stale, f.muted = stale, true
	f.onceItHeeds(l.stop)
	time.AfterFunc(deafPatience, l.stop)
}

// deafPatience is how long to wait until an engine heeds an interrupt. After that it is interrupted in any case.
const deafPatience = 10 * time.Second

// meaning returns the error of the update, given the engine's error: see [endedAsStale].
func (l *lastMoment) meaning(f *follower, err error) error {
	if l.stale == "" || err == nil {
		return err
	}
	return endedAsStale(l.stale, f, err)
}

// endedAsStale returns the error of an update whose engine was interrupted because the change was stale. If the engine
// had nevertheless begun to change resources, the update has failed.
func endedAsStale(what string, f *follower, err error) error {
	if len(f.result.Steps) == 0 {
		return &scale.StaleError{What: what}
	}
	failed, ok := errors.AsType[*scale.EngineError](err)
	if !ok {
		return err
	}
	failed.Interrupted = false
	failed.Diagnostics = append(failed.Diagnostics, scale.Diagnostic{Severity: "error", Message: what})
	return failed
}

// carry begins to bring the kept proof up to date at the end of an update: see [Stack.carryProof]. wait waits until
// that is done.
func (s *Stack) carry(from *departure, change scale.Change, decided basis, failed error) (wait func()) {
	if change.Basis == "" {
		return func() {}
	}
	var head, state string
	if failed == nil {
		head, state = ownHead(change.ID, succeeded), from.leftState()
	}
	var carrying sync.WaitGroup
	carrying.Go(func() {
		if after, err := s.basis(change); err == nil {
			s.carryProof(head, state, decided, after)
		}
	})
	return carrying.Wait
}
