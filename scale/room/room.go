// Package room bounds how many processes of the CLI run at once over all stacks of a server, and shares them out
// fairly.
package room

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Room has a number of places. Whoever finds none free waits, in the order of arrival: a stack that asks for one place
// at a time waits for no more than one turn of each other stack, however much work these have. A wait for urgent work
// goes before the others, and in a room of several places the last free one is kept for urgent work: see [Room.Ask].
//
// A place whose holder has not been heard of for a while counts as free, so that work that hangs holds up nobody else.
// A silent holder costs no more than memory. But there is a limit: nobody gets a place while [mostSilent] times the
// room's places are held, and nobody gets one for other than urgent work while half as many are held.
//
// It is safe for concurrent use. A nil Room has places for all.
type Room struct {
	places   int
	patience time.Duration

	// mu guards all that follows. waiting are the waits, in the order in which they get places. held are the places
	// that are taken.
	mu      sync.Mutex
	waiting []*Place
	held    map[*Place]bool
	// timer runs until the next held place counts as free because its holder is silent; nil while nobody waits.
	timer *time.Timer
}

// mostSilent is how many times the room's places may be held at once, if most of the holders are silent.
const mostSilent = 4

// New makes a room with places, at least one. A place whose holder has not been heard of for patience counts as free.
func New(places int, patience time.Duration) *Room {
	return &Room{places: max(places, 1), patience: patience, held: map[*Place]bool{}}
}

// unhurriedKey is the key under which a context says that its work can wait.
type unhurriedKey struct{}

// Unhurried returns a context for work that nobody waits for.
func Unhurried(ctx context.Context) context.Context {
	return context.WithValue(ctx, unhurriedKey{}, true)
}

// IsUnhurried says whether a context is for work that nobody waits for.
func IsUnhurried(ctx context.Context) bool { return ctx.Value(unhurriedKey{}) != nil }

// Place is a place in a room, or the wait for one. A nil Place is one in a nil Room.
type Place struct {
	room    *Room
	urgent  bool
	granted chan struct{}
	heard   time.Time
	left    bool
}

// Ask asks for a place. It does not wait. urgent says that somebody waits for the work that needs the place.
// [Place.Leave] must be called once the place is no longer needed, even if it was never granted.
func (r *Room) Ask(urgent bool) *Place {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &Place{room: r, urgent: urgent, granted: make(chan struct{})}
	at := len(r.waiting)
	if urgent {
		if first := slices.IndexFunc(r.waiting, func(other *Place) bool { return !other.urgent }); first >= 0 {
			at = first
		}
	}
	r.waiting = slices.Insert(r.waiting, at, p)
	r.grant()
	return p
}

// Enter waits for a place. The error is the error of ctx.
func (r *Room) Enter(ctx context.Context, urgent bool) (*Place, error) {
	p := r.Ask(urgent)
	select {
	case <-p.Granted():
		return p, nil
	case <-ctx.Done():
		p.Leave()
		return nil, ctx.Err()
	}
}

// Granted returns a channel that is closed once the place is granted.
func (p *Place) Granted() <-chan struct{} {
	if p == nil {
		granted := make(chan struct{})
		close(granted)
		return granted
	}
	return p.granted
}

// IsGranted says whether the place is granted.
func (p *Place) IsGranted() bool {
	select {
	case <-p.Granted():
		return true
	default:
		return false
	}
}

// Heard notes that the work for which the place is held goes on.
func (p *Place) Heard() {
	if p == nil {
		return
	}
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.heard = time.Now()
}

// Leave gives the place back, or ends the wait for it. Leaving again does nothing.
func (p *Place) Leave() {
	if p == nil {
		return
	}
	r := p.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	delete(r.held, p)
	r.waiting = slices.DeleteFunc(r.waiting, func(other *Place) bool { return other == p })
	r.grant()
}

// Use is how a room is used at one moment: its places, how many are held, how many of these count as free because their
// holders are silent, and how many waits there are.
type Use struct{ Places, Held, Silent, Waiting int }

// Use tells how the room is used.
func (r *Room) Use() Use {
	r.mu.Lock()
	defer r.mu.Unlock()
	counted, _ := r.count(time.Now())
	return Use{Places: r.places, Held: len(r.held), Silent: len(r.held) - counted, Waiting: len(r.waiting)}
}

// grant gives free places to those who wait. r.mu must be held.
func (r *Room) grant() {
	now := time.Now()
	counted, next := r.count(now)
	for len(r.waiting) > 0 {
		first := r.waiting[0]
		free, most := r.places-counted, mostSilent*r.places
		if !first.urgent {
			most /= 2
			if r.places > 1 {
				free--
			}
		}
		if free <= 0 || len(r.held) >= most {
			break
		}
		r.waiting = r.waiting[1:]
		first.heard = now
		r.held[first] = true
		counted++
		if next.IsZero() || now.Add(r.patience).Before(next) {
			next = now.Add(r.patience)
		}
		close(first.granted)
	}
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	if len(r.waiting) > 0 && !next.IsZero() {
		r.timer = time.AfterFunc(next.Sub(now), func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.grant()
		})
	}
}

// count counts the places whose holders have been heard of, and says when the first of them is no longer counted; zero
// if there are none. r.mu must be held.
func (r *Room) count(now time.Time) (counted int, next time.Time) {
	for p := range r.held {
		until := p.heard.Add(r.patience)
		if !until.After(now) {
			continue
		}
		counted++
		if next.IsZero() || until.Before(next) {
			next = until
		}
	}
	return counted, next
}
