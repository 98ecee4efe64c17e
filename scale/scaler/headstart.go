package scaler

import "github.com/pulumiscale/pulumiscale/scale"

// Expected returns the snapshot that a reading is likely to give, and whether that is certain: see [scale.HeadStart].
// Without a head start it returns nil.
func (s *Scaler) Expected() (snap *scale.Snapshot, certain bool) {
	if s.HeadStart == nil {
		return nil, false
	}
	return s.HeadStart.Expected()
}

// Prepare starts the engine for a change that is likely to be the next update: see [scale.HeadStart]. Without a head
// start it does nothing.
func (s *Scaler) Prepare(change scale.Change) (end func()) {
	if s.HeadStart == nil {
		return func() {}
	}
	return s.HeadStart.Prepare(change)
}
