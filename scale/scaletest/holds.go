package scaletest

import (
	"sync"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Holds keep holds in memory.
type Holds struct {
	mu    sync.Mutex
	holds scale.Holds
	err   error
}

func (k *Holds) Holds() (scale.Holds, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.holds, k.err
}

// Fail makes the holds unknown from now on, for a reason; nil makes them known again.
func (k *Holds) Fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

func (k *Holds) ChangeHolds(change func(scale.Holds) scale.Holds) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err == nil {
		k.holds = change(k.holds)
	}
	return k.err
}

// HeldBy are holds in memory that are kept from the beginning.
func HeldBy(holds ...scale.Hold) *Holds { return &Holds{holds: holds} }
