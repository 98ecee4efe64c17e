package scaler

import (
	"github.com/pulumiscale/pulumiscale/scale"
)

// CurrentHolds are the holds on the stack. Every decision has to look at them.
func (s *Scaler) CurrentHolds() (scale.Holds, error) {
	if s.Holds == nil {
		return nil, nil
	}
	return s.Holds.Holds()
}

// WithHolds is the snapshot with the holds of this moment.
func (s *Scaler) WithHolds(snap *scale.Snapshot) (*scale.Snapshot, error) {
	holds, err := s.CurrentHolds()
	if err != nil {
		return nil, err
	}
	return snap.HeldBy(holds), nil
}
