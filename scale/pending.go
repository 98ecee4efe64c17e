package scale

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Allow says what becomes of a scaling of a pool while changes are pending. It is the value of the rule's `pending`.
type Allow string

const (
	// RefusePending refuses the scaling: what is pending must not come along.
	RefusePending Allow = "refuse"
	// AllowPending lets the scaling through, and what is pending comes along with it.
	AllowPending Allow = "allow"
)

// PendingChange is a change that belongs to somebody's next `pulumi up`.
type PendingChange struct {
	// Op is Pulumi's word for what becomes of the resource: see [ResourceStep.Op]. It is "output" for an output of the
	// stack, and "program" if the deployed program is not available: the whole program is then pending.
	Op string `json:"op"`
	// URN, Type and Name are the resource's. For an output only Name is set. For the program, Name says why it is
	// not available.
	URN  string `json:"urn,omitempty"`
	Type string `json:"type,omitempty"`
	Name string `json:"name"`
	// Properties are the paths of the changed properties; empty for a creation, a deletion or an output.
	Properties []string `json:"properties,omitempty"`
}

// OpOutput is the [PendingChange.Op] of an output, and OpProgram is the Op of a program that is not available.
const (
	OpOutput  = "output"
	OpProgram = "program"
)

func (c PendingChange) String() string {
	switch c.Op {
	case OpOutput:
		return "stack output " + c.Name
	case OpProgram:
		return c.Name
	}
	out := fmt.Sprintf("%s of %s %s", c.Op, c.Type, c.Name)
	if len(c.Properties) > 0 {
		out += " (" + strings.Join(c.Properties, ", ") + ")"
	}
	return out
}

// DescribePending says in one line what is pending.
func DescribePending(changes []PendingChange) string {
	words := make([]string, len(changes))
	for i, c := range changes {
		words[i] = c.String()
	}
	return strings.Join(words, "; ")
}

// PendingReason says, for people, that a pool is not scaled because of the pending changes.
func (s *Snapshot) PendingReason(changes []PendingChange) string {
	const most = 5
	words := make([]string, 0, most+1)
	for _, c := range changes[:min(len(changes), most)] {
		words = append(words, c.String())
	}
	if more := len(changes) - most; more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	reason := "the update would also make pending changes: " + strings.Join(words, "; ")
	if len(changes) > 0 && changes[0].Op == OpProgram {
		return "the deployed program is not available: " + changes[0].Name
	}
	if s.Deploy != nil {
		reason += "; the stack was deployed from " + s.Deploy.String()
	}
	if s.Commit != "" {
		reason += fmt.Sprintf(", and this checkout is at commit %s", Abbreviate(s.Commit))
	}
	return reason
}

// PendingProtection returns the first change of nothing but a resource's `protect`; nil if there is none. Such a change
// means that somebody has protected the resource in the state, by `pulumi state protect`, or unprotected it, and that
// the program says otherwise.
func PendingProtection(changes []PendingChange) *PendingChange {
	for i, c := range changes {
		if slices.Equal(c.Properties, []string{optionProtect}) {
			return &changes[i]
		}
	}
	return nil
}

// optionProtect is the name of the resource option `protect`.
const optionProtect = "protect"

// UnchangedCounts returns the change that a proof previews: an update of the pools' targets that leaves every count as
// it is, except that each pool in sizes gets the size there as its count. ok is false if there is nothing to preview:
// no target is a pattern, and the stack has none of the targets.
func UnchangedCounts(snap *Snapshot, pools []string, sizes map[string]int) (_ Change, ok bool) {
	c := ChangeFor(snap, nil)
	for i, set := range c.Settings {
		for _, pool := range pools {
			size, known := sizes[pool]
			if rule := snap.Rules[pool]; known && set.Key == rule.ConfigKey && set.Path == rule.ConfigPath {
				text := strconv.Itoa(size)
				c.Settings[i].Value = &text
			}
		}
	}
	for _, pool := range pools {
		rule := snap.Rules[pool]
		c.TargetDependents = c.TargetDependents || rule.TargetDependents
		for _, target := range rule.Targets {
			// The engine refuses a URN that it does not find.
			if IsPattern(target) || slices.Contains(snap.Resources, target) {
				c.Targets = append(c.Targets, target)
			}
		}
	}
	c.Message = MessagePrefix + "what is pending"
	return c, len(c.Targets) > 0 // without a target the engine would look at the whole stack
}

