package webhook

import (
	"net/http"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// answer is what a webhook is answered with.
type answer struct {
	Results []result      `json:"results"`
	Skipped []skippedJSON `json:"skipped,omitempty"`
	// Note says what was done about a request that asks for no scaling, such as the confirmation of a subscription.
	Note string `json:"note,omitempty"`
}

type skippedJSON struct {
	Alert  string `json:"alert,omitempty"`
	Pool   string `json:"pool,omitempty"`
	Reason string `json:"reason"`
}

// decision is what was decided about one intent.
type decision struct {
	Pool string `json:"pool"`
	// Outcome is the decision's, such as "scale" or "cooldown".
	Outcome string `json:"outcome"`
	From    *int   `json:"from,omitempty"`
	To      *int   `json:"to,omitempty"`
	Clamped bool   `json:"clamped,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Until is when a cooldown ends.
	Until *time.Time `json:"until,omitempty"`
}

// result is what an intent was answered with.
type result struct {
	decision
	// Accepted says that it is on disk and will be carried out, and Duplicate that it was asked for before: see the operation.
	Accepted  bool   `json:"accepted"`
	Duplicate bool   `json:"duplicate,omitempty"`
	Operation string `json:"operation,omitempty"`
	State     string `json:"state,omitempty"`
}

func resultOf(s scale.Submission) result {
	r := result{decision: decisionOf(s.Decision), Accepted: s.Accepted, Duplicate: s.Duplicate}
	if s.Operation.ID != "" {
		r.Operation, r.State = s.Operation.ID, string(s.Operation.State)
	}
	return r
}

func decisionOf(d scale.Decision) decision {
	out := decision{Pool: d.Intent.Pool, Outcome: string(d.Outcome), From: d.From, Clamped: d.Clamped, Reason: d.Reason, Until: instant(d.Until)}
	switch d.Outcome {
	case scale.Scale, scale.NoChange, scale.CoolingDown, scale.Guarded:
		out.To = &d.To
	}
	return out
}

// instant is a time as documents have it: none where it is zero.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// operationJSON is an operation as the API shows it.
type operationJSON struct {
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
	Decision  decision   `json:"decision"`
	Error     string     `json:"error,omitempty"`
	Accepted  *time.Time `json:"acceptedAt"`
	Started   *time.Time `json:"startedAt,omitempty"`
	Ended     *time.Time `json:"endedAt,omitempty"`
	NotBefore *time.Time `json:"notBefore,omitempty"`
	// Runs are the engine's runs for it, where it is asked for alone, as far as they are remembered.
	Runs []runJSON `json:"runs,omitempty"`
}

func operationOf(op scale.Operation) operationJSON {
	return operationJSON{
		ID: op.ID, Pool: op.Intent.Pool, State: string(op.State), Result: string(op.Result), From: op.From, To: op.To,
		Ask: op.Intent.Ask(), Source: op.Intent.Source, Reason: op.Intent.Reason, Decision: decisionOf(op.Decision), Error: op.Error,
		Accepted: instant(op.AcceptedAt), Started: instant(op.StartedAt), Ended: instant(op.EndedAt), NotBefore: instant(op.NotBefore),
	}
}

// poolJSON is a pool as the API shows it.
type poolJSON struct {
	Pool       string     `json:"pool"`
	Count      *int       `json:"count,omitempty"`
	Configured *int       `json:"configured,omitempty"`
	Unsettled  bool       `json:"unsettled,omitempty"`
	Min        int        `json:"min"`
	Max        int        `json:"max"`
	Paused     string     `json:"paused,omitempty"`
	UpUntil    *time.Time `json:"upHeldUntil,omitempty"`
	DownUntil  *time.Time `json:"downHeldUntil,omitempty"`
	Last       *scaling   `json:"lastScaling,omitempty"`
	Drift      *driftJSON `json:"drift,omitempty"`
	Error      string     `json:"error,omitempty"`
}

// driftJSON is a difference between the stack's configuration file and the last successful update.
type driftJSON struct {
	ConfigKey  string  `json:"configKey"`
	File       *string `json:"file,omitempty"`
	Configured *string `json:"configured,omitempty"`
	// Edit says that no update is known that had the file's value.
	Edit bool `json:"edit,omitempty"`
}

// scaling is a past scaling as the API shows it.
type scaling struct {
	Pool      string     `json:"pool"`
	From      int        `json:"from"`
	To        int        `json:"to"`
	Succeeded bool       `json:"succeeded"`
	Start     *time.Time `json:"start"`
	End       *time.Time `json:"end"`
	By        string     `json:"by,omitempty"`
	Message   string     `json:"message,omitempty"`
	// Why is what of the message tells why the pool was scaled.
	Why string `json:"why,omitempty"`
}

func poolOf(s scale.Status, now time.Time) poolJSON {
	p := poolJSON{
		Pool: s.Rule.Pool, Count: s.Count, Configured: s.Configured, Min: s.Rule.Min, Max: s.Rule.Max, Paused: string(s.Rule.Paused),
		UpUntil: ahead(s.UpUntil, now), DownUntil: ahead(s.DownUntil, now), Unsettled: s.Unsettled,
	}
	if s.Last != nil {
		last := scalingOf(*s.Last)
		p.Last = &last
	}
	if d := s.Drift; d != nil {
		p.Drift = &driftJSON{ConfigKey: d.Key, File: d.File, Configured: d.Configured, Edit: d.Edit}
	}
	if s.Err != nil {
		p.Error = s.Err.Error()
	}
	return p
}

// ahead is a time that is still to come; else none.
func ahead(t, now time.Time) *time.Time {
	if !t.After(now) {
		return nil
	}
	return instant(t)
}

func scalingOf(s scale.Scaling) scaling {
	return scaling{
		Pool: s.Pool, From: s.From, To: s.To, Succeeded: s.Succeeded, Start: instant(s.Start), End: instant(s.End), By: s.By, Message: s.Message, Why: s.Why(),
	}
}

// statusOf is 202 where anything was accepted, now or before and not done yet, and 200 where there is nothing to wait for.
func statusOf(subs []scale.Submission) int {
	for _, s := range subs {
		if s.Accepted || s.Duplicate && s.Operation.State != scale.Done {
			return http.StatusAccepted
		}
	}
	return http.StatusOK
}
