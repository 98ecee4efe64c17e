package scale

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// UpdateUpdate is Pulumi's name for the kind of update that carries configuration to resources. A refresh or a destroy
// records the configuration too, but does nothing with it.
const UpdateUpdate = "update"

// Configured returns the text of the pool's key in the last successful update, which decides what the pool's count is;
// nil if that update does not have the key.
func (s *Snapshot) Configured(pool string) *string {
	for _, u := range s.Updates {
		if u.Succeeded && u.Kind == UpdateUpdate && u.means(pool) {
			return u.Values[pool]
		}
	}
	return nil
}

// ConfiguredCount returns [Snapshot.Configured] as a number; nil if there is no text, or no number in it.
func (s *Snapshot) ConfiguredCount(pool string) *int { return countOf(s.Configured(pool)) }

// IsConfigured says whether the pool's configured count is n.
func (s *Snapshot) IsConfigured(pool string, n int) bool { return equal(s.ConfiguredCount(pool), n) }

// Pool gathers what is known of one pool. The error is a [*ValueError].
func (s *Snapshot) Pool(rule Rule) (Pool, error) {
	pool := Pool{Count: rule.Current, Holds: s.Holds, Metrics: s.Metrics[rule.Pool]}
	if size, known := s.Sizes[rule.Pool]; known {
		pool.Count = &size
	}
	if slices.Contains(s.Unsettled, rule.Pool) {
		pool.Count = nil // the pool may be between two counts; the configured one counts
	}
	if text := s.Configured(rule.Pool); text != nil {
		n, err := strconv.Atoi(*text)
		if err != nil || n < 0 {
			return pool, &ValueError{Pool: rule.Pool, Key: rule.ConfigKey, Path: rule.ConfigPath, Found: fmt.Sprintf("%q", *text)}
		}
		pool.Configured = &n
		if pool.Count == nil {
			pool.Count = cmp.Or(s.doubted(rule), &n)
		}
	}
	pool.LastUp, pool.LastDown = lastScalings(s.Updates, rule.Pool)
	return pool, nil
}

// lastScalings finds when the last scaling of a pool in each direction completed.
func lastScalings(updates []Update, pool string) (up, down time.Time) {
	for _, s := range Scalings(updates, pool) {
		switch {
		case !s.Succeeded:
		case s.To > s.From && up.IsZero():
			up = s.End
		case s.To < s.From && down.IsZero():
			down = s.End
		}
	}
	return up, down
}

// Scaling is an update that changed a pool's count, whoever made it.
type Scaling struct {
	Pool     string
	From, To int
	Update
}

// Why returns what led to the scaling, as its message tells it. For an update by PulumiScale, that is the sources and
// reasons for this pool alone, such as "prometheus: HighCPU". For an update by somebody else, it is the message's first
// line. It may be empty.
func (s Scaling) Why() string {
	message, _, _ := strings.Cut(strings.TrimSpace(s.Message), "\n")
	message, ours := strings.CutPrefix(message, MessagePrefix)
	move := Move{Pool: s.Pool, From: &s.From, To: s.To}.String()
	_, why, told := strings.Cut("; "+message, "; "+move+" (")
	switch {
	case ours && told:
		for _, other := range s.Pools { // whose reasons follow
			why, _, _ = strings.Cut(why, "); "+other+" ")
		}
		return strings.TrimSuffix(why, ")")
	case message == move: // without a reason
		return ""
	}
	return message
}

// Scalings returns the updates that changed the pool's count, newest first. Each update is compared with the last
// successful one before it. The update that first gave the pool a count is among them only if PulumiScale made it and
// its message names the count from which it moved the pool. A first update by somebody else names no such count.
func Scalings(updates []Update, pool string) []Scaling {
	var out []Scaling
	var last *int
	for _, u := range slices.Backward(updates) {
		if u.Kind != UpdateUpdate || !u.means(pool) {
			continue
		}
		n := u.Count(pool)
		from := last
		if from == nil && n != nil {
			from = u.movedFrom(pool, *n)
		}
		if from != nil && n != nil && *n != *from {
			out = append(out, Scaling{Pool: pool, From: *from, To: *n, Update: u})
		}
		if u.Succeeded {
			last = n
		}
	}
	slices.Reverse(out)
	return out
}

