package scale

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// sizeBefore returns the size that a pool had in the state before a move, as the steps of the move's update or preview
// show it. It looks at the properties of the pool's targets whose new value is the new count. If one of their old
// values is the move's From, From is the size. Otherwise the size is known only if all of their old values agree.
func sizeBefore(rule Rule, m Move, steps []ResourceStep) (size int, known bool) {
	targeted := MatchTargets(rule.Targets...)
	var sizes []int
	for _, step := range steps {
		if !targeted(step.URN) {
			continue
		}
		for _, diff := range step.Diffs {
			sizes = append(sizes, oldCounts(diff.Old, diff.New, m.To)...)
		}
	}
	switch {
	case len(sizes) == 0:
		return 0, false
	case m.From != nil && slices.Contains(sizes, *m.From):
		return *m.From, true
	case slices.Min(sizes) != slices.Max(sizes):
		return 0, false
	}
	return sizes[0], true
}

// oldCounts compares the old and the new value of a property, place by place, and returns the old numbers at the places
// where the new number is count.
func oldCounts(old, now any, count int) (out []int) {
	switch now := now.(type) {
	case map[string]any:
		before, _ := old.(map[string]any)
		for name, inner := range now {
			out = append(out, oldCounts(before[name], inner, count)...)
		}
	case []any:
		before, _ := old.([]any)
		for i := range min(len(before), len(now)) {
			out = append(out, oldCounts(before[i], now[i], count)...)
		}
	default:
		was, isNumber := wholeCount(old)
		if n, ok := wholeCount(now); ok && isNumber && n == count && was != count {
			out = append(out, was)
		}
	}
	return out
}

// wholeCount returns the count that a property holds as a number or as the text of a number, and whether there is one.
func wholeCount(value any) (int, bool) {
	var text string
	switch v := value.(type) {
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case int:
		text = strconv.Itoa(v)
	case json.Number:
		text = v.String()
	case string:
		text = v
	default:
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0
}

// foundSize returns the size that the state had before a move, if something other than an update has changed that size;
// nil if nothing has, or if it is not known whether anything has.
func foundSize(snap *Snapshot, m Move, steps []ResourceStep) *int {
	size, known := sizeBefore(snap.Rules[m.Pool], m, steps)
	if !known || m.From == nil || slices.Contains(snap.Unsettled, m.Pool) {
		return nil
	}
	if _, countedFrom := snap.Sizes[m.Pool]; size == *m.From && !countedFrom {
		return nil
	}
	return &size
}

// FindSizes notes in the plan's Found the sizes that, as a preview shows, something other than an update has changed.
func (p *Plan) FindSizes(snap *Snapshot, preview *Result) {
	for _, m := range p.Moves {
		if size := foundSize(snap, m, preview.Steps); size != nil {
			if p.Found == nil {
				p.Found = map[string]int{}
			}
			p.Found[m.Pool] = *size
		}
	}
}

// OtherSize says in words that something other than an update has changed a pool's size in the state.
func OtherSize(m Move, found int) string {
	if found == *m.From {
		return fmt.Sprintf("%s: its size of %d was set outside of Pulumi (such as in a console, or by an autoscaler or `kubectl scale`) and read by a refresh", m.Pool, found)
	}
	return fmt.Sprintf("%s: the size was %d before the scaling, not %d: it was changed outside of Pulumi", m.Pool, found, *m.From)
}

// A pool of one resource for each unit, made in a loop, is scaled in by deleting resources. The engine keeps a targeted
// resource that the program no longer has as long as an untargeted resource of the state depends on it. The engine
// keeps the resource without an error or a word. The program's own count, and with it "current", does not show the kept
// resource. Therefore the resources themselves are counted.

// MayKeep says whether the engine could keep resources that a move should delete.
func (s *Snapshot) MayKeep(rule Rule, m Move) bool {
	if m.From == nil || m.To >= *m.From || len(rule.Targets) == 1 && !IsPattern(rule.Targets[0]) {
		return false
	}
	return len(s.keepers(rule)) > 0
}

// keepers returns the resources that depend on any of the rule's targets and are not targets themselves, sorted.
func (s *Snapshot) keepers(rule Rule) []string {
	targeted := MatchTargets(rule.Targets...)
	var out []string
	for urn, others := range s.DependsOn {
		if !targeted(urn) && slices.ContainsFunc(others, targeted) {
			out = append(out, urn)
		}
	}
	slices.Sort(out)
	return out
}

// leftOver counts the pool's resources after the steps, and says how many there should be: as many for each unit as
// before. Both are zero if there is nothing to compare: the engine cannot keep a resource, the count is a property of
// the targets, the number of resources before is no multiple of the count before, or one resource is left for each
// unit.
func (s *Snapshot) leftOver(rule Rule, m Move, steps []ResourceStep) (left, want int) {
	if !s.MayKeep(rule, m) {
		return 0, 0
	}
	targeted := MatchTargets(rule.Targets...)
	before := 0
	for _, urn := range s.Resources {
		if targeted(urn) {
			before++
		}
	}
	left = before
	for _, step := range steps {
		if !targeted(step.URN) {
			continue
		}
		switch step.Op {
		case "create":
			left++
		case "delete":
			left--
		case "update", "replace":
			return 0, 0
		}
	}
	if before%*m.From != 0 || left == m.To {
		return 0, 0
	}
	return left, before / *m.From * m.To
}

func keptReason(left, want int, keepers []string) string {
	return fmt.Sprintf("the pool would be left with %d resources and not %d: the engine keeps a resource on which an untargeted one depends, here %s; "+
		`"targetDependents: true" in the rule updates those as well`, left, want, strings.Join(keepers, ", "))
}
