package board

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Operation is an accepted intent, and what became of it.
type Operation struct {
	ID     string `json:"id"`
	Pool   string `json:"pool"`
	State  string `json:"state"`
	Result string `json:"result,omitempty"`
	From   *int   `json:"from"`
	To     *int   `json:"to"`
	// Ask is what was asked for, Source who asked, and Reason why.
	Ask       string     `json:"ask"`
	Source    string     `json:"source"`
	Reason    string     `json:"reason,omitempty"`
	Decision  Decision   `json:"decision"`
	Error     string     `json:"error,omitempty" text:"lines"`
	Accepted  *time.Time `json:"acceptedAt,omitempty"`
	Started   *time.Time `json:"startedAt,omitempty"`
	Ended     *time.Time `json:"endedAt,omitempty"`
	NotBefore *time.Time `json:"notBefore,omitempty"`
	// Previous is the id of the failed operation that this one tries again.
	Previous string `json:"previous,omitempty"`
	// Runs are the engine's runs for the operation, as far as they are remembered. They are only in the document of a
	// single operation.
	Runs []Run `json:"runs,omitempty"`
}

// OperationOf makes the document of a [queue.Operation], without the engine's runs.
func OperationOf(op queue.Operation) Operation {
	return Operation{
		ID: op.ID, Pool: op.Intent.Pool, State: string(op.State), Result: string(op.Result), From: op.From, To: op.To,
		Ask: op.Intent.Ask(), Source: op.Intent.Source, Reason: op.Intent.Reason, Decision: DecisionOf(op.Decision), Error: op.Error,
		Accepted: instant(op.AcceptedAt), Started: instant(op.StartedAt), Ended: instant(op.EndedAt), NotBefore: instant(op.NotBefore),
		Previous: op.Previous,
	}
}
