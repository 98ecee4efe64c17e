package board

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Decision is what was decided about one intent.
type Decision struct {
	Pool string `json:"pool"`
	// Outcome is the decision's, such as "scale" or "cooldown".
	Outcome string `json:"outcome"`
	From    *int   `json:"from,omitempty"`
	To      *int   `json:"to,omitempty"`
	Clamped bool   `json:"clamped,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Until is when a cooldown or a hold ends, or when a failed alert may be decided afresh.
	Until *time.Time `json:"until,omitempty"`
	// Pending are the changes that would come along, if Outcome is "pending".
	Pending []scale.PendingChange `json:"pending,omitempty"`
}

// DecisionOf is a decision of the domain's.
func DecisionOf(d scale.Decision) Decision {
	out := Decision{Pool: d.Intent.Pool, Outcome: string(d.Outcome), From: d.From, Clamped: d.Clamped, Reason: d.Reason, Until: instant(d.Until), Pending: d.Pending}
	switch d.Outcome {
	case scale.Scale, scale.NoChange, scale.CoolingDown, scale.Guarded, scale.HasPending:
		out.To = &d.To
	}
	return out
}

// Operation is an accepted intent, and what became of it.
type Operation struct {
	ID     string `json:"id"`
	Pool   string `json:"pool"`
	State  string `json:"state"`
	Result string `json:"result,omitempty"`
	From   *int   `json:"from,omitempty"`
	To     *int   `json:"to,omitempty"`
	// Ask is what was asked for, Source who asked, and Reason why.
	Ask       string     `json:"ask"`
	Source    string     `json:"source"`
	Reason    string     `json:"reason,omitempty"`
	Decision  Decision   `json:"decision"`
	Error     string     `json:"error,omitempty" text:"lines"`
	Accepted  *time.Time `json:"acceptedAt"`
	Started   *time.Time `json:"startedAt,omitempty"`
	Ended     *time.Time `json:"endedAt,omitempty"`
	NotBefore *time.Time `json:"notBefore,omitempty"`
	// Previous is the id of the operation that came to nothing and that this one tries again.
	Previous string `json:"previous,omitempty"`
	// Runs are the engine's runs for it, as far as they are remembered. They are only there if the operation is asked
	// for alone.
	Runs []Run `json:"runs,omitempty"`
}

// OperationOf is an operation of the domain's, without the engine's runs.
func OperationOf(op queue.Operation) Operation {
	return Operation{
		ID: op.ID, Pool: op.Intent.Pool, State: string(op.State), Result: string(op.Result), From: op.From, To: op.To,
		Ask: op.Intent.Ask(), Source: op.Intent.Source, Reason: op.Intent.Reason, Decision: DecisionOf(op.Decision), Error: op.Error,
		Accepted: instant(op.AcceptedAt), Started: instant(op.StartedAt), Ended: instant(op.EndedAt), NotBefore: instant(op.NotBefore),
		Previous: op.Previous,
	}
}

// Pool is how a pool stands.
type Pool struct {
	Pool       string `json:"pool"`
	Count      *int   `json:"count,omitempty"`
	Configured *int   `json:"configured,omitempty"`
	Unsettled  bool   `json:"unsettled,omitempty"`
	// Unverified says why the configured count is not proved to have come about.
	Unverified string     `json:"unverified,omitempty"`
	Min        int        `json:"min"`
	Max        int        `json:"max"`
	Paused     string     `json:"paused,omitempty"`
	UpUntil    *time.Time `json:"upHeldUntil,omitempty"`
	DownUntil  *time.Time `json:"downHeldUntil,omitempty"`
	Last       *Scaling   `json:"lastScaling,omitempty"`
	// LastAmong is the number of newest updates among which there is no scaling, if there are older ones that were not
	// looked at.
	LastAmong int    `json:"notScaledAmong,omitempty"`
	Drift     *Drift `json:"drift,omitempty"`
	// Pending are changes that belong to somebody's next pulumi up and would come along with a scaling, as far as is
	// known.
	Pending []scale.PendingChange `json:"pending,omitempty"`
	// Hold is the one that keeps the pool as it is, be it on the pool or on the stack.
	Hold  *Hold  `json:"hold,omitempty"`
	Error string `json:"error,omitempty" text:"lines"`
}

// Drift is a difference between the stack's configuration file and the last successful update.
type Drift struct {
	ConfigKey  string  `json:"configKey"`
	File       *string `json:"file,omitempty"`
	Configured *string `json:"configured,omitempty"`
	// Edit says that no known update had the file's value.
	Edit bool `json:"edit,omitempty"`
}

// PoolOf is how a pool stands at a time. It tells nothing of cooldowns that have ended by then.
func PoolOf(s scale.Status, now time.Time) Pool {
	p := Pool{
		Pool: s.Rule.Pool, Count: s.Count, Configured: s.Configured, Min: s.Rule.Min, Max: s.Rule.Max, Paused: string(s.Rule.Paused),
		UpUntil: ahead(s.UpUntil, now), DownUntil: ahead(s.DownUntil, now), Unsettled: s.Unsettled, Pending: s.Pending,
		Hold: HoldOf(s.Hold), LastAmong: s.LastAmong,
	}
	if s.Last != nil {
		last := ScalingOf(*s.Last)
		p.Last = &last
	}
	if d := s.Drift; d != nil {
		p.Drift = &Drift{ConfigKey: d.Key, File: d.File, Configured: d.Configured, Edit: d.Edit}
	}
	if s.Unverified != nil {
		p.Unverified = s.Unverified.Reason
	}
	if s.Err != nil {
		p.Error = s.Err.Error()
	}
	return p
}

// Scaling is a past scaling.
type Scaling struct {
	Pool      string     `json:"pool"`
	From      int        `json:"from"`
	To        int        `json:"to"`
	Succeeded bool       `json:"succeeded"`
	Start     *time.Time `json:"start"`
	End       *time.Time `json:"end"`
	By        string     `json:"by,omitempty"`
	Message   string     `json:"message,omitempty"`
	// Why is the part of the message that tells why the pool was scaled.
	Why string `json:"why,omitempty"`
}

// ScalingOf is a past scaling of the domain's.
func ScalingOf(s scale.Scaling) Scaling {
	return Scaling{
		Pool: s.Pool, From: s.From, To: s.To, Succeeded: s.Succeeded, Start: instant(s.Start), End: instant(s.End), By: s.By, Message: s.Message, Why: s.Why(),
	}
}

// instant is a time as documents have it: none if it is zero.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// ahead is a time that is still to come; otherwise none.
func ahead(t, now time.Time) *time.Time {
	if !t.After(now) {
		return nil
	}
	return instant(t)
}
