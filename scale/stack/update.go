package stack

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
	"github.com/pulumiscale/pulumiscale/scale/span"
)

// Preview has the engine preview the change, which changes nothing.
func (s *Stack) Preview(ctx context.Context, change scale.Change, observe scale.Observe) (_ *scale.Result, err error) {
	defer span.In(&ctx, "preview")(&err)
	dir, err := newTemporaryFolder()
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	at := s.program()
	if at == nil {
		return nil, errNoProgram
	}
	if err := at.file.CopyTo(dir, change); err != nil {
		return nil, err
	}
	child, err := s.start(operation{args: []string{"preview", "--save-plan", filepath.Join(dir, planFile)}, dir: dir}, at, change)
	if err != nil {
		return nil, err
	}
	f := newFollower("preview", change.Message, observe)
	f.known = s.knownURNs(change.Targets)
	if err := s.attend(ctx, f, dir, child); err != nil {
		if failed, ok := errors.AsType[*scale.EngineError](err); ok {
			failed.Misplaced = misplaced(failed.Diagnostics)
		}
		return nil, err
	}
	if f.result.Dependencies, err = readDependencies(dir); err != nil {
		return nil, err
	}
	if isMasked(f.result.Output) {
		f.result.Output, _ = unmaskOutput(f.result.Output, change.Output)
	}
	s.parse(&f.result)
	return &f.result, nil
}

// Update makes the change by one `pulumi up`. Once the engine runs, the end of ctx does not end the update; only
// [Options.Interrupt] does.
func (s *Stack) Update(ctx context.Context, change scale.Change, observe scale.Observe) (_ *scale.Result, err error) {
	defer span.In(&ctx, "update", trace.WithAttributes(attribute.String("pulumi.message", change.Message), attribute.StringSlice("pulumi.targets", change.Targets)))(&err)
	if err := s.mayBegin(ctx, observe); err != nil {
		return nil, err
	}
	change.ID = cmp.Or(change.ID, scale.NewUpdateID())
	decided, err := s.decidedOn(change)
	if err != nil {
		return nil, err
	}
	engine, err := s.engineFor(change)
	if err != nil {
		return nil, err
	}
	running, stop := s.interruptible(ctx)
	defer stop()
	from := s.departure(change)
	s.dir.Forget()
	f := newFollower("update", change.Message, observe)
	f.known, f.engine = s.knownURNs(change.Targets), engine.child.Process()
	last := lastMoment{stop: stop}
	f.locked = func() { last.end(f, s.staleAtLock(running, from, decided, change, engine)) }
	f.registered = func() { last.end(f, s.staleAtStart(f, decided, change)) }
	err = s.attend(running, f, engine.record.Dir, engine.child)
	engine.sentry.Relieve()
	if err == nil {
		s.arrive(context.WithoutCancel(ctx), from)
	}
	defer s.carry(from, change, decided, err)()
	s.conclude(engine, f, err)
	err = last.meaning(f, err)
	if locked, ok := errors.AsType[*scale.LockedError](err); ok {
		s.unlock(ctx, locked, observe)
	} else if f.meetsDamaged {
		err = cmp.Or(s.unlockDamaged(ctx, observe), err)
	}
	if err != nil {
		return nil, err
	}
	s.readMasked(context.WithoutCancel(ctx), f)
	s.parse(&f.result)
	f.result.ID, f.result.Head = change.ID, ownHead(change.ID, succeeded)
	f.result.Overtaken = f.hasBegun && from.elsewhere(change) || f.foundOther(change.Output)
	if !f.result.Overtaken {
		s.remember(s.after(from, change, f.result))
	}
	return &f.result, nil
}

// parse reads the rules in the output of a result.
func (s *Stack) parse(r *scale.Result) {
	r.Rules, r.RulesErr = parse.ProjectRules(string(s.project.Name), r.Output)
}

// mayBegin returns an error if no update can begin now. It also ends the plugins of dead engines, and removes locks
// that only dead engines of ours hold.
func (s *Stack) mayBegin(ctx context.Context, observe scale.Observe) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.outlast(ctx); err != nil {
		return err
	}
	if err := s.file.Writable(); err != nil {
		return err
	}
	if locked := s.seenLocked(); locked != nil {
		s.unlock(ctx, locked, observe)
		return locked
	}
	return nil
}

// interruptible returns a context that ends once [Options.Interrupt] is closed or stop is called. It does not end with
// ctx.
func (s *Stack) interruptible(ctx context.Context) (running context.Context, stop context.CancelFunc) {
	running, stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-s.options.Interrupt:
			stop()
		case <-running.Done():
		}
	}()
	return running, stop
}

// foundOther says whether the rules' output that the engine found in the state differs from output, on which the change
// was decided. If either of the two is not known, it says no.
func (f *follower) foundOther(output []byte) bool {
	if isMasked(f.before) && output != nil {
		_, fits := unmaskOutput(f.before, output)
		return !fits
	}
	return f.before != nil && output != nil && !bytes.Equal(f.before, output)
}

// conclude removes the record of an ended update, unless the record is still needed. It is needed if the update failed
// after it may have changed a target, since nobody knows then how the targets are. It is also needed if it has
// inherited doubts of older records, or if the engine may have left its lock.
func (s *Stack) conclude(engine *engineProcess, f *follower, err error) {
	r, began := engine.record, f.hasBegun
	if began {
		s.settle(r)
	}
	doubtful := began && (r.HasDoubts() || err != nil && f.touched(engine.change.Targets))
	switch {
	case !doubtful && !f.unclean:
		r.Remove()
	case f.unclean:
		r.Damaged, r.Unclean = f.damaged, true
		_ = r.Save() // otherwise the lock is not recognised as ours, and stays
	}
}

// touched says whether the engine may have changed a resource of the targets. A failure elsewhere leaves no pool
// between two counts, and neither does a step that was refused.
func (f *follower) touched(targets []string) bool {
	match := scale.MatchTargets(targets...)
	return slices.ContainsFunc(f.result.Steps, func(step scale.ResourceStep) bool {
		return match(step.URN) && !f.refused(step)
	})
}

// entriesAround is how many entries of the history are read to find the update before ours. Ours may be in the history
// already, and so may updates that came after it.
const entriesAround = 5

// previous returns the head that identifies the newest completed update before the change's own update. While the
// change's own update still runs, that is the newest of all. The own update is found by its mark, change.ID. An earlier
// attempt at the same change has the same mark. If the change was decided on the state that the attempt left, the
// newest entry with the mark is the attempt, and the change's own update still runs.
func (s *Stack) previous(ctx context.Context, change scale.Change) (string, error) {
	var entries []entry
	var err error
	for range 3 {
		if entries, _, err = s.readHistory(ctx, entriesAround); err == nil {
			break
		}
	}
	own := slices.IndexFunc(entries, func(e entry) bool { return e.id() == change.ID })
	if own >= 0 && head(entries[own:]) == change.Head {
		own = -1
	}
	return head(entries[own+1:]), err
}

// newTemporaryFolder makes a folder for this process in the system's folder for temporary files. Its path is absolute,
// because the CLI works in a different directory.
func newTemporaryFolder() (string, error) {
	dir, err := os.MkdirTemp("", "pulumiscale-")
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}
