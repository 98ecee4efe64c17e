package scale

import (
	"regexp"
	"time"
)

// Observe is told what goes on while a stack is scaled. It must not block for long. Several goroutines may call it, but
// its calls never overlap. A nil Observe is not valid; use [Unobserved].
type Observe func(Event)

// Unobserved is an Observe that ignores every event.
func Unobserved(Event) {}

// Event is something that happened while a stack was scaled. IsEvent marks the types of events and does nothing. The
// events about the deployed program are declared in deployed.go, the events about commits in commit.go, and the events
// about scaling that is switched off in errors.go.
type Event interface{ IsEvent() }

type (
	// Waiting says that another PulumiScale process works in the directory, and that this process waits for it.
	Waiting struct{ Lock string }
	// Retrying says that an attempt failed for a reason that may pass, and that the next attempt follows after Delay.
	Retrying struct {
		// Attempt is the number of the retry that follows, from 1, of at most Of.
		Attempt, Of int
		Delay       time.Duration
		Err         error
	}
	// Drifted says that a key's value in the configuration file is not the value of the last successful update, and
	// what was done about it.
	Drifted struct {
		Drift
		// Restored says that the file was put right.
		Restored bool
	}
	// EngineStarted says that the engine works on the stack. If Preview is false, the engine holds the stack's lock.
	EngineStarted struct {
		Preview bool
		Message string
	}
	// StepStarted says that the engine begins to change a resource.
	StepStarted struct {
		Step ResourceStep
		At   time.Time
		// Preview says that this is a preview: an update would begin the step, and nothing is changed.
		Preview bool
	}
	// StepDone says that the step has ended, or failed.
	StepDone struct {
		Step    ResourceStep
		At      time.Time
		Failed  bool
		Preview bool
	}
	// Diagnosed is something that the engine says: Severity is "info", "warning" or "error".
	Diagnosed struct {
		Diagnostic
		Preview bool
	}
	// Proving says that a preview is to prove that nothing but the counts of the pools would change.
	Proving struct{ Pools []string }
	// Proved says, by pool, what was found by a proof that was made in idle time, or why the proof could not be made.
	Proved struct {
		Pending map[string][]PendingChange
		Err     error
	}
	// Stale says that an update was not made, or ended before it had changed anything, because what it was decided on
	// has changed since. It is decided again.
	Stale struct{ Err *StaleError }
	// Overtaken says that an update of ours was overtaken by a different update, and that the pools are decided again
	// on top of that update.
	Overtaken struct{ Pools []string }
	// PendingOperations lists resources that an earlier, interrupted update left in the middle of an operation.
	PendingOperations struct{ URNs []string }
	// LockRemoved says that engines of ours died and left the stack locked, and that their locks have been removed.
	LockRemoved struct{ Holders []LockHolder }
	// Settling says that an update of ours failed or was cut off, and that its pools are being brought back to the
	// count of the last successful update.
	Settling struct{ Pools []string }
	// Settled says how the settling of the pools ended; Err is nil if it succeeded.
	Settled struct {
		Pools []string
		Err   error
	}
)

func (Waiting) IsEvent()           {}
func (Retrying) IsEvent()          {}
func (Drifted) IsEvent()           {}
func (EngineStarted) IsEvent()     {}
func (StepStarted) IsEvent()       {}
func (StepDone) IsEvent()          {}
func (Diagnosed) IsEvent()         {}
func (Proving) IsEvent()           {}
func (Proved) IsEvent()            {}
func (Stale) IsEvent()             {}
func (Overtaken) IsEvent()         {}
func (PendingOperations) IsEvent() {}
func (LockRemoved) IsEvent()       {}
func (Settling) IsEvent()          {}
func (Settled) IsEvent()           {}

// Diagnostic is a message of the engine or the program, as it gave it.
type Diagnostic struct {
	Severity string `json:"severity"`
	URN      string `json:"urn,omitempty"`
	Message  string `json:"message" text:"lines"`
}

// SaidOf is a diagnostic with all the resources about which the engine said the same.
type SaidOf struct {
	Diagnostic
	// URNs are these resources, in the order in which the engine named them; empty if it named none.
	URNs []string
}

// applier is the name under which Pulumi's Kubernetes provider applies a resource. The name is different for each
// resource, in messages that are otherwise the same.
var applier = regexp.MustCompile(`"pulumi-kubernetes-[0-9a-f]+"`)

// Alike returns the diagnostic without the resource that it is about. Two diagnostics are alike if the results are
// equal: they tell people the same.
func (d Diagnostic) Alike() Diagnostic {
	return Diagnostic{Severity: d.Severity, Message: applier.ReplaceAllLiteralString(d.Message, `"pulumi-kubernetes-…"`)}
}

// SayOnce makes one of all diagnostics that are alike, at the place of the first of them: see [Diagnostic.Alike]. A
// diagnostic that is like no other stays as the engine gave it.
func SayOnce(diagnostics []Diagnostic) []SaidOf {
	var out []SaidOf
	at := map[Diagnostic]int{}
	for _, d := range diagnostics {
		alike := d.Alike()
		i, again := at[alike]
		if !again {
			at[alike] = len(out)
			out, i = append(out, SaidOf{Diagnostic: d}), len(out)
		} else {
			out[i].Diagnostic = Diagnostic{Severity: d.Severity, URN: out[i].URN, Message: alike.Message}
		}
		if d.URN != "" {
			out[i].URNs = append(out[i].URNs, d.URN)
		}
	}
	return out
}
