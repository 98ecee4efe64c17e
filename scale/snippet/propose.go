package snippet

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Inventory is what a stack has that a pool can be made of.
type Inventory struct {
	// Language is that of the program; empty if no rule can be written in it. Its name is then in Runtime.
	Language Language
	Runtime  string
	// Resources are those of the state that a provider manages.
	Resources []Resource
	// Keys are the whole numbers in the configuration.
	Keys []Key
	// Pools are the pools that the stack exports already, and Taken are their config keys.
	Pools, Taken []string
}

// Resource is a resource of the stack.
type Resource struct {
	URN, Type, Name string
	// Variable is what the program calls it; empty if that is not known.
	Variable string
	// Numbers are its properties that are whole numbers.
	Numbers map[string]int
}

// Key is a config key that holds a whole number, as a rule names it.
type Key struct {
	Key   string
	Path  bool
	Value int
}

// Target is what a scaling may update: one resource, or a number of them that a loop makes.
type Target struct {
	// URN is the resource's, or a pattern.
	URN string
	// Resource is nil for a pattern.
	Resource *Resource
	// Count is how many resources the pattern stands for.
	Count int
	// likely is for the order: the larger it is, the more likely the target is a pool.
	likely int
}

// String describes the target in a list.
func (t Target) String() string {
	if t.Resource == nil {
		return fmt.Sprintf("%s (%d resources)", t.URN, t.Count)
	}
	text := t.Resource.Type + " " + t.Resource.Name
	if property := t.Resource.sizes(); len(property) > 0 {
		text += fmt.Sprintf(" (%s %d)", property[0], t.Resource.Numbers[property[0]])
	}
	return text
}

// numbered is the name of a resource that a loop made: the part that all of them have, and the number.
var numbered = regexp.MustCompile(`^(.*?)[0-9]+$`)

// Targets are what may be a pool's target, the likely ones first: those with a number that a config key also has, then
// those with a property that sounds like a size.
func (i Inventory) Targets() []Target {
	var out []Target
	groups := map[string]int{}
	for _, r := range i.Resources {
		t := Target{URN: r.URN, Resource: &r}
		for _, property := range r.sizes() {
			t.likely = max(t.likely, 1)
			if i.holds(r.Numbers[property]) {
				t.likely = 3
			}
		}
		out = append(out, t)
		if prefix := numbered.FindStringSubmatch(r.Name); prefix != nil {
			groups["**::"+r.Type+"::"+prefix[1]+"*"]++
		}
	}
	for pattern, n := range groups {
		t := Target{URN: pattern, Count: n}
		if n > 1 {
			t.likely = 2
		}
		if i.holds(n) {
			t.likely += 2
		}
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Target) int { return cmp.Or(b.likely-a.likely, cmp.Compare(a.URN, b.URN)) })
	return out
}

func (i Inventory) holds(n int) bool {
	return slices.ContainsFunc(i.Keys, func(k Key) bool { return k.Value == n })
}

// sizeLike are the names of properties that hold how many there are of something.
var sizeLike = regexp.MustCompile(`(?i)(size|count|capacity|replicas|nodes|instances|desired|number)`)

// bound are the names of properties that only limit it.
var bound = regexp.MustCompile(`(?i)(^|[a-z])(min|max)`)

// sizes are the resource's properties that may be its size, the likely ones first.
func (r Resource) sizes() []string {
	var out []string
	for name := range r.Numbers {
		if sizeLike.MatchString(name) && !bound.MatchString(name) {
			out = append(out, name)
		}
	}
	rank := func(name string) int {
		if strings.Contains(strings.ToLower(name), "desired") {
			return 0
		}
		return 1
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a, b)) })
	return out
}

// Find is the target that somebody means: by its URN or pattern, or by the name of a resource that no other has.
func (i Inventory) Find(text string) (Target, bool) {
	targets := i.Targets()
	if at := slices.IndexFunc(targets, func(t Target) bool { return t.URN == text }); at >= 0 {
		return targets[at], true
	}
	if strings.Contains(text, "*") {
		return Target{URN: text}, true
	}
	var found []Target
	for _, t := range targets {
		if t.Resource != nil && t.Resource.Name == text {
			found = append(found, t)
		}
	}
	if len(found) != 1 {
		return Target{}, false
	}
	return found[0], true
}

// KeysFor are the config keys that may hold a target's count, the likely ones first: those with its number. Keys of
// other pools are left out.
func (i Inventory) KeysFor(t Target) []Key {
	var out []Key
	for _, k := range i.Keys {
		if !slices.Contains(i.Taken, k.Key) {
			out = append(out, k)
		}
	}
	fits := func(k Key) bool {
		if t.Resource == nil {
			return k.Value == t.Count
		}
		return slices.ContainsFunc(t.Resource.sizes(), func(p string) bool { return t.Resource.Numbers[p] == k.Value })
	}
	slices.SortStableFunc(out, func(a, b Key) int {
		if fits(a) != fits(b) {
			if fits(a) {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Key, b.Key)
	})
	return out
}

// CurrentFor is the property of the target that holds what the key holds, its real size; empty if none does.
func (i Inventory) CurrentFor(t Target, key string) string {
	at := slices.IndexFunc(i.Keys, func(k Key) bool { return k.Key == key })
	if t.Resource == nil || at < 0 {
		return ""
	}
	for _, property := range t.Resource.sizes() {
		if t.Resource.Numbers[property] == i.Keys[at].Value {
			return property
		}
	}
	return ""
}

// unfit are the characters that the name of a pool must not hold.
var unfit = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// PoolFor is a name for the pool of a target. The stack has no other pool of that name.
func (i Inventory) PoolFor(t Target) string {
	name := "pool"
	if t.Resource != nil {
		name = t.Resource.Name
	} else if parts := strings.Split(t.URN, "::"); len(parts) > 1 {
		name = strings.Trim(parts[len(parts)-1], "*-_.")
	}
	name = strings.Trim(unfit.ReplaceAllString(name, "-"), "-")
	name = cmp.Or(name[:min(len(name), 60)], "pool")
	for n := 2; slices.Contains(i.Pools, name); n++ {
		name = strings.TrimRight(name, "0123456789") + strconv.Itoa(n)
	}
	return name
}