// JudgePending returns the changes that a preview with the present counts shows to be pending. own holds, by pool, the
// changes of the pool's own targets. shared holds the changes that concern all pools, such as a provider or an output
// of the stack.
func JudgePending(snap *Snapshot, pools []string, result *Result) (own map[string][]PendingChange, shared []PendingChange) {
	own = map[string][]PendingChange{}
	for _, step := range result.Steps {
		if step.Op == opUpdate && step.Perpetual || slices.Contains([]string{"create-replacement", "delete-replaced"}, step.Op) {
			continue // the steps for the parts of a replacement come along with a step for the whole
		}
		found := PendingChange{Op: step.Op, URN: step.URN, Type: step.Type, Name: step.Name}
		for _, d := range step.Diffs {
			found.Properties = append(found.Properties, d.Path)
		}
		owned := false
		for _, pool := range pools {
			if MatchTargets(snap.Rules[pool].Targets...)(step.URN) {
				own[pool], owned = append(own[pool], found), true
			}
		}
		if !owned {
			shared = append(shared, found)
		}
	}
	for _, found := range result.ChangedOptions {
		for _, pool := range pools {
			if MatchTargets(snap.Rules[pool].Targets...)(found.URN) { // the engine keeps others as they are
				own[pool] = append(own[pool], found)
			}
		}
	}
	dependencies, others := changedDependencies(snap, pools, result)
	for pool, changes := range dependencies {
		own[pool] = append(own[pool], changes...)
	}
	shared = append(shared, others...)
	for _, name := range result.ChangedOutputs {
		shared = append(shared, PendingChange{Op: OpOutput, Name: name})
	}
	return own, shared
}

// The engine's words for what it does to a resource, as far as this package asks for them.
const (
	opCreate = "create"
	opUpdate = "update"
	opDelete = "delete"
)

// stateSize returns the size that the state has of a pool, if a preview with the pool's configured count shows that the
// two differ. They differ after somebody's `pulumi refresh`, or after an update that failed half way. The size is the
// old value of a target's property whose new value is the configured count. If every unit has its own resources, the
// numbers of resources before and after the preview tell the size.
func stateSize(snap *Snapshot, rule Rule, configured int, steps []ResourceStep) (size int, ok bool) {
	match := MatchTargets(rule.Targets...)
	before := 0
	for _, urn := range snap.Resources {
		if match(urn) {
			before++
		}
	}
	after := before
	for _, step := range steps {
		if !match(step.URN) {
			continue
		}
		switch step.Op {
		case opCreate:
			after++
		case opDelete:
			after--
		case opUpdate:
			for _, d := range step.Diffs {
				if from, to, counts := numbers(d); counts && to == configured && from != configured {
					return from, true
				}
			}
		}
	}
	if after == before || configured == 0 || after%configured != 0 || after == 0 || before%(after/configured) != 0 {
		return 0, false
	}
	return before / (after / configured), true
}

// numbers returns the two values of a property, if both are whole numbers, 0 or more, or texts of such numbers.
func numbers(d PropertyDiff) (from, to int, ok bool) {
	from, first := wholeNumber(d.Old)
	to, second := wholeNumber(d.New)
	return from, to, first && second
}

func wholeNumber(value any) (int, bool) {
	text := fmt.Sprint(value)
	if value == nil || reflect.TypeOf(value).Kind() == reflect.Map {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		f, err := strconv.ParseFloat(text, 64)
		if n = int(f); err != nil || float64(n) != f {
			return 0, false
		}
	}
	return n, n >= 0
}

// Pools returns the pools that the plan moves or decides about.
func (p Plan) Pools() []string {
	var out []string
	for _, m := range p.Moves {
		out = append(out, m.Pool)
	}
	for _, d := range p.Decisions {
		out = append(out, d.Intent.Pool)
	}
	return out
}

// WithoutPending returns the plan without the pools for which changes are pending.
func (p Plan) WithoutPending(snap *Snapshot, proof *Proof) Plan {
	kept := slices.DeleteFunc(slices.Clone(p.Moves), func(m Move) bool { return len(p.heldBack(snap, proof, m.Pool)) > 0 })
	if len(kept) == len(p.Moves) {
		return p
	}
	out := Plan{Moves: kept, Decisions: slices.Clone(p.Decisions), Change: ChangeFor(snap, kept)}
	for _, m := range p.Moves { // a settlement has no decisions of its own
		if out.move(m.Pool).Pool == "" && !slices.ContainsFunc(p.Decisions, func(d Decision) bool { return d.Intent.Pool == m.Pool }) {
			d := Decision{Intent: Intent{Pool: m.Pool}, From: m.From, To: m.To, Pending: proof.Pools[m.Pool].Pending}
			out.Decisions = append(out.Decisions, d.WithOutcome(HasPending, snap.PendingReason(d.Pending)))
		}
	}
	for i, d := range out.Decisions {
		pool := d.Intent.Pool
		if p.move(pool).Pool == "" || out.move(pool).Pool != "" || d.Outcome != Scale && d.Outcome != NoChange {
			continue
		}
		d.Pending = p.heldBack(snap, proof, pool)
		out.Decisions[i] = d.WithOutcome(HasPending, snap.PendingReason(d.Pending))
	}
	return out
}

// heldBack returns the changes because of which a pool is not scaled. A rule that allows pending changes lets all of
// them through, with two exceptions. If the program is not available, nothing can run. And if an update refreshes, the
// change of a provider can leave a state that the CLI cannot read any more.
func (p Plan) heldBack(snap *Snapshot, proof *Proof, pool string) []PendingChange {
	changes := proof.Pending(pool)
	if snap.Rules[pool].Pending != AllowPending || len(changes) > 0 && changes[0].Op == OpProgram {
		return changes
	}
	if !p.Change.Refresh {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(changes), func(c PendingChange) bool { return !strings.HasPrefix(c.Type, providerTypes) })
}

// providerTypes is the prefix of the types of providers.
const providerTypes = "pulumi:providers:"
