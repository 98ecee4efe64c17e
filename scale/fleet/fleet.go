package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/room"
)

// Stack is an open stack of a fleet. Run does its work until ctx ends, finishes what must be finished, and closes the
// stack. It is called once.
type Stack interface{ Run(ctx context.Context) }

// Fleet keeps all stacks of its list open, each by itself. A stack that cannot be opened is tried again, and holds up
// no other. It is safe for concurrent use.
type Fleet[S Stack] struct {
	options Options[S]
	// openings is the room in which stacks are opened. An opening that hangs, such as a clone, soon no longer counts.
	openings *room.Room
	// life is the context of all work, and ends with Run. background counts the goroutines that are left.
	life       context.Context
	end        context.CancelFunc
	background sync.WaitGroup
	// changed tells Run that there may be something to open.
	changed chan struct{}

	// mu guards all that follows. leaving are members that are no longer in the list and whose stacks have not ended
	// yet.
	mu      sync.Mutex
	members map[string]*member[S]
	leaving map[*member[S]]bool
}

// Options say how a fleet opens its stacks. All are required.
type Options[S Stack] struct {
	// Open opens a stack. It is not called for a name while the stack that had the name before has not ended.
	Open func(context.Context, Entry) (S, error)
	Log  *slog.Logger
}

// member is a stack of the list. The fleet's mu guards the fields from stack on.
type member[S Stack] struct {
	entry Entry
	// life ends when the member leaves the list, or the fleet ends. ended is closed once the member's stack has ended.
	// before has the ended channels of the members that had its name or its place before: the member is opened once all
	// of them are closed.
	life   context.Context
	leave  context.CancelFunc
	ended  chan struct{}
	before []chan struct{}

	stack S
	open  bool
	// opening is closed when the try that is under way to open the stack ends; nil if none is.
	opening chan struct{}
	// err is why the last try failed, and failedAt when. failures is how many tries failed in a row, and retryAt when
	// the next one is due.
	err      error
	failures int
	failedAt time.Time
	retryAt  time.Time
}

const (
	// openings is how many stacks are opened at once, and slowOpening how long an opening counts as one of them.
	openings    = 4
	slowOpening = 5 * time.Second
	// firstRetry is the first wait before a stack that could not be opened is tried again. Each further wait is twice
	// as long, up to lastRetry. A request for the stack tries it sooner, but not more often than once in every
	// firstRetry.
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
)

// New makes a fleet without stacks.
func New[S Stack](options Options[S]) *Fleet[S] {
	f := &Fleet[S]{
		options: options, openings: room.New(openings, slowOpening), changed: make(chan struct{}, 1),
		members: map[string]*member[S]{}, leaving: map[*member[S]]bool{},
	}
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// Set gives the fleet a new list. Stacks that are no longer in the list, or whose entry has changed, end as they do at
// the fleet's end; the others go on. Set does not wait for the end of any stack. It returns the names that are new or
// whose entry has changed, and those that are gone.
func (f *Fleet[S]) Set(entries []Entry) (added, gone []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	wanted := map[string]Entry{}
	for _, e := range entries {
		wanted[e.Name] = e
	}
	for name, m := range f.members {
		if e, ok := wanted[name]; ok && e == m.entry {
			continue
		} else if !ok {
			gone = append(gone, name)
		}
		f.remove(m)
	}
	for _, e := range entries {
		if f.members[e.Name] == nil {
			f.members[e.Name] = f.newMember(e)
			added = append(added, e.Name)
		}
	}
	f.wakeUp()
	slices.Sort(gone)
	return added, gone
}

// remove takes a member out of the list. f.mu must be held.
func (f *Fleet[S]) remove(m *member[S]) {
	delete(f.members, m.entry.Name)
	m.leave()
	if !m.open && m.opening == nil {
		close(m.ended)
		return
	}
	f.leaving[m] = true
}

// newMember makes a member, which is opened once all earlier members of the same name or place have ended. f.mu must be
// held.
func (f *Fleet[S]) newMember(e Entry) *member[S] {
	m := &member[S]{entry: e, ended: make(chan struct{})}
	m.life, m.leave = context.WithCancel(f.life)
	for other := range f.leaving {
		if other.entry.Name == e.Name || other.entry.place() == e.place() {
			m.before = append(m.before, other.ended)
		}
	}
	return m
}

func (f *Fleet[S]) wakeUp() {
	select {
	case f.changed <- struct{}{}:
	default: // it is awake
	}
}

// Run opens the stacks of the list, in any order, and keeps them open until ctx ends. Then it waits until all stacks
// have ended. It may be called once.
func (f *Fleet[S]) Run(ctx context.Context) {
	defer f.background.Wait()
	defer f.shut()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		m, wait := f.next(time.Now())
		if m != nil {
			place, err := f.openings.Enter(ctx, true)
			if err != nil {
				return
			}
			f.try(m, func() { place.Leave() })
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-f.changed:
		case <-ctx.Done():
		}
	}
}

// shut makes all stacks end. No stack is opened afterwards.
func (f *Fleet[S]) shut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end()
}

