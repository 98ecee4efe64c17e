package queue

import "time"

// glanced is a stack whose backend can be looked at without a process. Glance tells something else than before if an
// update, whoever made it, may have ended in between. It is empty if the backend does not show that.
type glanced interface{ Glance() string }

// glanceEvery is how often an idle queue glances at the backend.
const glanceEvery = 500 * time.Millisecond

// glances is what the queue saw at its last glance, and when. Run alone reads and writes it.
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
