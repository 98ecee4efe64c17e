package notice

import (
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Direct returns the notices about what a command did by itself, without a queue. report is nil if nothing was done.
// err says what went wrong; nil if nothing did. now is the time of the notices.
func Direct(from Origin, intents []scale.Intent, report *scale.Report, err error, now time.Time) []Notice {
	var out []Notice
	add := func(n Notice) {
		n.Time, n.ID = now, idOf("direct", string(n.Kind), n.Pool, now.UTC().Format(time.RFC3339Nano))
		out = append(out, from.complete(n))
	}
	if report == nil {
		if err == nil {
			return nil
		}
		for _, i := range intents {
			add(Notice{Kind: Failed, Pool: i.Pool, To: i.Count, Source: i.Source, Reason: i.Reason, Error: err.Error()})
		}
		return out
	}
	for _, d := range report.Decisions {
		if n, ok := ofResult(d, report, err); ok {
			add(n)
		}
		if n, ok := ofDecision(d, queue.Operation{}); ok {
			add(n)
		}
	}
	return out
}

// ofResult returns a notice about the scaling that a decision led to; ok is false if it led to none.
func ofResult(d scale.Decision, report *scale.Report, err error) (n Notice, ok bool) {
	at := slices.IndexFunc(report.Results, func(r scale.MoveResult) bool { return r.Pool == d.Intent.Pool })
	if at < 0 || d.Outcome != scale.Scale {
		return n, false
	}
	r := report.Results[at]
	n = Notice{Kind: Scaled, Pool: r.Pool, From: r.From, To: &r.To, Source: d.Intent.Source, Reason: d.Intent.Reason, Update: report.Change.ID}
	if r.Unverified != "" {
		n.Kind, n.Error = Unverified, r.Unverified
	} else if err != nil {
		n.Error = err.Error()
	}
	return n, true
}