// next returns the member to be opened next. If there is none, next is nil, and wait is how long to wait before the
// next look.
func (f *Fleet[S]) next(now time.Time) (next *member[S], wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	wait = lastRetry
	for _, m := range f.members {
		if m.open || m.opening != nil || !m.mayOpen() {
			continue
		}
		if left := m.retryAt.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		return m, 0
	}
	return nil, wait
}

// try begins to open a stack, unless the stack is being opened or open already, or the member's life has ended. done is
// called at the end of the try.
func (f *Fleet[S]) try(m *member[S], done func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.open || m.opening != nil || m.life.Err() != nil {
		done()
		return
	}
	m.opening = make(chan struct{})
	f.background.Go(func() {
		defer done()
		f.openMember(m)
	})
}

func (f *Fleet[S]) openMember(m *member[S]) {
	stack, err := f.options.Open(m.life, m.entry)
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.wakeUp()
	close(m.opening)
	m.opening = nil
	if err == nil {
		m.stack, m.open, m.err, m.failures = stack, true, nil, 0
		f.background.Go(func() {
			stack.Run(m.life)
			f.ended(m)
		})
		return
	}
	if m.life.Err() != nil {
		delete(f.leaving, m)
		close(m.ended)
		return
	}
	f.options.Log.Error("a stack cannot be opened; it is tried again", "stack", m.entry.Name, "reason", err.Error())
	m.err, m.failedAt = err, time.Now()
	m.retryAt = m.failedAt.Add(min(firstRetry<<min(m.failures, 10), lastRetry))
	m.failures++
}

// mayOpen says whether the earlier members of the same name or place have ended.
func (m *member[S]) mayOpen() bool {
	return !slices.ContainsFunc(m.before, func(ended chan struct{}) bool {
		select {
		case <-ended:
			return false
		default:
			return true
		}
	})
}

// ended notes that a stack has ended.
func (f *Fleet[S]) ended(m *member[S]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.leaving, m)
	close(m.ended)
	f.wakeUp()
}

// UnknownStackError says that a fleet has no stack of a name.
type UnknownStackError struct{ Name string }

// Kind returns [KindUnknownStack].
func (*UnknownStackError) Kind() scale.Kind { return KindUnknownStack }

// KindUnknownStack is the kind of an [UnknownStackError].
const KindUnknownStack scale.Kind = "unknown-stack"

func (e *UnknownStackError) Error() string { return fmt.Sprintf("the fleet has no stack %q", e.Name) }

// Get returns the stack of a name. If the stack is not open yet, Get opens it at once. The error is an
// [*UnknownStackError], a [*scale.UnavailableError] that says why the stack cannot be opened, or the error of ctx.
func (f *Fleet[S]) Get(ctx context.Context, name string) (S, error) {
	var none S
	for tried := false; ; tried = true {
		f.mu.Lock()
		m := f.members[name]
		switch {
		case m == nil:
			f.mu.Unlock()
			return none, &UnknownStackError{Name: name}
		case m.open:
			f.mu.Unlock()
			return m.stack, nil
		case m.opening == nil && (tried && m.err != nil || m.err != nil && time.Since(m.failedAt) < firstRetry):
			err := m.err
			f.mu.Unlock()
			return none, &scale.UnavailableError{Problem: "stack " + name + " cannot be opened now", Detail: err.Error()}
		case !m.mayOpen():
			f.mu.Unlock()
			return none, &scale.UnavailableError{Problem: "stack " + name + " cannot be opened now", Detail: "an entry of the previous list with the same name or place still finishes its update; the stack is opened when that ends"}
		case f.life.Err() != nil:
			f.mu.Unlock()
			return none, &scale.UnavailableError{Problem: "no more stacks are opened", Detail: "the server is being stopped"}
		}
		opening := m.opening
		f.mu.Unlock()
		if opening == nil {
			place, err := f.openings.Enter(ctx, true)
			if err != nil {
				return none, err
			}
			f.try(m, func() { place.Leave() })
			f.mu.Lock()
			opening = m.opening
			f.mu.Unlock()
		}
		if opening == nil { // the try has just ended
			continue
		}
		select {
		case <-opening:
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
}

// Member is a stack of a fleet, and whether it is open.
type Member[S Stack] struct {
	Entry Entry
	// Stack is the stack if Open is set.
	Stack S
	Open  bool
	// Err is why the stack could not be opened, and RetryAt is when it is tried again; nil and zero if nothing failed.
	Err     error
	RetryAt time.Time
}

// Members returns the stacks of the list, by name.
func (f *Fleet[S]) Members() []Member[S] {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Member[S], 0, len(f.members))
	for _, name := range slices.Sorted(maps.Keys(f.members)) {
		m := f.members[name]
		next := Member[S]{Entry: m.entry, Stack: m.stack, Open: m.open}
		if m.err != nil {
			next.Err, next.RetryAt = m.err, m.retryAt
		}
		out = append(out, next)
	}
	return out
}

// Size returns how many stacks the list has.
func (f *Fleet[S]) Size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.members)
}
