package queue

import (
	"slices"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Activity remembers what is being done to a stack, step by step, and what was done last. It is an observer of a queue
// and its scaler: they tell it their events. It is safe for concurrent use. What it remembers ends with the process;
// what became of operations is in the journal.
type Activity struct {
	// Now is the time; it is required.
	Now func() time.Time

	mu      sync.Mutex
	running *Work
	// past is the work that has ended, the latest last.
	past []*Work
}

// maxPast is how many pieces of work that have ended are remembered. maxSteps and maxSaid are how many steps and
// messages are remembered of each run of the engine.
const (
	maxPast  = 50
	maxSteps = 200
	maxSaid  = 50
)

// Work is a set of operations that are carried out together, or the settling of pools, with the engine's runs for it.
type Work struct {
	// Operations are the ids of the operations; nil if the work only settles pools, because no operation asks for that.
	Operations []string
	// Settling are the pools that are being brought back to the count of the last successful update; nil if there are
	// none.
	Settling []string
	// StartedAt and EndedAt are when the work began and ended; EndedAt is zero until then.
	StartedAt, EndedAt time.Time
	// WaitsFor says what keeps the work from going on, such as the holder of the stack's lock; empty if nothing does.
	// RetryAt is when the work is tried again; zero if it goes on as soon as it can.
	WaitsFor string
	RetryAt  time.Time
	// Runs are the engine's runs that change the stack, the latest last. Previews are not among them.
	Runs []Run
}

// Run is one run of the engine.
type Run struct {
	// Message is the update's message.
	Message   string
	StartedAt time.Time
	// Steps are the changes to resources, in the order in which the engine began them. If there are too many, completed
	// ones are left out, and Omitted counts them.
	Steps   []RunStep
	Omitted int
	// Said are the engine's warnings and errors; if there are too many, the latest of them.
	Said []scale.Diagnostic
}

// RunStep is a step of a run.
type RunStep struct {
	scale.ResourceStep
	// StartedAt and EndedAt are when the engine began and ended it. EndedAt is zero until then, and stays zero if the
	// engine was cut off.
	StartedAt, EndedAt time.Time
	Failed             bool
}

// Running returns what is being done now; ok is false if nothing is.
func (a *Activity) Running() (work Work, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running == nil {
		return Work{}, false
	}
	return a.running.clone(), true
}

// Runs returns the engine's runs for an operation, the latest last, as far as they are remembered.
func (a *Activity) Runs(operation string) []Run {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Run
	for _, w := range a.past {
		if slices.Contains(w.Operations, operation) {
			out = append(out, w.clone().Runs...)
		}
	}
	if a.running != nil && slices.Contains(a.running.Operations, operation) {
		out = append(out, a.running.clone().Runs...)
	}
	return out
}

// clone returns a copy that later events do not change.
func (w *Work) clone() Work {
	out := *w
	out.Runs = slices.Clone(w.Runs)
	for i, run := range out.Runs {
		out.Runs[i].Steps, out.Runs[i].Said = slices.Clone(run.Steps), slices.Clone(run.Said)
	}
	return out
}

// Observe records an event. It is a [scale.Observe].
func (a *Activity) Observe(event scale.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch e := event.(type) {
	case BatchStarted:
		a.running = &Work{StartedAt: a.Now()}
		for _, op := range e.Operations {
			a.running.Operations = append(a.running.Operations, op.ID)
		}
	case BatchDone:
		a.end()
	case scale.Settling:
		if a.running == nil {
			a.running = &Work{StartedAt: a.Now()}
		}
		a.running.Settling = e.Pools
	case scale.Settled:
		if a.running != nil && a.running.Operations == nil {
			a.end()
		} else if a.running != nil {
			a.running.Settling = nil
		}
	default:
		if a.running != nil {
			a.running.observe(event, a.Now())
		}
	}
}

// end closes the work that is being done.
func (a *Activity) end() {
	if a.running == nil {
		return
	}
	a.running.EndedAt, a.running.WaitsFor, a.running.RetryAt = a.Now(), "", time.Time{}
	a.past = append(a.past, a.running)
	a.past = a.past[max(0, len(a.past)-maxPast):]
	a.running = nil
}

// observe records an event of the scaler or the engine.
func (w *Work) observe(event scale.Event, now time.Time) {
	switch e := event.(type) {
	case scale.Waiting:
		w.WaitsFor, w.RetryAt = "another pulumiscale is at work in the directory ("+e.Lock+")", time.Time{}
		return
	case scale.Retrying: // a reading may have met the obstacle, but the work meets it too
		w.WaitsFor, w.RetryAt = e.Err.Error(), now.Add(e.Delay)
		return
	case scale.EngineStarted:
		if !e.Preview {
			w.WaitsFor, w.RetryAt = "", time.Time{}
			w.Runs = append(w.Runs, Run{Message: e.Message, StartedAt: now})
		}
		return
	}
	if len(w.Runs) > 0 {
		w.Runs[len(w.Runs)-1].observe(event)
	}
}

func (r *Run) observe(event scale.Event) {
	switch e := event.(type) {
	case scale.StepStarted:
		if !e.Preview {
			r.Steps = append(r.Steps, RunStep{ResourceStep: e.Step, StartedAt: e.At})
			r.trim()
		}
	case scale.StepDone:
		for i, s := range r.Steps {
			if !e.Preview && s.EndedAt.IsZero() && s.URN == e.Step.URN && s.Op == e.Step.Op {
				r.Steps[i].EndedAt, r.Steps[i].Failed = e.At, e.Failed
				break
			}
		}
	case scale.Diagnosed:
		if !e.Preview && e.Severity != "info" {
			r.Said = append(r.Said, e.Diagnostic)
			r.Said = r.Said[max(0, len(r.Said)-maxSaid):]
		}
	}
}

// trim leaves out one step if there are too many: the first completed one or, if none is completed, the first failed
// one.
func (r *Run) trim() {
	if len(r.Steps) <= maxSteps {
		return
	}
	i := slices.IndexFunc(r.Steps, func(s RunStep) bool { return !s.EndedAt.IsZero() && !s.Failed })
	if i < 0 {
		i = slices.IndexFunc(r.Steps, func(s RunStep) bool { return s.Failed })
	}
	if i >= 0 {
		r.Steps = slices.Delete(r.Steps, i, i+1)
		r.Omitted++
	}
}
