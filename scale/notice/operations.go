package notice

import (
	"cmp"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// ofOperations returns the notices about operations that are done, and about the troubles that these operations end.
// One notice tells of all operations of a pool in a batch. So operations must contain every operation of each batch in
// it.
func ofOperations(operations []queue.Operation) []Notice {
	type group struct{ pool, update string }
	var order []group
	groups := map[group][]queue.Operation{}
	for _, op := range operations {
		if op.State != queue.Done || op.Update == "" {
			continue
		}
		g := group{op.Intent.Pool, op.Update}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], op)
	}
	var out []Notice
	for _, g := range order {
		out = append(out, ofBatch(groups[g])...)
	}
	return out
}

// ofBatch returns the notices about the operations of one pool that one batch carried out. If operations failed, only
// these are told. If none failed and some are unverified, only the unverified ones are told.
func ofBatch(operations []queue.Operation) []Notice {
	slices.SortFunc(operations, func(a, b queue.Operation) int { return cmp.Compare(a.ID, b.ID) })
	with := func(results ...queue.Final) (out []queue.Operation) {
		for _, op := range operations {
			if slices.Contains(results, op.Result) {
				out = append(out, op)
			}
		}
		return out
	}
	if failed := with(queue.FinalFailed); len(failed) > 0 {
		kind := Failed
		if slices.ContainsFunc(failed, func(op queue.Operation) bool { return op.GivenUp }) {
			kind = GivenUp
		}
		return []Notice{ofDone(kind, failed)}
	}
	if doubtful := with(queue.FinalUnverified); len(doubtful) > 0 {
		return []Notice{ofDone(Unverified, doubtful)}
	}
	out := []Notice(nil)
	limited := slices.ContainsFunc(operations, func(op queue.Operation) bool { return isLimited(op.Decision) })
	if scaled := with(queue.FinalScaled); len(scaled) > 0 {
		n := ofDone(Scaled, scaled)
		out = append(out, n, recovery(n, without(endedByScaling(), limited, Clamped)))
	}
	for _, op := range operations {
		if n, ok := ofDecision(op.Decision, op); ok {
			out = append(out, n)
			break
		}
	}
	return out
}

// ofDone returns one notice about operations of one pool and batch.
func ofDone(kind Kind, operations []queue.Operation) Notice {
	first, last := operations[0], operations[len(operations)-1]
	n := Notice{
		ID: idOf("operation", first.Intent.Pool, first.Update), Kind: kind, Time: first.EndedAt, Pool: first.Intent.Pool, From: first.From, To: last.To,
		Source: first.Intent.Source, Reason: first.Intent.Reason, Operation: first.ID, Update: first.Update,
	}
	for _, op := range operations {
		if op.Error != "" {
			n.Error = op.Error
		}
		if op.EndedAt.After(n.Time) {
			n.Time = op.EndedAt
		}
	}
	if d := last.Decision; n.To == nil && d.Outcome == scale.Scale {
		n.To = &d.To
	}
	if d := last.Decision; d.Wanted != 0 {
		n.Wanted = &d.Wanted
	}
	return n
}

// ofDecision returns a notice about a decision that does not give all that was wanted; ok is false if there is nothing
// to tell. op is the operation that was decided; zero if there is none.
func ofDecision(d scale.Decision, op queue.Operation) (n Notice, ok bool) {
	if scale.IsA[*scale.UnknownPoolError](d.Err) { // a sender made up the name, which could hold any text
		return n, false
	}
	n = Notice{
		Pool: d.Intent.Pool, From: d.From, Source: d.Intent.Source, Reason: d.Intent.Reason, Operation: op.ID, Update: op.Update, Time: op.EndedAt,
		Error: d.Reason,
	}
	switch {
	case isLimited(d):
		n.Kind, n.To, n.Wanted, n.Error = Clamped, &d.To, &d.Wanted, ""
	case d.Intent.ToBounds && isRefusal(d.Outcome):
		n.Kind = WindowRefused
	case d.Outcome == scale.HasPending:
		n.Kind, n.Error = Pending, scale.DescribePending(d.Pending)
		if n.Error == "" {
			n.Error = d.Reason
		}
	case d.Outcome == scale.Guarded || d.Outcome == scale.Refused:
		n.Kind, n.Reason, n.Error = Refused, d.Reason, ""
	default:
		return n, false
	}
	n.ID = idOf(string(n.Kind), op.ID, op.Update, n.Pool, n.Reason, n.Error)
	return n, true
}

// isLimited says whether more was wanted than the upper guardrail allows.
func isLimited(d scale.Decision) bool {
	return d.Clamped && d.Wanted > d.To && (d.Outcome == scale.Scale || d.Outcome == scale.NoChange)
}

// isRefusal says whether an outcome leaves a pool outside of its bounds.
func isRefusal(o scale.Outcome) bool {
	return slices.Contains([]scale.Outcome{scale.Paused, scale.Held, scale.HasPending, scale.Guarded, scale.Refused}, o)
}

// recovery returns the notice that the troubles of the kinds in ends are over. Its time, pool and metric come from the
// notice in of. [Tracker] drops it if none of these troubles lasted.
func recovery(of Notice, ends []Kind) Notice {
	return Notice{ID: idOf("recovered", of.ID), Kind: Recovered, Time: of.Time, Pool: of.Pool, Metric: of.Metric, Ends: ends, Operation: of.Operation, Update: of.Update}
}

// without returns kinds. If holds is true, it leaves out the kind one.
func without(kinds []Kind, holds bool, one Kind) []Kind {
	if !holds {
		return kinds
	}
	return slices.DeleteFunc(kinds, func(k Kind) bool { return k == one })
}
