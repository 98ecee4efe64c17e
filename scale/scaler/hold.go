package scaler

import (
	"github.com/pulumiscale/pulumiscale/scale"
)

// CurrentHolds returns the holds on the stack. Every decision has to look at them.
func (s *Scaler) CurrentHolds() (scale.Holds, error) {
	if s.Holds == nil {
		return nil, nil
	}
	return s.Holds.Holds()
}

// AsOfNow returns the snapshot with the present holds and what is now known of metrics. Neither is read together with
// the stack.
func (s *Scaler) AsOfNow(snap *scale.Snapshot) (*scale.Snapshot, error) {
	holds, err := s.CurrentHolds()
	if err != nil {
		return nil, err
	}
	return snap.HeldBy(holds).WithMetrics(s.Metrics), nil
}
