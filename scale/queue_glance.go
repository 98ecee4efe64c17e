package scale

import "time"

// glanced is a stack whose backend shows at a glance, without a process, whether an update of whomever may have ended: then it shows something else
// than before. Empty: it does not show that.
type glanced interface{ Glance() string }

// glanceEvery is how often an idle queue glances at the backend.
const glanceEvery = 500 * time.Millisecond

// glances is what the queue saw at its last glance, at a moment. Run, and nobody else, uses it.
type glances struct {
	stack glanced
	seen  string
	at    time.Time
}

// look looks again, and says whether it sees something new.
func (g *glances) look(now time.Time) (news bool) {
	if g.stack == nil {
		return false
	}
	seen := g.stack.Glance()
	news = seen != g.seen && g.seen != ""
	g.seen, g.at = seen, now
	return news
}

// next is when to look again; ok is false for a stack that shows nothing.
func (g *glances) next() (at time.Time, ok bool) { return g.at.Add(glanceEvery), g.seen != "" }
