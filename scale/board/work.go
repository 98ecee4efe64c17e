package board

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Work is what is being done now.
type Work struct {
	// Operations are the ids of the open operations that are being carried out, and Settling the pools that are being
	// brought back to the count of the last successful update.
	Operations []string `json:"operations,omitempty"`
	// Omitted counts the operations that are being carried out and that the status leaves out.
	Omitted   int       `json:"omitted,omitempty"`
	Settling  []string  `json:"settling,omitempty"`
	StartedAt time.Time `json:"startedAt"`
	// WaitsFor says what keeps the work from going on, until RetryAt.
	WaitsFor string     `json:"waitsFor,omitempty"`
	RetryAt  *time.Time `json:"retryAt,omitempty"`
	Runs     []Run      `json:"runs"`
}

// Run is one run of the engine.
type Run struct {
	Message   string    `json:"message"`
	StartedAt time.Time `json:"startedAt"`
	Steps     []Step    `json:"steps"`
	// Omitted counts completed steps that are left out.
	Omitted int `json:"omitted,omitempty"`
	// Said are the engine's warnings and errors.
	Said []scale.Diagnostic `json:"said,omitempty"`
}

// Step is a change to a resource, as it goes on.
type Step struct {
	scale.ResourceStep
	// State is [StepRunning], [StepDone] or [StepFailed].
	State     string     `json:"state"`
	StartedAt time.Time  `json:"startedAt"`
	EndedAt   *time.Time `json:"endedAt,omitempty"`
}

// The states of a step.
const (
	StepRunning = "running"
	StepDone    = "succeeded" // not "done": scripts look for that word, which is the state of an operation
	StepFailed  = "failed"
)

// workOf makes the document of the work. The document lists the work's operations that are in told, and only counts the
// work's operations that are in open but not in told.
func workOf(w queue.Work, told []Operation, open []queue.Operation) *Work {
	out := &Work{
		Settling: w.Settling, StartedAt: w.StartedAt.UTC(), WaitsFor: w.WaitsFor, RetryAt: instant(w.RetryAt), Runs: RunsOf(w.Runs),
	}
	under := map[string]bool{}
	for _, id := range w.Operations {
		under[id] = true
	}
	for _, op := range told {
		if under[op.ID] {
			out.Operations = append(out.Operations, op.ID)
		}
	}
	for _, op := range open {
		if under[op.ID] {
			out.Omitted++
		}
	}
	out.Omitted -= len(out.Operations)
	return out
}

// RunsOf makes the documents of runs of the engine; never nil.
func RunsOf(runs []queue.Run) []Run {
	out := make([]Run, len(runs))
	for i, run := range runs {
		out[i] = Run{Message: run.Message, StartedAt: run.StartedAt.UTC(), Steps: make([]Step, len(run.Steps)), Omitted: run.Omitted, Said: run.Said}
		for j, step := range run.Steps {
			state := StepRunning
			switch {
			case step.Failed:
				state = StepFailed
			case !step.EndedAt.IsZero():
				state = StepDone
			}
			out[i].Steps[j] = Step{ResourceStep: step.ResourceStep, State: state, StartedAt: step.StartedAt.UTC(), EndedAt: instant(step.EndedAt)}
		}
	}
	return out
}
