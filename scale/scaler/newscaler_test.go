package scaler

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// scaler works on the stack with two retries.
func scalerOf(f *scaletest.Stack) *Scaler {
	return &Scaler{
		Stack: f, HeadStart: f, OnDrift: scale.Restore, Retries: 2, RetryDelay: time.Second,
		Observe: func(e scale.Event) { f.Observed = append(f.Observed, e) },
		Now:     func() time.Time { return scaletest.Noon },
	}
}
