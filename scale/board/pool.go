package board

import (
	"fmt"
	"strconv"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Pools are the pools as they stand, and what is known of the program: a part of the documents of `rules` and GET
// /pools.
type Pools struct {
	Stack string `json:"stack"`
	Pools []Pool `json:"pools"`
	// Deployed is the newest update that is not a scaling by PulumiScale. Commit is the commit that the checkout is at.
	// ConfigDiffers has the keys whose values differ between the config file and the last successful update.
	Deployed      *scale.Deploy `json:"deployed,omitempty"`
	Commit        string        `json:"commit,omitempty"`
	ConfigDiffers []string      `json:"configDiffers,omitempty"`
}

// PoolsOf makes the document of pools as they stand at the time now.
func PoolsOf(stack string, statuses []scale.Standing, program scale.Program, now time.Time) Pools {
	doc := Pools{
		Stack: stack, Pools: make([]Pool, len(statuses)), Deployed: program.Deploy, Commit: program.Commit, ConfigDiffers: program.ConfigDiffers,
	}
	for i, status := range statuses {
		doc.Pools[i] = PoolOf(status, now)
	}
	return doc
}

// Pool is a pool's rule and how the pool stands.
type Pool struct {
	Pool string `json:"pool"`
	// Count is the present count, and Configured the count of the last successful update.
	Count      *int `json:"count"`
	Configured *int `json:"configured"`
	// Min and Max are the guardrails in force.
	Min int `json:"min"`
	Max int `json:"max"`
	// Schedule says which window Min and Max are from, and what comes next; absent if the rule has no schedules.
	Schedule *Schedule `json:"schedule,omitempty"`

	Targets          []string `json:"targets"`
	TargetDependents bool     `json:"targetDependents"`
	ConfigKey        string   `json:"configKey"`
	ConfigPath       bool     `json:"configPath"`
	Refresh          bool     `json:"refresh"`
	Guard            []string `json:"guard"`
	Strategy         string   `json:"strategy"`
	// Metrics are the metrics of the rule, as they stand; absent if the rule has none.
	Metrics []Metric `json:"metrics,omitempty"`
	// MetricsWant is the decision on the count that the metrics want now; absent if this process does not look at
	// metrics.
	MetricsWant *Decision `json:"metricsWant,omitempty"`
	// Paused is "both", "up" or "down"; absent if the rule pauses nothing.
	Paused   string   `json:"paused,omitempty"`
	Cooldown Cooldown `json:"cooldown"`
	Last     *Scaling `json:"lastScaling,omitempty"`
	// LastAmong is how many of the newest updates were looked at, without a scaling among them. It is absent if all
	// updates were looked at, or if there is a last scaling.
	LastAmong int    `json:"notScaledAmong,omitempty"`
	Drift     *Drift `json:"drift,omitempty"`
	// Restored says that the file has just been given the value of the last successful update.
	Restored bool `json:"restored"`
	// Unsettled says that an update which failed or was cut off left the pool between two counts. The next scaling
	// settles the pool.
	Unsettled bool `json:"unsettled"`
	// Pending are the changes that a scaling would bring along. While there are any, scalings are refused. They are
	// absent if there are none, or if it is not known whether there are any.
	Pending []scale.PendingChange `json:"pending,omitempty"`
	// Hold is the hold in force, on the pool or on the whole stack.
	Hold *Hold `json:"hold,omitempty"`
	// Unverified says why it is not proved that the pool has the configured count, although the update succeeded.
	Unverified string `json:"unverified,omitempty"`
	// Problem says why the pool cannot be scaled.
	Problem string `json:"problem,omitempty" text:"lines"`
	// Check is what `rules --verify` found; absent without --verify.
	Check *RuleCheck `json:"proof,omitempty"`
}

// Cooldown is a rule's cooldown, in seconds, and until when it holds. UpUntil or DownUntil is absent if no cooldown
// holds in that direction.
type Cooldown struct {
	Up         float64    `json:"up"`
	Down       float64    `json:"down"`
	UpUntil    *time.Time `json:"upUntil,omitempty"`
	DownUntil  *time.Time `json:"downUntil,omitempty"`
	OnCooldown string     `json:"onCooldown"`
}

// Schedule says which window of a rule's schedules sets the guardrails in force.
type Schedule struct {
	// Window is the window's name. It is absent if no window holds, so that the rule's own guardrails are in force.
	Window string `json:"window,omitempty"`
	// Next are the guardrails that come next; absent if they never change.
	Next *NextBounds `json:"next,omitempty"`
}

// NextBounds are guardrails that will be in force from At on.
type NextBounds struct {
	At     time.Time `json:"at"`
	Min    int       `json:"min"`
	Max    int       `json:"max"`
	Window string    `json:"window,omitempty"`
}

// ScheduleOf says which window sets the guardrails of a rule at a time; nil if the rule has no schedules.
func ScheduleOf(rule scale.Rule, now time.Time) *Schedule {
	if len(rule.Schedules) == 0 {
		return nil
	}
	out := &Schedule{Window: rule.Bounds(now).Window}
	if at, next, ok := rule.NextBounds(now); ok {
		out.Next = &NextBounds{At: at, Min: next.Min, Max: next.Max, Window: next.Window}
	}
	return out
}

// Words says which window holds, and what comes next. Times are in the zone of now.
func (s *Schedule) Words(now time.Time) string {
	text := "no window"
	if s.Window != "" {
		text = "window " + s.Window
	}
	if s.Next == nil {
		return text
	}
	text += fmt.Sprintf(" until %s, then %d to %d", Soon(s.Next.At.In(now.Location()), now), s.Next.Min, s.Next.Max)
	if s.Next.Window != "" {
		text += " by " + s.Next.Window
	}
	return text
}

// Metric is a metric of a pool as it stands.
type Metric struct {
	Metric string `json:"metric"`
	// Source is "prometheus" or "http", and Every how often it is looked at, in seconds.
	Source string  `json:"source"`
	Every  float64 `json:"every"`
	// At is when the metric was last looked at; absent if it was not. Value is the value that was found, and Wanted the
	// count that the metric wants; each is absent if there is none. Problem says why there is no value.
	At      *time.Time `json:"at,omitempty"`
	Value   *float64   `json:"value,omitempty"`
	Wanted  *int       `json:"wanted,omitempty"`
	Problem string     `json:"problem,omitempty" text:"lines"`
}

func metricsOf(s scale.Standing) []Metric {
	var out []Metric
	for i, m := range s.Rule.Metrics {
		metric := Metric{Metric: m.Name, Source: "prometheus", Every: m.Every.Seconds()}
		if m.HTTP != nil {
			metric.Source = "http"
		}
		if i < len(s.Metrics) {
			seen := s.Metrics[i]
			metric.At, metric.Problem, metric.Wanted = Moment(seen.At), seen.Problem, seen.Wanted
			if seen.Problem == "" {
				metric.Value = &seen.Value
			}
		}
		out = append(out, metric)
	}
	return out
}

// Words says which value a metric has, and which count it wants.
func (m Metric) Words() string {
	switch {
	case m.Problem != "":
		return m.Metric + " has no value: " + m.Problem
	case m.Value == nil:
		return fmt.Sprintf("%s, by %s", m.Metric, m.Source)
	case m.Wanted == nil:
		return fmt.Sprintf("%s is %s", m.Metric, Number(*m.Value))
	}
	return fmt.Sprintf("%s is %s, which wants %d", m.Metric, Number(*m.Value), *m.Wanted)
}

// Number returns a metric's value as text for people.
func Number(f float64) string { return strconv.FormatFloat(f, 'g', 6, 64) }

// RuleCheck is what the engine says about a rule.
type RuleCheck struct {
	OK      bool                 `json:"ok"`
	To      int                  `json:"to"`
	Steps   []scale.ResourceStep `json:"steps"`
	Problem string               `json:"problem,omitempty" text:"lines"`
}

// RuleCheckOf makes the document of a [scale.RuleCheck].
func RuleCheckOf(p scale.RuleCheck) *RuleCheck {
	return &RuleCheck{OK: p.Problem == "", To: p.To, Steps: stepsOf(p.Steps), Problem: p.Problem}
}

// PoolOf makes the document of a pool as it stands at the time now. Cooldowns that have ended by now are left out.
func PoolOf(s scale.Standing, now time.Time) Pool {
	rule := s.Rule
	bounds := rule.Bounds(now)
	p := Pool{
		Pool: rule.Pool, Count: s.Count, Configured: s.Configured, Min: bounds.Min, Max: bounds.Max, Schedule: ScheduleOf(rule, now),
		Targets: append([]string{}, rule.Targets...), TargetDependents: rule.TargetDependents,
		ConfigKey: rule.ConfigKey, ConfigPath: rule.ConfigPath, Refresh: rule.Refresh, Guard: []string{},
		Strategy: string(rule.Strategy.Type), Paused: string(rule.Paused),
		Cooldown: Cooldown{
			Up: rule.Cooldown.Up.Seconds(), Down: rule.Cooldown.Down.Seconds(),
			UpUntil: Moment(ahead(s.UpUntil, now)), DownUntil: Moment(ahead(s.DownUntil, now)), OnCooldown: string(rule.OnCooldown),
		},
		LastAmong: s.LastAmong, Restored: s.Restored, Unsettled: s.Unsettled, Pending: s.Pending, Hold: HoldOf(s.Hold),
	}
	p.Metrics = metricsOf(s)
	if s.MetricsWant != nil {
		p.MetricsWant = new(DecisionOf(*s.MetricsWant))
	}
	for _, g := range rule.Guard {
		p.Guard = append(p.Guard, string(g))
	}
	if s.Last != nil {
		p.Last = new(ScalingOf(*s.Last))
	}
	if s.Drift != nil {
		p.Drift = new(driftOf(*s.Drift))
	}
	if s.Unverified != nil {
		p.Unverified = s.Unverified.Reason
	}
	if s.Err != nil {
		p.Problem = s.Err.Error()
	}
	return p
}

// Drift is a difference between the stack's configuration file and the last successful update.
type Drift struct {
	Pool      string `json:"pool"`
	ConfigKey string `json:"configKey"`
	// File is the value in the file or, if the drift was restored, the value that the file had before. Configured is
	// the value of the last successful update. Each is null if there is no value.
	File       *string `json:"file"`
	Configured *string `json:"configured"`
	// Edit says that no known update had the file's value.
	Edit bool `json:"edit"`
}

func driftOf(d scale.Drift) Drift {
	return Drift{Pool: d.Pool, ConfigKey: d.Key, File: d.File, Configured: d.Configured, Edit: d.Edit}
}

// DriftsOf makes the documents of drifts; never nil.
func DriftsOf(of []scale.Drift) []Drift {
	out := make([]Drift, len(of))
	for i, d := range of {
		out[i] = driftOf(d)
	}
	return out
}