// movedFrom returns the count from which an update of ours moved a pool to the given one, as the update's message tells
// it. It returns nil if the message does not tell it, and for updates by others.
func (u Update) movedFrom(pool string, to int) *int {
	rest, ours := strings.CutPrefix(u.Message, MessagePrefix)
	if !ours || !slices.Contains(u.Pools, pool) {
		return nil
	}
	// The names are in the order of the message, so that a later pool's move is not sought in an earlier pool's reason.
	for _, name := range u.Pools {
		at := strings.Index("; "+rest, "; "+name+" ")
		if at < 0 {
			return nil
		}
		rest = rest[at:]
		if name == pool {
			break
		}
		rest = rest[len(name):]
	}
	var from, told int
	if _, err := fmt.Sscanf(rest, pool+" %d -> %d", &from, &told); err != nil || told != to {
		return nil
	}
	return &from
}

func countOf(text *string) *int {
	if text == nil {
		return nil
	}
	n, err := strconv.Atoi(*text)
	if err != nil {
		return nil
	}
	return &n
}

// AgreesWithHistory says whether the newest successful update had the configured value for every rule's key. An update
// that was overtaken may have had different values.
func (s *Snapshot) AgreesWithHistory() bool {
	for _, u := range s.Updates {
		if !u.Succeeded || u.Kind != UpdateUpdate {
			continue
		}
		for name := range s.Rules {
			if !sameText(u.Values[name], s.Configured(name)) {
				return false
			}
		}
		return true
	}
	return true
}

// PastScalings returns the scalings that a snapshot tells of, newest first: the scalings of one pool, or of all pools
// if pool is empty; at most limit, or all if limit is 0. enough is false if older scalings, which the snapshot does not
// know, may be missing.
func (s *Snapshot) PastScalings(pool string, limit int) (scalings []Scaling, enough bool, err error) {
	names := s.Rules.Names()
	if pool != "" {
		if _, err := s.Rules.Find(pool); err != nil {
			return nil, false, err
		}
		names = []string{pool}
	}
	scalings = ScalingsOf(s.Updates, names)
	if !s.Complete {
		scalings = sureOf(scalings, s.Updates, names)
	}
	return scalings[:min(cmp.Or(limit, len(scalings)), len(scalings))], s.Complete || limit > 0 && len(scalings) >= limit, nil
}

// ScalingsOf returns the scalings of some pools, newest first.
func ScalingsOf(updates []Update, pools []string) []Scaling {
	var out []Scaling
	for _, pool := range pools {
		out = append(out, Scalings(updates, pool)...)
	}
	slices.SortStableFunc(out, func(a, b Scaling) int { return b.End.Compare(a.End) })
	return out
}

// sureOf keeps the scalings among which none can be missing. The list of updates is cut off at its old end, so a pool's
// scalings are certain only after the oldest successful update that tells the pool's count. sureOf keeps what is
// certain for all of the pools.
func sureOf(scalings []Scaling, updates []Update, pools []string) []Scaling {
	var since time.Time
	for _, pool := range pools {
		known := slices.DeleteFunc(slices.Clone(updates), func(u Update) bool { return u.Kind != UpdateUpdate || !u.Succeeded || !u.means(pool) })
		if len(known) == 0 {
			return nil
		}
		since = Later(since, known[len(known)-1].End)
	}
	return slices.DeleteFunc(scalings, func(s Scaling) bool { return !s.End.After(since) })
}

// KnownSince returns the time since which the count of a pool is known without a gap: the end of the oldest update
// that, like all newer ones, tells the count. The updates are newest first. The time is zero if the newest update does
// not tell the count.
func KnownSince(updates []Update, pool string) (since time.Time) {
	for _, u := range updates {
		if u.Kind != UpdateUpdate || !u.Succeeded || !u.means(pool) {
			continue
		}
		if u.Count(pool) == nil {
			break
		}
		since = u.End
	}
	return since
}

// ReachBack says whether the updates go back to a moment: whether a successful one ended at that moment or before.
func ReachBack(updates []Update, to time.Time) bool {
	return slices.ContainsFunc(updates, func(u Update) bool { return u.Kind == UpdateUpdate && u.Succeeded && !u.End.After(to) })
}
