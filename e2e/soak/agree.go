package main

import (
	"context"
	"fmt"
)

// agree holds against each other what the config file, the last successful update, the state and the workers say of
// each pool. The pool that got nothing but deltas must also be what they add up to.
func (st *site) agree(ctx context.Context, sum int) ([]verdict, error) {
	var out []verdict
	for _, p := range pools() {
		c, err := st.Counts(ctx, st.dir, "soak", p.Name)
		if err != nil {
			return nil, err
		}
		v := verdict{
			promise:  "pool " + p.Name + ": configuration, history, state and workers agree",
			measured: fmt.Sprintf("%d, %d, %d, %d", c.File, c.History, c.State, c.Workers),
		}
		if c.File != c.Workers || c.History != c.Workers || c.State != c.Workers {
			v.breaches = append(v.breaches, "they do not")
		}
		if p.Name == poolSum && c.Workers != sum {
			v.breaches = append(v.breaches, fmt.Sprintf("all deltas that were accepted add up to %d", sum))
		}
		out = append(out, v)
	}
	return out, nil
}
