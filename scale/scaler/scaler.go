package scaler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/avast/retry-go/v4"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/span"
)

// Scaler carries out intents on one stack. It is the only way to change a stack. It is safe for concurrent use: the
// stack's lock lets one update through at a time.
type Scaler struct {
	Stack scale.Stack
	// HeadStart saves time. If it is nil, the results are the same, and take longer.
	HeadStart scale.HeadStart
	// Programs keeps the program that is deployed. If it is nil, the engine runs the program in the stack's directory.
	Programs scale.ProgramKeeper
	// Observe is told what goes on.
	Observe scale.Observe
	// OnDrift says what is done if the configuration file's counts differ from the last successful update.
	OnDrift scale.OnDrift
	// Retries is how often a locked stack or an unreachable backend is tried again.
	Retries uint
	// RetryDelay is the wait before the first retry; each further one waits twice as long, plus up to half of
	// RetryDelay by chance.
	RetryDelay time.Duration
	// Now is the time.
	Now func() time.Time
	// Holds keeps what people hold. If it is nil, nothing can be held.
	Holds scale.HoldKeeper
	// Metrics knows the metrics of the pools. If it is nil, none has a value.
	Metrics scale.MetricReader

	// proving is held while a proof is made: only one is made at a time.
	proving sync.Mutex
}

// Preview decides the intents and runs the change in the engine without doing it. The result is nil if there is nothing
// to do. It changes nothing, anywhere: no file, no state, no history, no cooldown.
func (s *Scaler) Preview(ctx context.Context, intents []scale.Intent) (*scale.Plan, *scale.Result, error) {
	if err := scale.ValidateIntents(intents); err != nil {
		return nil, nil, err
	}
	var p scale.Plan
	result, err := withRetries(ctx, s, func() (*scale.Result, error) {
		snap, refused, err := s.readToPreview(ctx)
		if err != nil {
			return nil, err
		}
		p, err = s.decideOnProof(ctx, snap, false, func() error { return refused }, func() scale.Plan { return scale.MakePlan(snap, intents, s.Now()) })
		if err != nil || len(p.Moves) == 0 {
			return nil, err
		}
		result, err := s.Stack.Preview(ctx, p.Change, s.Observe)
		if rest, refused := p.RefuseProtected(snap, err); refused {
			p = rest
			return nil, nil
		}
		if err != nil {
			return nil, scale.NameTarget(snap, p, err)
		}
		p = scale.Judge(snap, p, result)
		p.FindSizes(snap, result)
		return result, nil
	})
	return &p, result, err
}

// Scale carries out the intents: every pool with work in one update. If approved is not nil and what would be done
// differs from approved, nothing is done and the error is a [*scale.ChangedError]. A [*scale.WriteError] comes with a
// report: the scaling itself is done. An [*scale.OvertakenError] comes without a report, although an update was done.
// After any other error nothing was scaled: what a failed update had begun has been put back, or the
// [*scale.EngineError] says why not. Other pools that are found unsettled are settled too.
func (s *Scaler) Scale(ctx context.Context, intents []scale.Intent, approved *scale.Plan) (*scale.Report, error) {
	report, err := s.CarryOut(ctx, Order{Intents: intents, approved: approved, expects: true})
	if report != nil && len(report.Unsettled) > 0 {
		_ = s.Settle(ctx) // the observer is told of an error; nobody asked for the settling
	}
	return report, err
}

// Order is what [Scaler.CarryOut] is to do.
type Order struct {
	Intents  []scale.Intent
	approved *scale.Plan
	// ID marks the update in the history; if it is empty, any mark will do.
	ID string
	// Check, if not nil, is called after every reading of the stack, before anything is decided. Its error ends the
	// attempt.
	Check func(context.Context, *scale.Snapshot) error
	// settle are unsettled pools to bring to the count of the last successful update, in place of any intents.
	settle []string
	// Keep leaves what a failed update began as it is, because the pools are about to be scaled one by one. Resumed
	// does the same only for an update that was cut off, because that update is about to be tried again.
	Keep, Resumed bool
	// Ahead is a reading that was begun already, with the lock; nil if there is none.
	Ahead *Reading
	// Once leaves it to the caller to try again if the stack is locked or out of reach.
	Once bool
	// expects says that an engine is started while the stack is still being read, for the update that is likely to be
	// needed.
	expects bool
}

