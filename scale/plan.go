package scale

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Move is a pool's way from one count to another in an update.
type Move struct {
	Pool string
	// From is nil if the count before is not known.
	From *int
	To   int
	// Why names the sources and reasons of the intents behind the move.
	Why string
}

// KeepsCount says whether the pool is known to be at the count To already.
func (m Move) KeepsCount() bool { return equal(m.From, m.To) }

func (m Move) String() string {
	from := "?"
	if m.From != nil {
		from = strconv.Itoa(*m.From)
	}
	return fmt.Sprintf("%s %s -> %d", m.Pool, from, m.To)
}

// Plan is what is to be done for some intents: a decision on each, in their order, and one change that carries out all
// of them.
type Plan struct {
	Decisions []Decision
	// Moves are the pools to scale, by name. If it is empty, there is nothing to do.
	Moves  []Move
	Change Change
	// Found holds, by pool, the size in the state that something other than an update has changed, as far as a preview
	// has shown it.
	Found map[string]int
}

// MakePlan decides every intent on the snapshot, and puts all pools with work into one change.
func MakePlan(snap *Snapshot, intents []Intent, now time.Time) Plan {
	p := Plan{Decisions: make([]Decision, len(intents))}
	byPool := map[string][]int{}
	for i, intent := range intents {
		byPool[intent.Pool] = append(byPool[intent.Pool], i)
	}
	for _, name := range slices.Sorted(maps.Keys(byPool)) {
		at := byPool[name]
		decisions, move := planPool(snap, name, pick(intents, at), now)
		for j, i := range at {
			p.Decisions[i] = decisions[j]
		}
		if move != nil {
			p.Moves = append(p.Moves, *move)
		}
	}
	p.Change = ChangeFor(snap, p.Moves)
	return p
}

// planPool decides the intents of one pool; the move is nil if nothing needs to be done.
func planPool(snap *Snapshot, name string, intents []Intent, now time.Time) ([]Decision, *Move) {
	rule, err := snap.Rules.Find(name)
	if err != nil {
		return refuseAll(intents, err), nil
	}
	pool, err := snap.Pool(rule)
	if err == nil {
		err = snap.CheckFile(rule)
	}
	if err != nil {
		return refuseAll(intents, err), nil
	}
	decisions, after := decidePool(rule, pool, intents, now)
	if pool.Holds.On(name, now) != nil { // a held pool is not settled either
		return decisions, nil
	}
	if !slices.ContainsFunc(decisions, func(d Decision) bool { return d.Outcome == Scale }) {
		return decisions, snap.SettlingMove(rule)
	}
	if equal(pool.Count, *after.Count) && equal(pool.Configured, *after.Count) {
		return decisions, snap.SettlingMove(rule) // intents that cancel each other out
	}
	return decisions, &Move{Pool: name, From: pool.Count, To: *after.Count, Why: why(decisions)}
}

// CheckFile returns a [*ValueError] if the configuration file has something other than a count for the rule's key,
// because that is not ours to overwrite. It also does so if the count cannot be changed without changing something
// else.
func (s *Snapshot) CheckFile(rule Rule) error {
	if form := s.Forms[rule.Pool]; form != "" {
		return &ValueError{Pool: rule.Pool, Key: rule.ConfigKey, Path: rule.ConfigPath, Form: form}
	}
	text := s.File[rule.Pool]
	if text == nil {
		return nil
	}
	if n, err := strconv.Atoi(*text); err != nil || n < 0 {
		return &ValueError{Pool: rule.Pool, Key: rule.ConfigKey, Path: rule.ConfigPath, Found: fmt.Sprintf("%q in the configuration file", *text)}
	}
	return nil
}

func refuseAll(intents []Intent, err error) []Decision {
	out := make([]Decision, len(intents))
	for i, intent := range intents {
		out[i] = Decision{Intent: intent, Outcome: Refused, Reason: err.Error(), Err: err}
	}
	return out
}

