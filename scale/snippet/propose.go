package snippet

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Inventory lists what a stack has from which a pool can be made.
type Inventory struct {
	// Language is the language of the program; empty if no rule can be written in it. Runtime is Pulumi's name for the
	// language.
	Language Language
	Runtime  string
	// Resources are the resources in the state that a provider manages.
	Resources []Resource
	// Keys are the config keys that hold a whole number.
	Keys []Key
	// Pools are the names of the pools that the stack exports already. Taken are the config keys of these pools.
	Pools, Taken []string
}

// Resource is a resource of the stack.
type Resource struct {
	URN, Type, Name string
	// Variable is what the program calls the resource; empty if that is not known.
	Variable string
	// Numbers holds, by name, the resource's properties that are whole numbers. A workload of Kubernetes also has the
	// property [Replicas].
	Numbers map[string]int
}

// Replicas is the property that holds the size of a workload of Kubernetes: replicas, inside the property spec.
const Replicas = "spec.replicas"

// Key is a config key that holds a whole number, as a rule names it.
type Key struct {
	Key   string
	Path  bool
	Value int
}

// Target is what a scaling may update: one resource, or the resources that a loop makes.
type Target struct {
	// URN is the resource's URN, or a pattern.
	URN string
	// Resource is nil for a pattern.
	Resource *Resource
	// Count is how many resources the engine would match with the pattern; 0 if URN is no pattern.
	Count int
	// likely orders the targets: the larger it is, the more likely the target is a pool.
	likely int
}

// String describes the target in one line of a list.
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

// numbered matches the name of a resource that a loop made: a beginning that all names from the loop share, and a
// number.
var numbered = regexp.MustCompile(`^(.*?)[0-9]+$`)

// Targets returns what may be a pool's target, the likely targets first: targets whose size is also the value of a
// config key, then patterns that match several resources, then resources with a property that sounds like a size.
func (i Inventory) Targets() []Target {
	var out []Target
	patterns := map[string]bool{}
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
			patterns["**::"+r.qualifiedType()+"::"+prefix[1]+"*"] = true
		}
	}
	for pattern := range patterns {
		t := Target{URN: pattern, Count: i.matches(pattern)}
		if t.Count == 0 { // the URN is of an unknown form
			continue
		}
		if t.Count > 1 {
			t.likely = 2
		}
		if i.holds(t.Count) {
			t.likely += 2
		}
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Target) int { return cmp.Or(b.likely-a.likely, cmp.Compare(a.URN, b.URN)) })
	return out
}

// qualifiedType returns the resource's type as it stands in the URN: behind the types of the components that the
// resource is in, such as my:mod:Workers$aws:ec2/instance:Instance.
func (r Resource) qualifiedType() string {
	if parts := strings.SplitN(r.URN, "::", 4); len(parts) == 4 {
		return parts[2]
	}
	return r.Type
}

// matches returns how many resources a pattern stands for.
func (i Inventory) matches(pattern string) int {
	match, n := scale.MatchTargets(pattern), 0
	for _, r := range i.Resources {
		if match(r.URN) {
			n++
		}
	}
	return n
}

func (i Inventory) holds(n int) bool {
	return slices.ContainsFunc(i.Keys, func(k Key) bool { return k.Value == n })
}

// sizeLike matches the names of properties that may hold a number of things.
var sizeLike = regexp.MustCompile(`(?i)(size|count|capacity|replicas|nodes|instances|desired|number)`)

// bound matches the names of properties that only limit a number of things.
var bound = regexp.MustCompile(`(?i)(^|[a-z])(min|max)`)

// sizes returns the names of the resource's properties that may be its size, the likely names first.
func (r Resource) sizes() []string {
	var out []string
	for name := range r.Numbers {
		if sizeLike.MatchString(name) && !bound.MatchString(name) {
			out = append(out, name)
		}
	}
	rank := func(name string) int {
		if name == Replicas || strings.Contains(strings.ToLower(name), "desired") {
			return 0
		}
		return 1
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a, b)) })
	return out
}

