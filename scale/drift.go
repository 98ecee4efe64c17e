package scale

import (
	"fmt"
	"slices"
)

// OnDrift says what is done if the configuration file's value for a rule's key is one that an older update had.
type OnDrift string

const (
	// Restore puts the value of the last successful update into the file.
	Restore OnDrift = "restore"
	// Keep leaves the file as it is, and reports the drift.
	Keep OnDrift = "keep"
	// Fail refuses to go on.
	Fail OnDrift = "fail"
)

// Drift is a difference between the configuration file and the last successful update, for one rule's key.
type Drift struct {
	Pool, Key string
	// Path is the rule's ConfigPath.
	Path bool
	// File is the text in the file, and Configured is the text in the last successful update; each is nil if there is
	// none.
	File, Configured *string
	// Edit says that no update ever had the file's value: somebody is preparing their own `pulumi up`. The value is
	// left alone.
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

// Drifts returns the differences between the configuration file and the last successful update, for the pools that have
// a count in that update, sorted by pool. If the snapshot does not have the whole history, a value that only a missing
// update had is taken for an edit.
func (s *Snapshot) Drifts() []Drift {
	var out []Drift
	for _, name := range s.Rules.Names() {
		rule, file, configured := s.Rules[name], s.File[name], s.Configured(name)
		if countOf(configured) == nil || sameText(file, configured) {
			continue
		}
		edit := file != nil && !EverHad(s.Updates, name, *file)
		out = append(out, Drift{Pool: name, Key: rule.ConfigKey, Path: rule.ConfigPath, File: file, Configured: configured, Edit: edit})
	}
	return out
}

// EverHad says whether any of the updates had the given text for a pool's key.
func EverHad(updates []Update, pool, text string) bool {
	return slices.ContainsFunc(updates, func(u Update) bool { return sameText(u.Values[pool], &text) })
}

func sameText(a, b *string) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}
