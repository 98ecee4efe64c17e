package output

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Document is a JSON document that a command writes with --json. Fields are added to documents, never renamed.
type Document interface {
	// Fail adds the error with which the command ends.
	Fail(*Error)
}

// Marshal returns a document as text: see [board.JSON].
func Marshal(d Document) (string, error) {
	text, err := board.JSON(d, "  ")
	return string(text), err
}

// Failure is the part of every document that tells of an error. It is there whenever the exit code is not 0.
type Failure struct {
	Error *Error `json:"error,omitempty"`
}

// Fail implements [Document].
func (f *Failure) Fail(e *Error) { f.Error = e }

// Error is an error in a document.
type Error struct {
	// Kind is one word that scripts can branch on.
	Kind     string `json:"kind"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
	ExitCode int    `json:"exitCode"`
	// Problems are the mistakes in the rules, Holders are those who hold the lock, Pools are the pools that exist, and
	// Diagnostics are what the engine said.
	Problems    []scale.Problem    `json:"problems,omitempty"`
	Holders     []LockHolder       `json:"holders,omitempty"`
	Pools       []string           `json:"pools,omitempty"`
	Diagnostics []scale.Diagnostic `json:"diagnostics,omitempty"`
}

// LockHolder is a holder of a stack's lock.
type LockHolder struct {
	User  string     `json:"user"`
	Host  string     `json:"host"`
	PID   int        `json:"pid"`
	Since *time.Time `json:"since,omitempty"`
	Dead  bool       `json:"dead"`
}

// LockHolders makes the documents of the holders of a lock.
func LockHolders(of []scale.LockHolder) []LockHolder {
	var out []LockHolder
	for _, h := range of {
		out = append(out, LockHolder{User: h.User, Host: h.Host, PID: h.PID, Since: board.Moment(h.Since), Dead: h.Dead})
	}
	return out
}

// Scaling is the document of scale and preview.
type Scaling struct {
	board.Effect
	Failure
}

// NewScaling makes the document of what was done.
func NewScaling(stack string, report *scale.Report) *Scaling {
	return &Scaling{Effect: board.Done(stack, report)}
}

// NewPreview makes the document of what a plan would do. result is nil if the engine was not asked.
func NewPreview(stack string, plan *scale.Plan, result *scale.Result) *Scaling {
	return &Scaling{Effect: board.Foreseen(stack, plan, result)}
}

// Reconciliation is the document of reconcile.
type Reconciliation struct {
	board.Effects
	Failure
}

// NewReconciliation makes the document of what was done for several pools.
func NewReconciliation(stack string, report *scale.Report) *Reconciliation {
	return &Reconciliation{Effects: board.AllDone(stack, report)}
}

// NewReconciliationPreview makes the document of what a plan for several pools would do. result is nil if the engine
// was not asked.
func NewReconciliationPreview(stack string, plan *scale.Plan, result *scale.Result) *Reconciliation {
	return &Reconciliation{Effects: board.AllForeseen(stack, plan, result)}
}

// Rules is the document of rules.
type Rules struct {
	board.Pools
	Failure
}

// NewRules makes the document of rules.
func NewRules(stack string, pools []scale.Standing, program scale.Program, now time.Time) *Rules {
	return &Rules{Pools: board.PoolsOf(stack, pools, program, now)}
}

// Checked adds the check of each rule to the pool of the rule.
func (r *Rules) Checked(checks []scale.RuleCheck) *Rules {
	pools := r.Pools.Pools
	for _, p := range checks {
		for i := range pools {
			if pools[i].Pool == p.Pool {
				pools[i].Check = board.RuleCheckOf(p)
			}
		}
	}
	return r
}

// History is the document of history.
type History struct {
	board.History
	Failure
}

// NewHistory makes the document of history.
func NewHistory(stack string, scalings []scale.Scaling) *History {
	return &History{History: board.HistoryOf(stack, scalings)}
}

// Restored is the document of restore.
type Restored struct {
	Stack      string          `json:"stack"`
	ConfigFile string          `json:"configFile"`
	Commit     string          `json:"commit,omitempty"`
	Restored   []RestoredDrift `json:"restored"`
	Failure
}

// RestoredDrift is a drift that was put right. Committed is the count in the commit that [Restored.Commit] names. It is
// absent if the commit has none, or if there is no commit.
type RestoredDrift struct {
	board.Drift
	Committed *string `json:"committed,omitempty"`
}

// NewRestored makes the document of restore.
func NewRestored(stack, file string, restored []scale.Drift, committed Committed) *Restored {
	out := &Restored{Stack: stack, ConfigFile: file, Commit: committed.Commit, Restored: []RestoredDrift{}}
	for _, d := range board.DriftsOf(restored) {
		out.Restored = append(out.Restored, RestoredDrift{Drift: d, Committed: committed.Counts[d.Pool]})
	}
	return out
}

// Version is the document of version.
type Version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Failure
}

// Failed is the document of a command that has no result.
type Failed struct{ Failure }