// Find returns the target that a text names: by the target's URN, by a pattern that matches something, or by a
// resource's name if only one resource has this name. The second result is false if the text names no target.
func (i Inventory) Find(text string) (Target, bool) {
	targets := i.Targets()
	if at := slices.IndexFunc(targets, func(t Target) bool { return t.URN == text }); at >= 0 {
		return targets[at], true
	}
	if scale.IsPattern(text) {
		n := i.matches(text)
		return Target{URN: text, Count: n}, n > 0
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

// Near returns the targets that somebody may mean by a text that matches no target. These are the targets whose name
// matches the end of the text, patterns first. If there are none, Near returns all targets.
func (i Inventory) Near(text string) []Target {
	targets := i.Targets()
	name := lastName(text)
	match := scale.MatchTargets(name)
	near := slices.DeleteFunc(slices.Clone(targets), func(t Target) bool { return !match(lastName(t.URN)) })
	slices.SortStableFunc(near, func(a, b Target) int { return b.Count - a.Count })
	if len(near) == 0 || strings.Trim(name, "*") == "" {
		return targets
	}
	return near
}

// lastName returns the name at the end of a URN or of a pattern.
func lastName(urn string) string {
	if at := strings.LastIndex(urn, "::"); at >= 0 {
		return urn[at+len("::"):]
	}
	return urn
}

// KeysFor returns the config keys that may hold a target's count. pool is the name of the target's pool, or empty. The
// likely keys come first: keys whose value is the target's size, then keys that share a word with the target's or the
// pool's name, then keys that sound like a size. Config keys that the stack's pools already use are left out. likely
// says whether the first key is of one of these three sorts.
func (i Inventory) KeysFor(t Target, pool string) (out []Key, likely bool) {
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
	names := words(lastName(t.URN))
	for word := range words(pool) {
		names[word] = true
	}
	rank := func(k Key) (n int) {
		if fits(k) {
			n += 4
		}
		for word := range words(k.Key) {
			if names[word] {
				n |= 2
			}
		}
		if sizeLike.MatchString(k.Key) {
			n |= 1
		}
		return n
	}
	slices.SortStableFunc(out, func(a, b Key) int { return cmp.Or(rank(b)-rank(a), cmp.Compare(a.Key, b.Key)) })
	return out, len(out) > 0 && rank(out[0]) > 0
}

// words returns the words of a name, in lower case and in the singular. Signs, numbers and a change to upper case
// divide words. Words of one letter are left out.
func words(name string) map[string]bool {
	var spaced strings.Builder
	last := ' '
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			spaced.WriteByte(' ')
		}
		spaced.WriteRune(unicode.ToLower(r))
		last = r
	}
	out := map[string]bool{}
	for _, word := range strings.FieldsFunc(spaced.String(), func(r rune) bool { return !unicode.IsLetter(r) }) {
		if word = strings.TrimSuffix(word, "s"); len(word) > 1 {
			out[word] = true
		}
	}
	return out
}

// keyName matches what may be the name of a new config key. Pulumi itself accepts nearly any text.
var keyName = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_.-]*:)?[A-Za-z_][A-Za-z0-9_.-]*$`)

// CheckKey returns what is wrong with a config key for a rule; empty if nothing is wrong.
func (i Inventory) CheckKey(key string, path bool) string {
	switch {
	case slices.Contains(i.Taken, key):
		return fmt.Sprintf("%q is that of another pool, and each needs its own", key)
	case slices.ContainsFunc(i.Keys, func(k Key) bool { return k.Key == key }), path && key != "" && !strings.ContainsAny(key, " \t?"):
		return ""
	case !keyName.MatchString(key):
		return fmt.Sprintf("must be a config key, such as workerCount or namespace:workerCount, not %q", key)
	}
	return ""
}

// CurrentFor returns the property of the target that holds its real size; empty if none is found. The property is the
// replicas of a workload of Kubernetes, or else a property with the same value as the config key.
func (i Inventory) CurrentFor(t Target, key string) string {
	if t.Resource == nil {
		return ""
	}
	if _, ok := t.Resource.Numbers[Replicas]; ok {
		return Replicas
	}
	at := slices.IndexFunc(i.Keys, func(k Key) bool { return k.Key == key })
	if at < 0 {
		return ""
	}
	for _, property := range t.Resource.sizes() {
		if t.Resource.Numbers[property] == i.Keys[at].Value {
			return property
		}
	}
	return ""
}

// unfit matches the characters that the name of a pool must not hold.
var unfit = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// ListFor guesses what the program calls the list of the resources that a pattern stands for; empty for a single
// resource.
func (i Inventory) ListFor(t Target) string {
	if t.Resource != nil {
		return ""
	}
	return strings.TrimSuffix(Inventory{}.PoolFor(t), "s") + "s"
}

// PoolFor proposes a name for the pool of a target. No pool of the stack has this name yet.
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
