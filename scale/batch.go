package scale

import "time"

// decidePool decides several intents for one pool, to be carried out by one update. It also returns the pool as they
// leave it.
//
// Signals come first and make one change. Each is decided against the present count, and the one that needs the most
// capacity wins. It also wins over one that is held off: if signals disagree, it is safer to have too much. Direct
// intents then follow one another as they came. Each starts from where the one before leaves the pool: an absolute one
// wins over those before it, deltas add up.
func decidePool(rule Rule, pool Pool, intents []Intent, now time.Time) ([]Decision, Pool) {
	decisions := make([]Decision, len(intents))
	winner := -1
	for i, intent := range intents {
		if intent.Signal == nil {
			continue
		}
		decisions[i] = Decide(rule, pool, intent, now)
		if counts(decisions[i]) && (winner < 0 || decisions[i].To > decisions[winner].To) {
			winner = i
		}
	}
	for i := range decisions {
		if i != winner && decisions[i].Outcome == Scale {
			decisions[i] = decisions[i].WithOutcome(Superseded, "another signal for the pool needs as much or more")
		}
	}
	if winner >= 0 {
		pool = pool.after(decisions[winner])
	}
	for i, intent := range intents {
		if intent.Signal == nil {
			decisions[i] = Decide(rule, pool, intent, now)
			pool = pool.after(decisions[i])
		}
	}
	return decisions, pool
}

// counts says whether a signal's decision has a say in what the pool needs.
func counts(d Decision) bool {
	pausedOneWay := d.Outcome == Paused && d.To > 0
	return d.Outcome == Scale || d.Outcome == NoChange || d.Outcome == CoolingDown || pausedOneWay
}

// after is the pool as a decision leaves it, once it is carried out.
func (p Pool) after(d Decision) Pool {
	if d.Outcome == Scale {
		p.Count, p.Configured = &d.To, &d.To
	}
	return p
}