// CarryOut does what an order says. Its errors are those of [Scaler.Scale], and the error of the order's check.
func (s *Scaler) CarryOut(ctx context.Context, o Order) (_ *scale.Report, err error) {
	if o.Ahead != nil {
		defer o.Ahead.Release()
	}
	if err := scale.ValidateIntents(o.Intents); err != nil {
		return nil, err
	}
	defer span.In(&ctx, "scale")(&err)
	if o.Ahead == nil {
		unlock, err := s.Stack.Lock(ctx, s.Observe)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	if o.expects {
		var end func()
		o.ID, end = s.startEarly(o.Intents)
		defer end()
	}
	ahead := o.Ahead
	var last scale.Plan
	report, err := withRetries(ctx, s.trying(o.Once), func() (*scale.Report, error) {
		return retryAtOnce(func() (*scale.Report, error) {
			early := ahead
			ahead = nil // every retry reads again
			return s.attempt(ctx, o, early, &last)
		})
	})
	if failed, ok := errors.AsType[*scale.EngineError](err); ok && report == nil && failed.Operation == "update" && !o.Keep {
		return s.putBack(ctx, o, last, failed)
	}
	return report, err
}

// startEarly starts the engine for the update that the intents are likely to need, if it is known what a reading is
// likely to find. It returns the id that the update must then have; empty if no engine was started. It decides nothing:
// if a different update turns out to be needed, that update starts its own engine.
func (s *Scaler) startEarly(intents []scale.Intent) (id string, end func()) {
	snap, certain := s.Expected()
	if snap == nil || certain { // a stack that is known for certain is not read again
		return "", func() {}
	}
	snap, err := s.AsOfNow(snap)
	if err != nil {
		return "", func() {}
	}
	p := scale.MakePlan(snap, intents, s.Now())
	if len(p.Moves) == 0 {
		return "", func() {}
	}
	p.Change.ID = scale.NewUpdateID()
	return p.Change.ID, s.Prepare(p.Change)
}

// retryAtOnce calls do. It calls do once more, without a wait, if do met the lock of a dead engine of ours and the lock
// has been removed, or if the stack had changed since the decision.
func retryAtOnce[T any](do func() (T, error)) (T, error) {
	out, err := do()
	locked, ok := errors.AsType[*scale.LockedError](err)
	if ok && locked.Removed || scale.IsA[*scale.StaleError](err) {
		return do()
	}
	return out, err
}

// withRetries calls do until it succeeds, fails for a reason that waiting does not mend, or has used up the retries. It
// returns what the last call returned.
func withRetries[T any](ctx context.Context, s *Scaler, do func() (T, error)) (T, error) {
	backoff := retry.CombineDelay(retry.BackOffDelay, retry.RandomDelay)
	var out T
	err := retry.Do(func() (err error) {
		out, err = do()
		return err
	},
		retry.Context(ctx),
		retry.Attempts(s.Retries+1),
		retry.Delay(s.RetryDelay),
		retry.MaxJitter(s.RetryDelay/2+1),
		retry.LastErrorOnly(true),
		retry.RetryIf(scale.IsTransient),
		retry.DelayType(func(n uint, err error, config *retry.Config) time.Duration {
			delay := backoff(n, err, config)
			s.Observe(scale.Retrying{Attempt: int(n), Of: int(s.Retries), Delay: delay, Err: err})
			return delay
		}),
	)
	return out, err
}

// trying returns the scaler itself or, if once is set, a copy that tries only once.
func (s *Scaler) trying(once bool) *Scaler {
	if !once {
		return s
	}
	return &Scaler{Stack: s.Stack, HeadStart: s.HeadStart, Programs: s.Programs, Observe: s.Observe, OnDrift: s.OnDrift, RetryDelay: s.RetryDelay, Now: s.Now, Holds: s.Holds, Metrics: s.Metrics}
}

// Retry calls do. While the stack is locked or the backend is out of reach, it calls do again, up to Retries times. The
// scaler needs no stack for Retry.
func (s *Scaler) Retry(ctx context.Context, do func() error) error {
	_, err := withRetries(ctx, s, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// attempt reads, decides and updates once. The caller holds the lock. If early is not nil, attempt uses that reading,
// which was begun already. attempt leaves the plan of its update in last.
func (s *Scaler) attempt(ctx context.Context, o Order, early *Reading, last *scale.Plan) (_ *scale.Report, err error) {
	defer span.In(&ctx, "attempt")(&err)
	snap, p, restored, err := s.readAndDecide(ctx, o, early)
	if err != nil {
		return nil, err
	}
	report := &scale.Report{Plan: p, Restored: restored, Unsettled: p.OtherPools(snap.Unsettled)}
	*last = p
	if len(p.Moves) == 0 {
		return report, nil
	}
	result, err := s.Stack.Update(ctx, p.Change, s.Observe)
	if stale, ok := errors.AsType[*scale.StaleError](err); ok {
		s.Observe(scale.Stale{Err: stale})
	}
	if err != nil {
		return nil, scale.NameTarget(snap, p, err)
	}
	if result.Overtaken {
		var done error
		if p, result, done, err = s.rebase(ctx, o, p, result); err != nil {
			return nil, err
		}
		if done != nil {
			return nil, errors.Join(done, s.writeBack(snap, p.Moves))
		}
		report.Plan = p
	}
	if len(snap.Pending) > 0 {
		s.Observe(scale.PendingOperations{URNs: snap.Pending})
	}
	report.Steps, report.Duration, report.Head, report.Output = result.Steps, result.Duration, result.Head, result.Output
	_, verifying := span.Begin(ctx, "verify")
	report.Results = scale.VerifyMoves(snap, p.Moves, result)
	s.Stack.Conclude(result.ID, report.Results)
	verifying.End()
	_, writing := span.Begin(ctx, "write the config file")
	err = s.writeBack(snap, p.Moves)
	span.End(writing, err)
	return report, err
}

// readAndDecide decides on the reading that was begun already. If there is none, or if that decision leads to no
// update, it decides on a reading of its own.
func (s *Scaler) readAndDecide(ctx context.Context, o Order, early *Reading) (snap *scale.Snapshot, p scale.Plan, restored []scale.Drift, err error) {
	if early != nil {
		if <-early.done; early.err != nil {
			return nil, p, nil, early.err
		}
		p, restored, err = s.decide(ctx, early.snap, o)
		if err == nil && len(p.Moves) > 0 || err != nil && scale.IsTransient(err) {
			return early.snap, p, restored, err
		}
	}
	if snap, err = s.Stack.Read(ctx); err != nil {
		return nil, p, nil, err
	}
	p, again, err := s.decide(ctx, snap, o)
	return snap, p, append(restored, again...), err
}

// decide checks what was read, deals with drift as OnDrift says, and makes the plan. restored is the drift that it
// restored.
func (s *Scaler) decide(ctx context.Context, snap *scale.Snapshot, o Order) (p scale.Plan, restored []scale.Drift, err error) {
	if len(snap.Busy) > 0 {
		return p, nil, &scale.LockedError{Stack: s.Stack.Name(), Holders: snap.Busy}
	}
	if snap.FileMissing && s.Programs != nil && !s.Programs.IsSynced(snap) {
		if err := s.Programs.SyncProgram(ctx, snap, s.Observe); err != nil {
			return p, nil, err
		}
		return p, nil, &scale.StaleError{What: "the configuration file has come with the program that is deployed"}
	}
	if err := s.checkConfigFile(snap); err != nil {
		return p, nil, err
	}
	if snap, err = s.AsOfNow(snap); err != nil {
		return p, nil, err
	}
	if o.Check != nil {
		if err := o.Check(ctx, snap); err != nil {
			return p, nil, err
		}
	}
	if restored, err = fixDrift(ctx, s.Stack, snap, s.OnDrift, s.Observe); err != nil {
		return p, nil, err
	}
	if p, err = s.plan(ctx, snap, o); err != nil {
		return p, nil, err
	}
	p.Change.ID = cmp.Or(o.ID, scale.NewUpdateID())
	if o.approved != nil && !p.SameMoves(*o.approved) { // what was approved has passed its proof too
		return p, nil, &scale.ChangedError{}
	}
	return p, restored, nil
}

// plan makes the plan for the order, with a proof if one is needed.
func (s *Scaler) plan(ctx context.Context, snap *scale.Snapshot, o Order) (_ scale.Plan, err error) {
	defer span.In(&ctx, "decide")(&err)
	if o.settle != nil {
		return s.provedSettlement(ctx, snap, o.settle)
	}
	p, err := s.decideOnProof(ctx, snap, true, s.syncLocked(ctx, snap), func() scale.Plan { return scale.MakePlan(snap, o.Intents, s.Now()) })
	if err != nil {
		return p, err
	}
	return s.tryInPreview(ctx, snap, p)
}

// checkConfigFile refuses to go on without the stack's configuration file: the program would run without the settings
// of its providers and without its secrets.
func (s *Scaler) checkConfigFile(snap *scale.Snapshot) error {
	if !snap.FileMissing {
		return nil
	}
	return &scale.SetupError{
		Problem: s.Stack.ConfigFile() + " is missing, and with it the stack's configuration",
		Hint:    "nothing was changed; `pulumi config refresh --stack " + s.Stack.Name() + "` writes the file from the last update, or check it out again",
	}
}

// writeBack puts the new counts into the configuration file. It leaves out a pool that goes back to its configured
// count, because the file needs no write: the file or the project's file for all stacks has that count already, or
// somebody is editing the file. A stale value has been restored before.
func (s *Scaler) writeBack(snap *scale.Snapshot, moves []scale.Move) error {
	var settings []scale.Setting
	for _, m := range moves {
		if m.KeepsCount() && snap.IsConfigured(m.Pool, m.To) {
			continue
		}
		rule, text := snap.Rules[m.Pool], fmt.Sprint(m.To)
		settings = append(settings, scale.Setting{Key: rule.ConfigKey, Path: rule.ConfigPath, Value: &text})
	}
	if len(settings) == 0 {
		return nil
	}
	if err := s.Stack.Write(settings); err != nil {
		return &scale.WriteError{File: s.Stack.ConfigFile(), Err: err}
	}
	return nil
}
