package scale

import (
	"slices"
	"time"
)

// Standing tells how a pool stands at a moment.
type Standing struct {
	Rule Rule
	// Count is the present count; nil if it is not known.
	Count *int
	// Configured is the count in the last successful update; nil if there is none.
	Configured *int
	// UpUntil and DownUntil are when the cooldown lets a scaling in that direction through; zero or in the past if it
	// does already.
	UpUntil, DownUntil time.Time
	// Last is the last successful scaling; nil if none is known. If it is nil, LastAmong is the number of newest
	// updates that were looked at, or 0 if these were all updates, so that there was no scaling.
	Last      *Scaling
	LastAmong int
	// Drift is the difference to the configuration file; nil if there is none. Restored says that the value in the file
	// has just been restored.
	Drift    *Drift
	Restored bool
	// Unsettled says that an update began to scale the pool and then failed or was cut off, so that the pool may be
	// left between two counts: see [Snapshot.Unsettled]. Count is then the count before that update.
	Unsettled bool
	// Pending are the changes that would come along with a scaling, as far as a proof tells; nil if the rule allows
	// them.
	Pending []PendingChange
	// Hold keeps the pool as it is; nil if nobody holds it.
	Hold *Hold
	// Unverified says why the pool is not proved to have the configured count; nil if there is no doubt.
	Unverified *Doubt
	// Metrics are what is known of the rule's metrics, in the rule's order, and MetricsWant is the decision on what
	// they want now. Both are nil if the rule has none, or if nobody looks at them here.
	Metrics     []MetricStanding
	MetricsWant *Decision
	// Err says why the pool cannot be scaled, a [*ValueError]; nil if it can.
	Err error
}

// Standing tells how the pool of one of the rules stands, except for drift in the configuration file: see
// [Snapshot.Drifts].
func (s *Snapshot) Standing(rule Rule, now time.Time) Standing {
	pool, err := s.Pool(rule)
	standing := Standing{Rule: rule, Count: pool.Count, Configured: pool.Configured, Err: err}
	standing.Unsettled = slices.Contains(s.Unsettled, rule.Pool) || len(s.lostCreations(rule)) > 0
	standing.Hold = s.Holds.On(rule.Pool, now)
	if d, doubtful := s.Unverified[rule.Pool]; doubtful {
		standing.Unverified = &d
	}
	standing.UpUntil = cooldownEnd(rule.Cooldown, pool, Up, now)
	standing.DownUntil = cooldownEnd(rule.Cooldown, pool, Down, now)
	if metrics, looked := s.Metrics[rule.Pool]; looked && err == nil {
		standing.Metrics = metrics.standings(rule, pool.Count, now)
		want := Decide(rule, pool, Intent{Pool: rule.Pool, ToMetrics: true}, now)
		standing.MetricsWant = &want
	}
	for _, scaling := range Scalings(s.Updates, rule.Pool) {
		if scaling.Succeeded {
			standing.Last = &scaling
			break
		}
	}
	if standing.Last == nil && !s.Complete {
		standing.LastAmong = len(s.Updates)
	}
	return standing
}

// Standings tells how every pool stands, sorted by name. It tells of drift as far as the snapshot knows: see
// [Snapshot.Drifts]. A proof, which may be nil, says what is pending.
func (s *Snapshot) Standings(now time.Time, proof *Proof) []Standing {
	drifts := s.Drifts()
	out := make([]Standing, 0, len(s.Rules))
	for _, name := range s.Rules.Names() {
		standing := s.Standing(s.Rules[name], now)
		if i := slices.IndexFunc(drifts, func(d Drift) bool { return d.Pool == name }); i >= 0 {
			standing.Drift = &drifts[i]
		}
		if len(s.NeedProof([]string{name})) > 0 {
			standing.Pending = proof.Pending(name)
		}
		out = append(out, standing)
	}
	return out
}
