package output

import (
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Document is a JSON document that a command writes with --json. Fields are added to documents, never renamed.
type Document interface {
	// Fail adds the error with which the command ends.
	Fail(*Error)
}

// Marshal is the document as text: see [board.JSON].
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
	Holders     []Holder           `json:"holders,omitempty"`
	Pools       []string           `json:"pools,omitempty"`
	Diagnostics []scale.Diagnostic `json:"diagnostics,omitempty"`
}

// Holder is a holder of a stack's lock.
type Holder struct {
	User  string     `json:"user"`
	Host  string     `json:"host"`
	PID   int        `json:"pid"`
	Since *time.Time `json:"since,omitempty"`
	Dead  bool       `json:"dead"`
}

// Holders are the holders of a lock, as a document has them.
func Holders(of []scale.Holder) []Holder {
	var out []Holder
	for _, h := range of {
		out = append(out, Holder{User: h.User, Host: h.Host, PID: h.PID, Since: moment(h.Since), Dead: h.Dead})
	}
	return out
}

// Scaling is the document of scale and preview: one decision, and what came or would come of it.
type Scaling struct {
	Stack string `json:"stack"`
	// DryRun says that nothing was done. Steps are what would be done.
	DryRun bool   `json:"dryRun"`
	Pool   string `json:"pool"`
	// Outcome is "scale", "no-change", "cooldown", "paused", "held", "guarded", "pending" or "refused".
	Outcome string `json:"outcome"`
	// Scaled says that an update was made.
	Scaled bool `json:"scaled"`
	// From is null if the count before is not known. Wanted and To are null if the outcome leaves none to want.
	From    *int `json:"from"`
	Wanted  *int `json:"wanted"`
	To      *int `json:"to"`
	Clamped bool `json:"clamped"`
	// Until is when a cooldown or a hold ends.
	Until  *time.Time `json:"until,omitempty"`
	Reason string     `json:"reason,omitempty"`
	// Pending are the changes that would come along. They are there if Outcome is "pending".
	Pending []scale.PendingChange `json:"pending,omitempty"`
	// Current is the real size after the update. Unverified says why the update is not proved to have had its effect.
	Current    *int   `json:"current,omitempty"`
	Unverified string `json:"unverified,omitempty"`
	// StateSize is the size that the state had before. It is there if something else than an update had changed it.
	StateSize *int                 `json:"stateSize,omitempty"`
	Steps     []scale.ResourceStep `json:"steps"`
	Restored  []Drift              `json:"restored,omitempty"`
	// Seconds is how long the engine ran.
	Seconds float64 `json:"seconds"`
	Failure
}

// NewScaling makes the document of a decision.
func NewScaling(stack string, d scale.Decision) *Scaling {
	doc := &Scaling{
		Stack: stack, Pool: d.Intent.Pool, Outcome: string(d.Outcome), From: d.From, Clamped: d.Clamped,
		Until: moment(d.Until), Reason: d.Reason, Pending: d.Pending, Steps: []scale.ResourceStep{},
	}
	unasked := []scale.Outcome{scale.Paused, scale.Refused, scale.Cleared, scale.Held}
	if d.Wanted != 0 || d.To != 0 || !slices.Contains(unasked, d.Outcome) {
		doc.Wanted, doc.To = &d.Wanted, &d.To
	}
	return doc
}

// Previewed adds what the engine would do.
func (s *Scaling) Previewed(result *scale.Result) *Scaling {
	s.DryRun = true
	if result != nil {
		s.Steps, s.Seconds = steps(result.Steps), result.Duration.Seconds()
	}
	return s
}

// Found adds the sizes that the state has, as a preview has shown them.
func (s *Scaling) Found(sizes map[string]int) *Scaling {
	if size, ok := sizes[s.Pool]; ok {
		s.StateSize = &size
	}
	return s
}

// Done adds what was done.
func (s *Scaling) Done(report scale.Report) *Scaling {
	s.Steps, s.Seconds, s.Restored = steps(report.Steps), report.Duration.Seconds(), drifts(report.Restored)
	for _, r := range report.Results {
		if r.Pool == s.Pool {
			s.Scaled, s.From, s.To, s.Current, s.Unverified, s.StateSize = true, r.From, &r.To, r.Current, r.Unverified, r.Found
		}
	}
	return s
}

// Drift is a difference between the configuration file and the last successful update.
type Drift struct {
	Pool string `json:"pool"`
	Key  string `json:"configKey"`
	// File is what stands, or stood, in the file. Configured is what the last successful update had. Each is null if
	// there is nothing.
	File       *string `json:"file"`
	Configured *string `json:"configured"`
	// Edit says that the file's value was never that of an update.
	Edit bool `json:"edit"`
}

func drifts(of []scale.Drift) []Drift {
	out := make([]Drift, len(of))
	for i, d := range of {
		out[i] = drift(d)
	}
	return out
}

func drift(d scale.Drift) Drift {
	return Drift{Pool: d.Pool, Key: d.Key, File: d.File, Configured: d.Configured, Edit: d.Edit}
}

// Restored is the document of restore.
type Restored struct {
	Stack      string  `json:"stack"`
	ConfigFile string  `json:"configFile"`
	Restored   []Drift `json:"restored"`
	Failure
}

// NewRestored makes the document of restore.
func NewRestored(stack, file string, restored []scale.Drift) *Restored {
	return &Restored{Stack: stack, ConfigFile: file, Restored: drifts(restored)}
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

// moment is a time in a document: in UTC, and absent if it is the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Round(time.Second)
	return &t
}

func steps(of []scale.ResourceStep) []scale.ResourceStep {
	return append([]scale.ResourceStep{}, of...)
}
