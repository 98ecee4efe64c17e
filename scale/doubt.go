package scale

import (
	"fmt"
	"slices"
)

// Doubt is a count that a successful update of ours has configured, but that the pool is not proved to have.
type Doubt struct {
	// From is the count before that update, nil if it was not known. To is the count that the update configured.
	From *int `json:"from,omitempty"`
	To   int  `json:"to"`
	// Reason says why the pool is not proved to have the count To.
	Reason string `json:"reason"`
	// Stays says that the pool is still at From or near it, as far as is known: the next change starts from there.
	Stays bool `json:"stays,omitempty"`
	// Since says that a later update of the pool or of the whole stack has succeeded. What that update did to the pool
	// is not known here. It may have given the pool its count, and therefore the configured count holds until a preview
	// shows otherwise.
	Since bool `json:"-"`
}

// doubted returns the count that a pool is taken to have in place of the configured count; nil if the configured count
// holds.
func (s *Snapshot) doubted(rule Rule) *int {
	d, doubtful := s.Unverified[rule.Pool]
	if !doubtful || !d.Stays || d.Since || rule.Current != nil || slices.Contains(s.Unsettled, rule.Pool) {
		return nil
	}
	return d.From
}

// IsDoubtful says whether a pool is not proved to have the count that its last update configured.
func (s *Snapshot) IsDoubtful(pool string) bool {
	_, doubtful := s.Unverified[pool]
	return doubtful
}

// UnprovableError says that a preview of a scaling changes none of the pool's targets, so that nothing could prove the
// scaling afterwards.
type UnprovableError struct {
	Move Move
	Key  string
}

func (e *UnprovableError) Error() string {
	return fmt.Sprintf("%s: changing config %q would change none of the pool's targets, so that the scaling could not be proved", e.Move, e.Key)
}

// unprovable returns an [*UnprovableError] if a preview shows nothing by which the move could be proved afterwards,
// else nil.
func (s *Snapshot) unprovable(rule Rule, m Move, preview *Result) error {
	if m.KeepsCount() || slices.Contains(s.Unsettled, rule.Pool) || Touches(rule, preview.Steps) {
		return nil
	}
	if current := preview.Rules[rule.Pool].Current; current != nil && *current == m.To {
		return nil // what the program says is proof enough
	}
	return &UnprovableError{Move: m, Key: rule.ConfigKey}
}

// Touches says whether any of the steps changes one of a rule's targets.
func Touches(rule Rule, steps []ResourceStep) bool {
	targeted := MatchTargets(rule.Targets...)
	return slices.ContainsFunc(steps, func(step ResourceStep) bool { return targeted(step.URN) })
}
