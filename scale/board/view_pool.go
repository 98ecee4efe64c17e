package board

import (
	"fmt"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Target returns the count to which a pool is being scaled; nil if it is not being scaled.
func (v View) Target(pool string) *int {
	for _, op := range v.Under() {
		if op.Pool == pool && op.To != nil && op.Decision.Outcome == string(scale.Scale) {
			return op.To
		}
	}
	return nil
}

// Meter says in words which count and which guardrails a pool has.
func (View) Meter(p Pool) string {
	return fmt.Sprintf("%s: %s, from %d to %d", p.Pool, Count(p.Count), p.Min, p.Max)
}

// Window says which window of a pool's schedules holds, and what comes next; empty if it has no schedules.
func (v View) Window(p Pool) string {
	if p.Schedule == nil {
		return ""
	}
	return OneLine(p.Schedule.Words(v.at), longestSentence)
}

// Metrics say what a pool's metrics are and want; none if its rule names none.
func (View) Metrics(p Pool) []string {
	var out []string
	for _, m := range p.Metrics {
		out = append(out, OneLine(m.Words(), longestSentence))
	}
	return out
}

// NoPools says why there are no pools.
func (v View) NoPools() string {
	if v.Off {
		return "Nothing is scaled until somebody's next pulumi up."
	}
	if v.ReadAt == nil {
		return "The stack has not been read yet."
	}
	return "The stack output " + scale.OutputName + " has no pools."
}

// NeverScaled calls the function [NeverScaled], for templates.
func (View) NeverScaled(among int) string { return NeverScaled(among) }

// Held says what holds scaling off: a hold, a pause, or the rest of the cooldown. It is empty if nothing holds it off.
func (v View) Held(p Pool) string {
	var out []string
	if p.Hold != nil && p.Hold.Until.After(v.at) {
		out = append(out, "held "+v.Left(&p.Hold.Until))
	}
	switch p.Paused {
	case "":
	case string(scale.PauseBoth):
		out = append(out, "paused")
	default:
		out = append(out, "paused "+p.Paused)
	}
	if cooldown := CooldownLeft(v.until(p.Cooldown.UpUntil), v.until(p.Cooldown.DownUntil)); cooldown != "" {
		out = append(out, "cooldown "+cooldown)
	}
	return strings.Join(out, ", ")
}

// until says how long it is until a time; 0 if t is nil.
func (v View) until(t *time.Time) time.Duration {
	if t == nil {
		return 0
	}
	return t.Sub(v.at)
}

// Notes say what is not as it should be with a pool.
func (v View) Notes(p Pool) []Mood {
	var out []Mood
	if p.Problem != "" {
		out = append(out, Mood{Bad, p.Problem})
	}
	if p.Unsettled {
		out = append(out, Mood{Bad, "Half scaled: an update failed or was cut off, so the pool may have resources of the old and of the new count. " +
			"A running server brings it back to the old count automatically; otherwise the next scaling settles it. docs/recovery.md says what to do if that fails."})
	}
	if p.Unverified != "" {
		out = append(out, Mood{Bad, "Not verified: " + p.Unverified + "."})
	}
	if text := v.Withheld(p); text != "" {
		out = append(out, Mood{Warn, text})
	}
	if p.Count != nil && (*p.Count < p.Min || *p.Count > p.Max) {
		out = append(out, Mood{Warn, "The count is outside the guardrails."})
	}
	if p.Count != nil && p.Configured != nil && *p.Count != *p.Configured && v.Target(p.Pool) == nil {
		out = append(out, Mood{Warn, fmt.Sprintf("The stack is configured for %d.", *p.Configured)})
	}
	if d := p.Drift; d != nil {
		text := fmt.Sprintf("Drift: %s is %s in the config file and %s in the last successful update", d.ConfigKey, orMissing(d.File), orMissing(d.Configured))
		if d.Edit {
			text += "; it is taken for an edit on its way to a pulumi up"
		}
		out = append(out, Mood{Warn, text + "."})
	}
	return out
}

// mostPending is how many pending changes of a pool are shown.
const mostPending = 10

// Withheld says which changes keep a pool from being scaled until somebody's pulumi up; it is empty if none do.
func (View) Withheld(p Pool) string {
	if len(p.Pending) == 0 {
		return ""
	}
	var words []string
	for _, change := range p.Pending[:min(mostPending, len(p.Pending))] {
		words = append(words, OneLine(change.String(), longestValue))
	}
	if more := len(p.Pending) - mostPending; more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return "Not scaled while changes are pending: " + strings.Join(words, "; ") + "."
}

func orMissing(text *string) string {
	if text == nil {
		return "missing"
	}
	return OneLine(*text, longestValue)
}
