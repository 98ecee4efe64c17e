package scaler

import (
	"context"
	"fmt"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Drifts returns the differences between the configuration file and the last successful update, for the pools that have
// a count in that update, sorted by pool. It reads the whole history only if the part in the snapshot cannot tell an
// edit from an old value.
func Drifts(ctx context.Context, stack scale.Stack, snap *scale.Snapshot) ([]scale.Drift, error) {
	out := snap.Drifts()
	if snap.Complete || !slices.ContainsFunc(out, func(d scale.Drift) bool { return d.Edit }) {
		return out, nil
	}
	all, err := EveryUpdate(ctx, stack, snap.Rules)
	if err != nil {
		return nil, err
	}
	for i, d := range out {
		out[i].Edit = d.Edit && !scale.EverHad(all, d.Pool, *d.File)
	}
	return out, nil
}

// EveryUpdate returns the whole history of a stack.
func EveryUpdate(ctx context.Context, stack scale.Stack, rules scale.Rules) ([]scale.Update, error) {
	updates, _, err := stack.History(ctx, rules, 0)
	return updates, err
}

// fixDrift deals with the drift of a stack as the mode says, and returns what it has restored. It must be called with
// the lock held.
func fixDrift(ctx context.Context, stack scale.Stack, snap *scale.Snapshot, mode scale.OnDrift, observe scale.Observe) ([]scale.Drift, error) {
	all, err := Drifts(ctx, stack, snap)
	if err != nil {
		return nil, err
	}
	var stale []scale.Drift
	for _, d := range all {
		if d.Edit || mode == scale.Keep || snap.Forms[d.Pool] != "" && mode == scale.Restore {
			observe(scale.Drifted{Drift: d})
		} else {
			stale = append(stale, d)
		}
	}
	if len(stale) == 0 {
		return nil, nil
	}
	if mode == scale.Fail {
		return nil, &scale.DriftError{Drifts: stale}
	}
	settings := make([]scale.Setting, len(stale))
	for i, d := range stale {
		settings[i] = scale.Setting{Key: d.Key, Path: d.Path, Value: d.Configured}
	}
	if err := stack.Write(settings); err != nil {
		return nil, fmt.Errorf("restore %s: %w", stack.ConfigFile(), err)
	}
	for _, d := range stale {
		snap.File[d.Pool] = d.Configured
		observe(scale.Drifted{Drift: d, Restored: true})
	}
	return stale, nil
}
