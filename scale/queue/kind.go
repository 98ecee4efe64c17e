package queue

import "github.com/pulumiscale/pulumiscale/scale"

// The kinds of those of this package's errors that turn a request away.
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
