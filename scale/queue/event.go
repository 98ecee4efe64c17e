package queue

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// What a [Queue] tells its observer.
type (
	// Submitted says what an intent was answered with: an operation, or a decision not to do anything.
	Submitted struct{ Submission }
	// Changed says that an operation has come further: it is begun, is deferred again, waits for another try, or is
	// done.
	Changed struct{ Operation Operation }
	// BatchStarted says that operations are carried out together, by at most one update.
	BatchStarted struct {
		// ID is the [scale.Update.ID] that the update will have.
		ID         string
		Operations []Operation
	}
	// BatchDone says what became of the operations of a batch.
	BatchDone struct {
		ID         string
		Operations []Operation
		// Report is nil if Err is set, unless Err is a [*scale.WriteError]. Report is also nil if an update of an
		// earlier process had carried out the batch already.
		Report *scale.Report
		// Duration is how long the batch took, including all waiting for others.
		Duration time.Duration
		Err      error
		// Postponed says that Err, such as a locked stack, is not the end: all of the operations are tried again.
		Postponed bool
	}
	// Postponed says that the stack could not be changed now, and until when the queue waits before it tries again.
	Postponed struct {
		Until time.Time
		// Attempt counts the failures in a row, from 1.
		Attempt int
		Err     error
	}
	// Announced lists what the queue is about to do by itself.
	Announced struct{ Upcoming []Upcoming }
	// HoldsChanged says what is held now, and what was before.
	HoldsChanged struct{ Before, Now scale.Holds }
	// Refreshed says that a reading of the stack has ended: the queue answers with the rules and counts that readings
	// find. Err is nil if the reading succeeded, and a [*scale.RulesError] if the stack's rules have mistakes. Then the
	// rules that were read before stay in force, unless NoRules says that there are none. Any other Err says why the
	// stack could not be read.
	Refreshed struct {
		Err     error
		NoRules bool
	}
	// Heard says that another member of the team has added or changed an operation. The details, such as [Changed], are
	// told to that member's own observer.
	Heard struct{ Operation Operation }
	// DutyChanged says that this queue begins to work on the stack, or leaves that to others of its team.
	DutyChanged struct{ OnDuty bool }
	// JournalFailed says that the journal could not be read or written; the queue tries again.
	JournalFailed struct{ Err error }
	// JournalMended says that the journal can be written again.
	JournalMended struct{}
)

func (Submitted) IsEvent()     {}
func (Changed) IsEvent()       {}
func (BatchStarted) IsEvent()  {}
func (BatchDone) IsEvent()     {}
func (Postponed) IsEvent()     {}
func (Announced) IsEvent()     {}
func (HoldsChanged) IsEvent()  {}
func (Refreshed) IsEvent()     {}
func (Heard) IsEvent()         {}
func (DutyChanged) IsEvent()   {}
func (JournalFailed) IsEvent() {}
func (JournalMended) IsEvent() {}
