package output

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Changes returns a line for each thing in status that is new compared with before, with the time in zone. It returns
// "" if nothing is new. If before is nil, it tells how things stand.
func (s *Style) Changes(before, status *board.Status, zone *time.Location) string {
	before, status = tidy(before), tidy(status)
	c := &changes{style: s, now: status.View(status.Now.In(zone))}
	if before == nil {
		c.before = (&board.Status{}).View(status.Now)
		c.state()
		for _, p := range c.now.Pools {
			c.say("%s", clean(c.now.Meter(p)))
		}
		c.differences()
	} else {
		c.before = before.View(status.Now)
		c.ended()
		c.counts()
		if mood, was := c.now.State(), c.before.State(); mood != was || status.Problem != before.Problem || !slices.Equal(mistakes(c.now), mistakes(c.before)) {
			c.state()
		}
		c.differences()
	}
	c.begun()
	return c.out.String()
}

// changes collects the lines about what differs between two views.
type changes struct {
	style       *Style
	before, now board.View
	out         strings.Builder
}

func (c *changes) say(format string, args ...any) {
	fmt.Fprintf(&c.out, "%s %s\n", c.style.dim.Render(c.now.At().Format(time.DateTime)), fmt.Sprintf(format, args...))
}

// state tells how things stand on the whole, and what is wrong.
func (c *changes) state() {
	mood := c.now.State()
	why := clean(c.now.Problem)
	if why == "" {
		why = strings.Join(mistakes(c.now), "; ")
	}
	if why != "" {
		why = ": " + why
	}
	c.say("%s: %s%s", clean(c.now.Stack), c.style.mood(mood.Class).Render(mood.Text), why)
}

// differences tells how the stack differs from what was deployed, and which pools are not scaled because changes are
// pending.
func (c *changes) differences() {
	told := c.before.Differences()
	for _, text := range c.now.Differences() {
		if !slices.Contains(told, text) {
			c.say("%s: %s", clean(c.now.Stack), clean(text))
		}
	}
	for _, p := range c.now.Pools {
		waits := func(v board.View) string {
			i := slices.IndexFunc(v.Pools, func(other board.Pool) bool { return other.Pool == p.Pool })
			if i < 0 {
				return ""
			}
			return v.Withheld(v.Pools[i])
		}
		if text := waits(c.now); text != "" && text != waits(c.before) {
			c.say("%s: %s", clean(p.Pool), clean(text))
		}
	}
}

func mistakes(v board.View) []string {
	var out []string
	for _, p := range v.RuleErrors {
		out = append(out, clean(v.Mistake(p)))
	}
	return out
}

// ended tells of failures and scalings, oldest first. If a failure tells of a failed scaling, the scaling is not told
// again.
func (c *changes) ended() {
	for _, op := range slices.Backward(c.now.Failures) {
		if !slices.ContainsFunc(c.before.Failures, func(old board.Operation) bool { return old.ID == op.ID }) {
			c.say("%s %s %s in %s: %s", clean(op.Pool), op.Way(" -> "), c.style.red.Render(clean(c.now.Outcome(op.Result))), c.now.Took(op.Started, op.Ended), clean(op.Error))
		}
	}
	for _, past := range c.fresh() {
		result := c.style.green.Render("succeeded")
		if !past.Succeeded {
			result = c.style.red.Render("failed")
		}
		by := ""
		if past.By != "" {
			by = ", last commit by " + clean(past.By)
		}
		c.say("%s %d -> %d %s in %s%s%s", clean(past.Pool), past.From, past.To, result, c.now.Lasted(past), by, aside(clean(past.Why)))
	}
}

// fresh returns the scalings that are not in the earlier status, oldest first. A failed scaling is left out if one of
// the failures tells of it.
func (c *changes) fresh() []board.Scaling {
	var out []board.Scaling
	for _, past := range slices.Backward(c.now.Scalings) {
		known := slices.ContainsFunc(c.before.Scalings, func(old board.Scaling) bool { return sameScaling(old, past) }) ||
			slices.ContainsFunc(c.now.Failures, func(op board.Operation) bool { return !past.Succeeded && isOf(past, op) })
		if !known {
			out = append(out, past)
		}
	}
	return out
}

// roughly is the largest difference between two end times of one scaling. A server first tells its own end time and
// later, after it has read the history, the backend's.
const roughly = 5 * time.Second

func sameScaling(a, b board.Scaling) bool {
	return a.Pool == b.Pool && a.From == b.From && a.To == b.To && a.Message == b.Message && a.End != nil && b.End != nil && a.End.Sub(*b.End).Abs() < roughly
}

// isOf says whether a scaling was part of an operation.
func isOf(past board.Scaling, op board.Operation) bool {
	return past.Pool == op.Pool && past.End != nil && op.Started != nil && op.Ended != nil &&
		past.End.After(op.Started.Add(-roughly)) && past.End.Before(op.Ended.Add(roughly))
}

// counts tells of pools that have come or gone, and of counts that no scaling explains.
func (c *changes) counts() {
	scaled := map[string]bool{}
	for _, past := range c.fresh() {
		scaled[past.Pool] = scaled[past.Pool] || past.Succeeded
	}
	for _, p := range c.now.Pools {
		i := slices.IndexFunc(c.before.Pools, func(old board.Pool) bool { return old.Pool == p.Pool })
		switch {
		case i < 0:
			c.say("%s", clean(c.now.Meter(p)))
		case board.Count(p.Count) != board.Count(c.before.Pools[i].Count) && !scaled[p.Pool]:
			c.say("%s %s -> %s", clean(p.Pool), board.Count(c.before.Pools[i].Count), board.Count(p.Count))
		}
	}
	for _, old := range c.before.Pools {
		if !slices.ContainsFunc(c.now.Pools, func(p board.Pool) bool { return p.Pool == old.Pool }) {
			c.say("%s is no pool any more", clean(old.Pool))
		}
	}
}

// begun tells of operations that have begun, and of operations that were accepted and have to wait.
func (c *changes) begun() {
	known := func(ops []board.Operation, id string) bool {
		return slices.ContainsFunc(ops, func(op board.Operation) bool { return op.ID == id })
	}
	for _, op := range c.now.Under() {
		if !known(c.before.Under(), op.ID) {
			c.say("%s %s begun%s", clean(op.Pool), op.Way(" -> "), aside(clean(c.now.Asked(op))))
		}
	}
	for _, op := range c.now.Waiting() {
		if !known(c.before.Open, op.ID) {
			c.say("%s %s waits for %s%s", clean(op.Pool), clean(op.Ask), clean(c.now.WaitsFor(op)), aside(clean(c.now.Asked(op))))
		}
	}
}
