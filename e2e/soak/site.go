package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// site is a deployed program and its server.
type site struct {
	*lab.Lab
	dir    string
	server *lab.Server
}

// The pools, by what they are there for.
const (
	// poolSum gets nothing but deltas, so that what it must be at the end is known.
	poolSum = "sum"
	// poolDirect gets counts and deltas. poolAlerts gets alerts, and poolDefer keeps them for the end of its cooldown.
	poolDirect = "direct"
	poolAlerts = "alerts"
	poolDefer  = "defer"
	poolPaused = "paused"
)

// initial is the size of every pool at first, far from the guardrails. most is its rule's max.
const (
	initial = 100
	most    = 400
)

func pools() []lab.Pool {
	pools := []lab.Pool{
		{Name: poolSum, Rule: "cooldown: 0s"},
		{Name: poolDirect, Rule: "cooldown: 1s"},
		{Name: poolAlerts, Rule: "cooldown: {up: 1s, down: 2s}, strategy: {type: percent, up: 20, down: 10}, triggers: {FewJobs: {direction: down}}"},
		{Name: poolDefer, Rule: "cooldown: 2s, onCooldown: defer, triggers: {FewJobs: {direction: down, delta: 3}}"},
		{Name: poolPaused, Rule: "paused: true"},
	}
	for i := range pools {
		pools[i].Size, pools[i].Max = initial, most
	}
	return pools
}

// open deploys the program, and starts its server.
func (st *site) open(ctx context.Context) (err error) {
	if st.dir, err = st.Deploy(ctx, lab.Program{Name: "soak", Pools: pools()}); err != nil {
		return err
	}
	st.server, err = st.Serve(ctx, st.dir, nil)
	return err
}

// stopped ends the server as an init system does. It says whether the server ended well, and whether its log has what
// must never be there.
func (st *site) stopped() verdict {
	v := verdict{promise: "serve ends on SIGTERM; no panic and no token in its log"}
	err := st.server.Stop()
	text, readErr := os.ReadFile(st.server.Log)
	if err = errors.Join(err, readErr); err != nil {
		v.breaches = append(v.breaches, err.Error())
	}
	for _, never := range []string{"panic", "DATA RACE", lab.Token} {
		if bytes.Contains(text, []byte(never)) {
			v.breaches = append(v.breaches, fmt.Sprintf("the log has %q", never))
		}
	}
	return v
}

// abort ends a server that has broken a promise.
func (st *site) abort() error {
	if st.server == nil {
		return nil
	}
	return st.server.Abort()
}