// why names what led to a move, as "cli: deploy day, prometheus: HighCPU".
func why(decisions []Decision) string {
	var out []string
	for _, d := range decisions {
		text := d.Intent.Source
		if d.Intent.Reason != "" {
			text += ": " + d.Intent.Reason
		}
		if d.Outcome == Scale && text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

// MessagePrefix begins the message of every update.
const MessagePrefix = "pulumiscale: "

// ChangeFor returns the change that carries out the moves. The change sets the keys of all rules, even of pools that
// are not moved, to the values that they must have after the update. Otherwise a scaling of one pool could carry a
// stale or unfinished value of a different pool's key from the file into the stack's configuration.
func ChangeFor(snap *Snapshot, moves []Move) Change {
	c := Change{Head: snap.Head, Output: snap.Output, History: snap.Stamp.History, Config: snap.Config}
	values := map[string]*string{}
	for _, name := range snap.Rules.Names() {
		values[name] = snap.Configured(name)
	}
	var messages []string
	for _, m := range moves {
		rule := snap.Rules[m.Pool]
		text := strconv.Itoa(m.To)
		values[m.Pool] = &text
		c.Targets = append(c.Targets, rule.Targets...)
		c.TargetDependents = c.TargetDependents || rule.TargetDependents
		c.Refresh = c.Refresh || rule.Refresh || slices.Contains(snap.Unsettled, m.Pool)
		c.BringsAlong = c.BringsAlong || rule.Pending == AllowPending
		c.Pools = append(c.Pools, m.Pool)
		if slices.Contains(snap.Unsettled, m.Pool) {
			c.Unsettled = append(c.Unsettled, m.Pool)
		}
		message := m.String()
		if m.Why != "" {
			message += " (" + m.Why + ")"
		}
		messages = append(messages, message)
	}
	for _, name := range snap.Rules.Names() {
		rule := snap.Rules[name]
		if values[name] != nil && countOf(values[name]) == nil {
			continue // no count, perhaps a secret that is not told: the value in the file stays
		}
		c.Settings = append(c.Settings, Setting{Key: rule.ConfigKey, Path: rule.ConfigPath, Value: values[name]})
	}
	c.Message = MessagePrefix + strings.Join(messages, "; ")
	return c
}

// Unchanged returns a change of nothing: every rule's key stays as it is configured.
func (s *Snapshot) Unchanged() Change { return ChangeFor(s, nil) }

// without calls end for each decision to scale. If end returns true, the decision that it returns replaces the first,
// and the pool is not moved any more. If end returns false, the decision stays as it is.
func (p Plan) without(snap *Snapshot, end func(Decision) (Decision, bool)) Plan {
	dropped := map[string]bool{}
	out := Plan{Decisions: slices.Clone(p.Decisions)}
	for i, d := range out.Decisions {
		if d.Outcome != Scale {
			continue
		}
		if ended, ok := end(d); ok {
			out.Decisions[i], dropped[d.Intent.Pool] = ended, true
		}
	}
	for _, m := range p.Moves {
		if !dropped[m.Pool] {
			out.Moves = append(out.Moves, m)
		}
	}
	out.Change = ChangeFor(snap, out.Moves)
	out.Change.Basis = p.Change.Basis
	return out
}

// move returns the plan's move of a pool; zero if the plan has none.
func (p Plan) move(pool string) Move {
	if i := slices.IndexFunc(p.Moves, func(m Move) bool { return m.Pool == pool }); i >= 0 {
		return p.Moves[i]
	}
	return Move{}
}

// SameMoves says whether two plans do the same.
func (p Plan) SameMoves(q Plan) bool {
	return slices.EqualFunc(p.Moves, q.Moves, func(a, b Move) bool { return a.String() == b.String() })
}

func pick(intents []Intent, at []int) []Intent {
	out := make([]Intent, len(at))
	for i, j := range at {
		out[i] = intents[j]
	}
	return out
}

// SettlingMove returns the move that brings an unsettled pool to the count of the last successful update; nil for other
// pools, and if there is no such count.
func (s *Snapshot) SettlingMove(rule Rule) *Move {
	count := s.ConfiguredCount(rule.Pool)
	if count == nil || !slices.Contains(s.Unsettled, rule.Pool) {
		return nil
	}
	return &Move{Pool: rule.Pool, From: count, To: *count, Why: "after an update that failed or was cut off"}
}

// MakeSettlement returns the plan that settles the pools, as far as they are unsettled.
func MakeSettlement(snap *Snapshot, pools []string) Plan {
	var p Plan
	for _, pool := range pools {
		if move := snap.SettlingMove(snap.Rules[pool]); move != nil {
			p.Moves = append(p.Moves, *move)
		}
	}
	p.Change = ChangeFor(snap, p.Moves)
	return p
}

// OwnerOf returns the first pool that the plan moves and that has the resource among its targets. If there is none, it
// returns the first pool that the plan moves.
func (p Plan) OwnerOf(snap *Snapshot, urn string) string {
	for _, m := range p.Moves {
		if MatchTargets(snap.Rules[m.Pool].Targets...)(urn) {
			return m.Pool
		}
	}
	return p.Moves[0].Pool
}

// OtherPools returns the given pools that the plan does not move.
func (p Plan) OtherPools(pools []string) []string {
	return slices.DeleteFunc(slices.Clone(pools), func(pool string) bool { return p.move(pool).Pool != "" })
}

// lostCreations returns the URNs of a pool's resources whose creation an update began and never ended, and which the
// state does not have. Only the cloud knows whether they exist.
func (s *Snapshot) lostCreations(rule Rule) []string {
	match := MatchTargets(rule.Targets...)
	return slices.DeleteFunc(slices.Clone(s.Pending), func(urn string) bool { return !match(urn) || slices.Contains(s.Resources, urn) })
}
