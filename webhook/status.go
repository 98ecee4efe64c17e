package webhook

import (
	"net/http"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// How much a status tells of what is past, and among how many operations failures are looked for.
const (
	shownScalings = 20
	shownFailures = 5
	searched      = 200
)

// status is all that a view of the server needs, in one answer. Nothing is waited for.
func (s *Server) status(w http.ResponseWriter, _ *http.Request) error {
	doc, err := s.statusNow()
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, "application/json", doc)
	return nil
}

// statusJSON is a status as the API shows it.
type statusJSON struct {
	Stack string `json:"stack"`
	// Now is when all of this was so, and ReadAt when the stack was read last.
	Now    time.Time  `json:"now"`
	ReadAt *time.Time `json:"readAt,omitempty"`
	Ready  bool       `json:"ready"`
	// Problem says why it is not ready.
	Problem    string          `json:"problem,omitempty"`
	RuleErrors []scale.Problem `json:"ruleErrors,omitempty"`
	Pools      []poolJSON      `json:"pools"`
	Running    *workJSON       `json:"running,omitempty"`
	// Open are the operations that are not done, oldest first, and RetryAt is when they are tried again, where something was in the way.
	Open    []operationJSON `json:"open"`
	RetryAt *time.Time      `json:"retryAt,omitempty"`
	// Failures are the last operations that failed or are not proved to have had their effect, and Scalings the last scalings, whoever made
	// them; both newest first.
	Failures []operationJSON `json:"failures"`
	Scalings []scaling       `json:"scalings"`
}

// workJSON is what is being done now.
type workJSON struct {
	// Operations are the ids of the open operations that it carries out, and Settling the pools that are being brought back to the count of
	// the last successful update.
	Operations []string  `json:"operations,omitempty"`
	Settling   []string  `json:"settling,omitempty"`
	StartedAt  time.Time `json:"startedAt"`
	// WaitsFor says what keeps it from going on, until RetryAt.
	WaitsFor string     `json:"waitsFor,omitempty"`
	RetryAt  *time.Time `json:"retryAt,omitempty"`
	Runs     []runJSON  `json:"runs"`
}

// runJSON is one run of the engine.
type runJSON struct {
	Message   string    `json:"message"`
	StartedAt time.Time `json:"startedAt"`
	Steps     []runStep `json:"steps"`
	// Omitted counts completed steps that are left out.
	Omitted int `json:"omitted,omitempty"`
	// Said are the engine's warnings and errors.
	Said []scale.Diagnostic `json:"said,omitempty"`
}

// runStep is a change to a resource, as it goes on.
type runStep struct {
	scale.ResourceStep
	// State is "running", "succeeded" or "failed".
	State     string     `json:"state"`
	StartedAt time.Time  `json:"startedAt"`
	EndedAt   *time.Time `json:"endedAt,omitempty"`
}

// The states of a step.
const (
	stepRunning = "running"
	stepDone    = "succeeded" // not "done", which is the word for operations, that scripts look for
	stepFailed  = "failed"
)

// statusNow gathers the status. The error is a [*scale.JournalError].
func (s *Server) statusNow() (*statusJSON, error) {
	// What is being done is asked first: an operation that ends in between is still told of as open.
	work, busy := s.Activity.Running()
	o := s.Queue.Overview()
	done, err := s.Queue.Recent("", searched)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	doc := &statusJSON{
		Stack: s.Scaler.Stack.Name(), Now: now.UTC(), ReadAt: instant(o.ReadAt), Ready: o.Unready == nil, RuleErrors: ruleProblems(o.RulesErr),
		Pools: []poolJSON{}, Open: []operationJSON{}, RetryAt: ahead(o.RetryAt, now), Failures: []operationJSON{}, Scalings: []scaling{},
	}
	if o.Unready != nil {
		doc.Problem = o.Unready.Error()
	}
	for _, status := range o.Pools {
		doc.Pools = append(doc.Pools, poolOf(status, now))
	}
	for _, op := range o.Open {
		doc.Open = append(doc.Open, operationOf(op))
	}
	for _, op := range done {
		if failed(op) && len(doc.Failures) < shownFailures {
			doc.Failures = append(doc.Failures, operationOf(op))
		}
	}
	for _, past := range o.Scalings[:min(shownScalings, len(o.Scalings))] {
		doc.Scalings = append(doc.Scalings, scalingOf(past))
	}
	if busy {
		doc.Running = workOf(work, doc.Open)
	}
	if r := doc.Running; r != nil && len(r.Operations)+len(r.Settling) == 0 { // it has just ended
		doc.Running = nil
	}
	return doc, nil
}

// failed says whether a done operation is one that somebody should look at.
func failed(op scale.Operation) bool {
	return op.Result == scale.FinalFailed || op.Result == scale.FinalUnverified || op.Error != ""
}

// workOf is the work, of whose operations only those are named that are told of.
func workOf(w scale.Work, open []operationJSON) *workJSON {
	doc := &workJSON{
		Settling: w.Settling, StartedAt: w.StartedAt.UTC(), WaitsFor: w.WaitsFor, RetryAt: instant(w.RetryAt), Runs: runsOf(w.Runs),
	}
	for _, op := range open {
		if slices.Contains(w.Operations, op.ID) {
			doc.Operations = append(doc.Operations, op.ID)
		}
	}
	return doc
}

func runsOf(runs []scale.Run) []runJSON {
	out := make([]runJSON, len(runs))
	for i, run := range runs {
		out[i] = runJSON{Message: run.Message, StartedAt: run.StartedAt.UTC(), Steps: make([]runStep, len(run.Steps)), Omitted: run.Omitted, Said: run.Said}
		for j, step := range run.Steps {
			state := stepRunning
			switch {
			case step.Failed:
				state = stepFailed
			case !step.EndedAt.IsZero():
				state = stepDone
			}
			out[i].Steps[j] = runStep{ResourceStep: step.ResourceStep, State: state, StartedAt: step.StartedAt.UTC(), EndedAt: instant(step.EndedAt)}
		}
	}
	return out
}
