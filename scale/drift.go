package scale

import (
	"context"
	"fmt"
	"slices"
)

// OnDrift says what is done if the configuration file's value for a rule's key is one that an older update had.
type OnDrift string

const (
	// Restore puts the last scaled value into the file.
	Restore OnDrift = "restore"
	// Keep leaves the file as it is and says so.
	Keep OnDrift = "keep"
	// Fail refuses to go on.
	Fail OnDrift = "fail"
)

// Drift is a difference between the configuration file and the last successful update, for one rule's key.
type Drift struct {
	Pool, Key string
	// Path is the rule's ConfigPath.
	Path bool
	// File is the text in the file and Configured that of the last successful update; each is nil if there is none.
	File, Configured *string
	// Edit says that no update ever had the file's value: somebody is preparing their own `pulumi up`. It is left
	// alone.
	Edit bool
}

func (d Drift) String() string {
	return fmt.Sprintf("pool %s: config %q is %s in the file and %s in the last successful update",
		d.Pool, d.Key, textOr(d.File, "missing"), textOr(d.Configured, "missing"))
}

func textOr(text *string, or string) string {
	if text == nil {
		return or
	}
	return *text
}

// drifts compares the configuration file with the last successful update, pool by pool in their order, for pools that
// have a count there. Without the whole history, a value of long ago passes for an edit.
func (s *Snapshot) drifts() []Drift {
	var out []Drift
	for _, name := range s.Rules.Names() {
		rule, file, configured := s.Rules[name], s.File[name], s.Configured(name)
		if countOf(configured) == nil || sameText(file, configured) {
			continue
		}
		edit := file != nil && !everHad(s.Updates, name, *file)
		out = append(out, Drift{Pool: name, Key: rule.ConfigKey, Path: rule.ConfigPath, File: file, Configured: configured, Edit: edit})
	}
	return out
}

// Drifts compares the configuration file with the last successful update, pool by pool in their order, for pools that
// have a count there. It reads the whole history only if the part in the snapshot cannot tell an edit from an old
// value.
func Drifts(ctx context.Context, stack Stack, snap *Snapshot) ([]Drift, error) {
	out := snap.drifts()
	if snap.Complete || !slices.ContainsFunc(out, func(d Drift) bool { return d.Edit }) {
		return out, nil
	}
	all, err := EveryUpdate(ctx, stack, snap.Rules)
	if err != nil {
		return nil, err
	}
	for i, d := range out {
		out[i].Edit = d.Edit && !everHad(all, d.Pool, *d.File)
	}
	return out, nil
}

// everyUpdate is the whole history of a stack.
func EveryUpdate(ctx context.Context, stack Stack, rules Rules) ([]Update, error) {
	updates, _, err := stack.History(ctx, rules, 0)
	return updates, err
}

func everHad(updates []Update, pool, text string) bool {
	return slices.ContainsFunc(updates, func(u Update) bool { return sameText(u.Values[pool], &text) })
}

func sameText(a, b *string) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// settle deals with the drift of a stack as the mode says. It must be called with the lock held.
func settle(ctx context.Context, stack Stack, snap *Snapshot, mode OnDrift, observe Observe) ([]Drift, error) {
	all, err := Drifts(ctx, stack, snap)
	if err != nil {
		return nil, err
	}
	var stale []Drift
	for _, d := range all {
		if d.Edit || mode == Keep || snap.Forms[d.Pool] != "" && mode == Restore {
			observe(Drifted{Drift: d})
		} else {
			stale = append(stale, d)
		}
	}
	if len(stale) == 0 {
		return nil, nil
	}
	if mode == Fail {
		return nil, &DriftError{Drifts: stale}
	}
	settings := make([]Setting, len(stale))
	for i, d := range stale {
		settings[i] = Setting{Key: d.Key, Path: d.Path, Value: d.Configured}
	}
	if err := stack.Write(settings); err != nil {
		return nil, fmt.Errorf("restore %s: %w", stack.ConfigFile(), err)
	}
	for _, d := range stale {
		snap.File[d.Pool] = d.Configured
		observe(Drifted{Drift: d, Restored: true})
	}
	return stale, nil
}
