// Package scaletest is what the tests of several packages share: a stack in memory, and small rules, intents and
// snapshots.
package scaletest

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Noon is the present of these tests.
var Noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// Ago is that long before noon.
func Ago(d time.Duration) time.Time { return Noon.Add(-d) }

// ToCount, ByDelta, Signal and SignalUp are intents for the worker pool, and APIDelta is one for the api pool.
func ToCount(n int) scale.Intent         { return scale.Intent{Pool: "worker", Count: new(n)} }
func ByDelta(n int) scale.Intent         { return scale.Intent{Pool: "worker", Delta: new(n)} }
func Signal(s scale.Signal) scale.Intent { return scale.Intent{Pool: "worker", Signal: &s} }
func SignalUp() scale.Intent             { return Signal(scale.Signal{Direction: scale.Up}) }
func APIDelta(n int) scale.Intent        { return scale.Intent{Pool: "api", Delta: new(n)} }
func Forced(i scale.Intent) scale.Intent { i.Force = true; return i }

// RuleEdit is how the rule of a case differs from [LeastRule].
type RuleEdit func(*scale.Rule)

func Paused(p scale.Pause) RuleEdit { return func(r *scale.Rule) { r.Paused = p } }
func NoCooldown(r *scale.Rule)      { r.Cooldown = scale.Cooldown{} }
func Allowing(r *scale.Rule)        { r.Pending = scale.AllowPending }

// LeastRule is the rule of the worker pool with the defaults: 1 to 10 units, 5 minutes of cooldown, steps of 1.
func LeastRule() scale.Rule {
	return scale.Rule{
		Pool:       "worker",
		Targets:    []string{WorkerURN},
		ConfigKey:  "workerCount",
		Min:        1,
		Max:        10,
		Cooldown:   scale.Cooldown{Up: 5 * time.Minute, Down: 5 * time.Minute},
		OnCooldown: scale.Ignore,
		Strategy:   scale.Strategy{Type: scale.Step, Up: new(1), Down: new(1)},
		Pending:    scale.RefusePending,
	}
}

// Guarded is a rule with a guard.
func Guarded(g scale.Guard) RuleEdit {
	return func(r *scale.Rule) { r.Guard = []scale.Guard{g} }
}

// Split is a cooldown for each direction.
func Split(up, down time.Duration) RuleEdit {
	return func(r *scale.Rule) { r.Cooldown = scale.Cooldown{Up: up, Down: down, Split: true} }
}

// RuleWith is the least rule with edits, of which any may be nil.
func RuleWith(edits ...RuleEdit) scale.Rule {
	rule := LeastRule()
	for _, edit := range edits {
		if edit != nil {
			edit(&rule)
		}
	}
	return rule
}

// Outcomes are those of a plan's decisions.
func Outcomes(p scale.Plan) []scale.Outcome {
	var out []scale.Outcome
	for _, d := range p.Decisions {
		out = append(out, d.Outcome)
	}
	return out
}

// ProviderURN is that of a provider of the stack's program.
const ProviderURN = "urn:pulumi:dev::demo::pulumi:providers:pkg::default"

// StepOf is a step of a preview, with changed properties.
func StepOf(op, urn string, properties ...string) scale.ResourceStep {
	s := scale.ResourceStep{Op: op, URN: urn, Type: "pkg:index:T", Name: urn[strings.LastIndex(urn, ":")+1:]}
	for _, path := range properties {
		s.Diffs = append(s.Diffs, scale.PropertyDiff{Path: path, Old: "a", New: "b"})
	}
	return s
}

// Waiting is the pending change that such a step shows.
func Waiting(op, urn string, properties ...string) scale.PendingChange {
	s := StepOf(op, urn)
	return scale.PendingChange{Op: op, URN: urn, Type: s.Type, Name: s.Name, Properties: properties}
}

// Texts maps pools to Texts, which it takes in pairs; the text "-" is none.
func Texts(pairs ...string) map[string]*string {
	out := map[string]*string{}
	for pair := range slices.Chunk(pairs, 2) {
		out[pair[0]] = nil
		if pair[1] != "-" {
			out[pair[0]] = &pair[1]
		}
	}
	return out
}

// Update is a successful update that ended so long Ago, with these values.
func Update(age time.Duration, pairs ...string) scale.Update {
	return scale.Update{Kind: scale.UpdateUpdate, Succeeded: true, End: Ago(age), Values: Texts(pairs...)}
}

// By, Failed, OfKind and OurUpdate are an update with that id, one that failed, one of a kind of Pulumi's, and one of
// PulumiScale's with a message and the pools that it was to scale.
func By(u scale.Update, id string) scale.Update       { u.ID = id; return u }
func Failed(u scale.Update) scale.Update              { u.Succeeded = false; return u }
func OfKind(u scale.Update, kind string) scale.Update { u.Kind = kind; return u }

func OurUpdate(u scale.Update, message string, pools ...string) scale.Update {
	u.Message, u.Pools = message, pools
	return u
}

// TwoPools are the rules of a worker pool and of an api pool.
func TwoPools() scale.Rules {
	api := LeastRule()
	api.Pool, api.Targets, api.ConfigKey = "api", []string{APIURN}, "apiCount"
	return scale.Rules{"api": api, "worker": LeastRule()}
}

// Snapshot is a stack of two pools with 3 workers and 2 apis, in the file as well.
func Snapshot(edits ...func(*scale.Snapshot)) *scale.Snapshot {
	s := &scale.Snapshot{
		Rules: TwoPools(), Resources: []string{StackURN, WorkerURN, APIURN},
		Updates: []scale.Update{Update(time.Hour, "worker", "3", "api", "2")}, Complete: true,
		File: Texts("worker", "3", "api", "2"), Head: "head",
	}
	for _, edit := range edits {
		edit(s)
	}
	return s
}

// WithRule, WithFile and WithUpdates edit a snapshot: a pool's rule, counts in the file, in pairs, and the history.
func WithRule(pool string, edit RuleEdit) func(*scale.Snapshot) {
	return func(s *scale.Snapshot) {
		rule := s.Rules[pool]
		edit(&rule)
		s.Rules[pool] = rule
	}
}

func WithFile(pairs ...string) func(*scale.Snapshot) {
	return func(s *scale.Snapshot) { maps.Copy(s.File, Texts(pairs...)) }
}

func WithUpdates(updates ...scale.Update) func(*scale.Snapshot) {
	return func(s *scale.Snapshot) { s.Updates = updates }
}

// SettingsOf are settings of keys, in pairs; the text "-" takes a key away.
func SettingsOf(pairs ...string) []scale.Setting {
	var out []scale.Setting
	for pair := range slices.Chunk(pairs, 2) {
		out = append(out, scale.Setting{Key: pair[0], Value: Texts(pair...)[pair[0]]})
	}
	return out
}

// NothingPending is a proof of just that.
func NothingPending(snap *scale.Snapshot) *scale.Proof {
	proof := &scale.Proof{Head: snap.Head, Pools: map[string]scale.PoolProof{}}
	for name := range snap.Rules {
		proof.Pools[name] = scale.PoolProof{}
	}
	return proof
}
