package main

import (
	"context"
	"fmt"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// stack is a deployed program with one stack, dev.
type stack struct {
	lab      *lab.Lab
	id, dir  string
	pools    int
	expected []int // the pools' sizes
	// flags are more flags of its servers.
	flags []string
}

// shape is what a program is like.
type shape struct {
	pools int
	// resources is how many resources there are in all. Those beside the pools are neighbours that no rule names. Zero
	// is one resource beside the pools.
	resources int
	// rule is what each pool's rule says besides target, key and guardrails.
	rule string
	// copied says that copies of the program elsewhere work on the same cloud.
	copied bool
}

// initial is the size of each pool at first, and largest is its rule's max.
const (
	initial = 4
	largest = 400
)

// unusual is the first of the counts that no round sets a pool to.
const unusual = initial + 10

// counts are what the rounds set a pool to. A round never sets what the pool has already.
func counts(round int) int { return initial + 2 + round%6 }

// deploy deploys a program of its own for a way of doing something.
func (b *bench) deploy(ctx context.Context, id string, s shape) (*stack, error) {
	st := &stack{lab: b.Lab, id: id, pools: s.pools}
	program := lab.Program{Name: id, Others: max(s.resources-s.pools, 1), Copied: s.copied}
	for i := range s.pools {
		st.expected = append(st.expected, initial)
		program.Pools = append(program.Pools, lab.Pool{Name: poolName(i), Size: initial, Max: largest, Rule: s.rule})
	}
	var err error
	if st.dir, err = b.Deploy(ctx, program); err != nil {
		return nil, err
	}
	if err := st.check(); err != nil {
		return nil, err
	}
	return st, nil
}

func poolName(i int) string { return fmt.Sprintf("pool-%d", i) }

// urn is that of the first pool.
func (s *stack) urn() string {
	return "urn:pulumi:dev::" + s.id + "::localcloud:index:Pool::" + poolName(0)
}

// check counts the workers of each pool.
func (s *stack) check() error {
	for i, want := range s.expected {
		workers, err := lab.Workers(s.dir, poolName(i))
		if err != nil {
			return err
		}
		if workers != want {
			return fmt.Errorf("%s: %s has %d workers and should have %d", s.id, poolName(i), workers, want)
		}
	}
	return nil
}
