package queue

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Operation is an accepted intent and what became of it.
type Operation struct {
	// ID is unique and cannot be guessed. IDs sort in the order in which the operations were accepted.
	ID     string
	Intent scale.Intent
	State  State
	// Result is what became of the operation; empty until State is Done.
	Result Final
	// Decision is the decision made when the operation was accepted or, once the operation was carried out, the
	// decision made then. Its Err is not kept in the journal.
	Decision scale.Decision
	// From and To are the counts before and after the operation: expected counts until State is Done, real counts from
	// then on. Each is nil if there is no such count.
	From, To *int
	// Error says why the operation failed, or what it waits for; empty if it has not failed and waits for nothing.
	Error string
	// AcceptedAt, StartedAt and EndedAt are when the operation was accepted, last begun and known to be done; each is
	// zero until then.
	AcceptedAt, StartedAt, EndedAt time.Time
	// NotBefore is when a deferred operation is due; zero means as soon as the running update of its pool is done.
	NotBefore time.Time
	// Previous is the id of the operation that this one tries again: one of the same event that ended without doing
	// what was asked. It is empty for the first operation of an event. Failures is how many earlier operations of the
	// event have failed.
	Previous string
	Failures int
	// Updates are the ids of the updates that were begun for the operation and whose end is not known: see
	// [scale.NewUpdateID].
	Updates []string
	// Update is the id of the last batch that the operation was carried out with; empty if it was never begun. All
	// operations of a batch have the same id here, also when they are done.
	Update string
	// GivenUp says that the operation failed because something kept it from being carried out for too long: see
	// [Options.GiveUpAfter].
	GivenUp bool
}

// State says how far an operation has come.
type State string

const (
	// Accepted operations wait for their turn.
	Accepted State = "accepted"
	// Deferred operations wait for the end of their pool's cooldown, or of the update that runs.
	Deferred State = "deferred"
	// Running operations are being carried out.
	Running State = "running"
	// Done operations are closed: nothing about them changes any more.
	Done State = "done"
)

// Final says what became of an operation: one of the constants below or, if nothing was scaled, the [scale.Outcome] of
// its decision.
type Final string

const (
	// FinalScaled says that the pool was scaled as it was decided.
	FinalScaled Final = "scaled"
	// FinalUnverified says that the engine reported success, but it is not proved that the pool has the count.
	FinalUnverified Final = "unverified"
	// FinalCancelled says that the operation was deferred and its alert cleared before it was due, or that somebody
	// cancelled the operation before it was begun.
	FinalCancelled Final = "cancelled"
	// FinalSuperseded says that the operation gave way to another signal for its pool.
	FinalSuperseded = Final(scale.Superseded)
	// FinalFailed says that the operation was tried, and nothing was scaled.
	FinalFailed Final = "failed"
)

// UnknownOperationError says that somebody asked for an operation that does not exist, or no longer exists.
type UnknownOperationError struct{ ID string }

func (e *UnknownOperationError) Error() string { return fmt.Sprintf("no operation %q", e.ID) }

// newOperationID makes an id from the time, to the microsecond, and 72 random bits. Sorted as texts, ids are in the
// order of their times.
func newOperationID(at time.Time) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(at.UnixMicro())<<8)
	_, _ = rand.Read(raw[7:]) // it never fails
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(raw[:]))
}

// The kinds of this package's errors that turn a request away.
const (
	KindBusy             scale.Kind = "busy"
	KindFull             scale.Kind = "full"
	KindJournal          scale.Kind = "journal"
	KindUnknownOperation scale.Kind = "unknown-operation"
)

func (*BusyError) Kind() scale.Kind             { return KindBusy }
func (*FullError) Kind() scale.Kind             { return KindFull }
func (*JournalError) Kind() scale.Kind          { return KindJournal }
func (*UnknownOperationError) Kind() scale.Kind { return KindUnknownOperation }
