package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/notice"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Options say who is told, and what the teller needs for that. All fields but Listeners are required.
type Options struct {
	Listeners []Setting
	Origin    notice.Origin
	Outbox    Outbox
	Secrets   Secrets
	Log       *slog.Logger
	Now       func() time.Time
}

// Pools is what a teller asks about the pools. scale/queue implements it.
type Pools interface {
	// Rules returns the rules in force; nil if there are none yet.
	Rules() scale.Rules
	// Recent lists at most limit done operations of a pool, or of all pools if pool is empty. It begins with the
	// operation that ended last.
	Recent(pool string, limit int) ([]queue.Operation, error)
}

// Teller tells listeners what happens: at least once, even if the process dies meanwhile, and in order for each pool.
// Observe does not wait until anybody is told. A Teller is safe for concurrent use; Run may be called once.
type Teller struct {
	Options
	listeners []*listener
	vault     *vault
	// news tells Run that there are events.
	news chan struct{}

	// state, told, number and written belong to Run: nobody else reads or writes them. told has the ids of notices
	// about operations that were put into the outbox, and when each operation ended. number is the number of the last
	// letter. written is the state as the outbox has it.
	state   state
	told    map[string]time.Time
	number  uint64
	written []byte

	// mu guards what follows. Observe adds events, and Run takes them. Run writes lasting, and listeners read it.
	mu      sync.Mutex
	events  []heard
	lasting []notice.Notice
}

// heard is an event, and when it was observed.
type heard struct {
	event scale.Event
	at    time.Time
}

const (
	// mostEvents is how many events wait for Run at most. Further events are dropped. The listeners are told of the
	// operations in dropped events after the next start.
	mostEvents = 50_000
	// lookEvery is how often Run looks for troubles that have ended without an event that says so.
	lookEvery = time.Minute
	// recalled is how many done operations are looked at after a start. Such an operation may have ended up to overlap
	// before the Mark of the state, because events of about the same time come in any order.
	recalled = 10_000
	overlap  = 2 * time.Minute
	// keepTold is how long the ids of told notices are kept, and mostTold is how many of them are kept at most.
	keepTold = time.Hour
	mostTold = 5_000
)

// New makes a teller. The settings must have passed [Check].
func New(o Options) *Teller {
	t := &Teller{Options: o, news: make(chan struct{}, 1), told: map[string]time.Time{}}
	var keys []string
	for _, s := range o.Listeners {
		keys = append(keys, s.keys()...)
	}
	t.vault = &vault{read: o.Secrets, keys: unique(keys), now: o.Now}
	for _, s := range o.Listeners {
		t.listeners = append(t.listeners, t.newListener(s))
	}
	return t
}

func (t *Teller) newListener(s Setting) *listener {
	k, _ := kindOf(s.Kind)
	return &listener{
		Setting: s, kind: k, vault: t.vault, client: newClient(s), outbox: t.Outbox, log: t.Log, now: t.Now, lasting: t.whatLasts,
		wake: make(chan struct{}, 1), lanes: map[string]*lane{}, status: board.Listener{Name: s.Name, Kind: s.Kind},
	}
}

// Observe takes an event of the queue, the scaler or the watcher of metrics, and keeps it for Run. It does not wait.
func (t *Teller) Observe(event scale.Event) {
	if t == nil || len(t.listeners) == 0 || !notice.IsHeard(event) {
		return
	}
	t.mu.Lock()
	if len(t.events) < mostEvents {
		t.events = append(t.events, heard{event, t.Now()})
	}
	t.mu.Unlock()
	select {
	case t.news <- struct{}{}:
	default: // Run has been told
	}
}

// Status returns the status of each listener, in the order of the settings.
func (t *Teller) Status() []board.Listener {
	var out []board.Listener
	for _, l := range t.listeners {
		out = append(out, l.snapshot())
	}
	return out
}

// Forget has addresses and secrets read again when they are needed next, because the configuration may have changed.
func (t *Teller) Forget() { t.vault.forget() }

// Reload has addresses and secrets read again, and has all listeners tried again, even those that were gone.
func (t *Teller) Reload() {
	t.vault.forget()
	for _, l := range t.listeners {
		l.reload()
	}
}

// Run tells listeners what happens, and returns after ctx has ended. What is not told by then is told after the next
// start.
func (t *Teller) Run(ctx context.Context, pools Pools) {
	if len(t.listeners) == 0 {
		return
	}
	t.resume(pools)
	var telling sync.WaitGroup
	defer telling.Wait()
	for _, l := range t.listeners {
		telling.Go(func() { l.run(ctx) })
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			t.takeIn(pools) // what is known by now is told after the next start
			return
		case <-t.news:
			t.takeIn(pools)
		case <-ticker.C:
			now := t.Now()
			t.put(slices.Concat(t.state.Tracker.Rules(pools.Rules(), now), t.state.Tracker.Lapse(now)), nil)
		}
	}
}

// resume goes on where the previous process ended: with letters that were not delivered, and with operations that the
// process may not have told of.
func (t *Teller) resume(pools Pools) {
	err := errors.Join(
		t.Outbox.Outbox(keyState, func(key string, record []byte) {
			if key == keyState && json.Unmarshal(record, &t.state) != nil {
				t.state = state{}
			}
		}),
		t.Outbox.Outbox(prefixTold, func(key string, record []byte) {
			var at time.Time
			if at.UnmarshalText(record) == nil {
				t.told[strings.TrimPrefix(key, prefixTold)] = at
			}
		}),
	)
	letters, orphans := map[string][]*letter{}, map[string][]byte{}
	err = errors.Join(err, t.Outbox.Outbox(prefixLetter, func(key string, record []byte) {
		one, name, ok := parseLetter(key, record)
		if !ok || !slices.ContainsFunc(t.listeners, func(l *listener) bool { return l.Name == name }) {
			orphans[key] = nil
			return
		}
		t.number = max(t.number, one.number)
		letters[name] = append(letters[name], one)
	}))
	if len(orphans) > 0 {
		err = errors.Join(err, t.Outbox.PutOutbox(orphans))
	}
	if err != nil {
		t.Log.Error("notifications that still waited cannot be read", "reason", err.Error())
	}
	for _, l := range t.listeners {
		if waiting := letters[l.Name]; len(waiting) > 0 {
			t.Log.Info("notices still wait for a listener", "listener", l.Name, "notices", len(waiting))
			l.add(waiting...)
		}
	}
	t.state.Tracker.Origin = t.Origin
	t.show()
	t.recall(pools)
}

// recall tells of operations that have ended, but whose notices were not put into the outbox.
func (t *Teller) recall(pools Pools) {
	mark := t.state.Mark
	if mark.IsZero() { // nobody is told of what ended before the first start
		t.state.Mark = t.Now()
		t.put(nil, nil)
		return
	}
	done, err := pools.Recent("", recalled)
	if err != nil {
		t.Log.Error("finished operations cannot be read: some may not be notified", "reason", err.Error())
		return
	}
	var missed []queue.Operation
	for _, op := range slices.Backward(done) { // oldest first
		if _, told := t.told[notice.IDOf(op)]; !told && op.EndedAt.After(mark.Add(-overlap)) {
			missed = append(missed, op)
		}
	}
	t.put(t.state.Tracker.Recall(missed), missed)
}

// takeIn makes notices of the events that have come, and puts them into the outbox.
func (t *Teller) takeIn(pools Pools) {
	t.mu.Lock()
	events := t.events
	t.events = nil
	t.mu.Unlock()
	var notices []notice.Notice
	var done []queue.Operation
	for _, e := range events {
		switch e := e.event.(type) {
		case queue.BatchDone:
			done = append(done, e.Operations...)
		case queue.Refreshed:
			notices = append(notices, t.state.Tracker.Rules(pools.Rules(), t.Now())...)
			continue
		}
		notices = append(notices, t.state.Tracker.Hear(e.event, e.at)...)
	}
	t.put(notices, done)
}

// put writes notices into the outbox, together with a note of the operations that they are about, and then gives the
// notices to the listeners. If the outbox cannot be written, the listeners are told all the same.
func (t *Teller) put(notices []notice.Notice, done []queue.Operation) {
	now := t.Now()
	records := map[string][]byte{}
	letters := map[*listener][]*letter{}
	for _, n := range notices {
		for _, l := range t.listeners {
			if !l.wants(n) {
				continue
			}
			t.number = max(t.number+1, uint64(max(now.UnixNano(), 0)))
			one := &letter{key: letterKey(l.Name, t.number), number: t.number, Notice: n, Put: now}
			if record, err := one.encode(); err == nil {
				records[one.key] = record
			}
			letters[l] = append(letters[l], one)
		}
	}
	t.markDone(done, records)
	record, err := json.Marshal(t.state)
	if err == nil && len(records) == 0 && bytes.Equal(record, t.written) {
		return // an idle server writes nothing
	}
	if err == nil {
		records[keyState] = record
		err = t.Outbox.PutOutbox(records)
	}
	if err == nil {
		t.written = record
	} else {
		t.Log.Error("notifications cannot be saved; a restart would lose them", "notices", len(notices), "reason", err.Error())
	}
	t.show()
	for _, l := range t.listeners {
		if len(letters[l]) > 0 {
			l.add(letters[l]...)
		}
	}
}

// markDone notes, in memory and in the records for the outbox, the operations of which notices were made. It forgets
// operations that ended long ago.
func (t *Teller) markDone(done []queue.Operation, records map[string][]byte) {
	for _, op := range done {
		if op.State != queue.Done || op.Update == "" {
			continue
		}
		if op.EndedAt.After(t.state.Mark) {
			t.state.Mark = op.EndedAt
		}
		id := notice.IDOf(op)
		t.told[id] = op.EndedAt
		if text, err := op.EndedAt.MarshalText(); err == nil {
			records[prefixTold+id] = text
		}
	}
	oldest := t.state.Mark.Add(-keepTold)
	if len(t.told) > mostTold {
		times := slices.SortedFunc(maps.Values(t.told), time.Time.Compare)
		oldest = times[len(times)-mostTold]
	}
	for id, at := range t.told {
		if at.Before(oldest) {
			delete(t.told, id)
			records[prefixTold+id] = nil
		}
	}
}

// show lets listeners see the troubles that last.
func (t *Teller) show() {
	lasting := t.state.Tracker.Open()
	t.mu.Lock()
	t.lasting = lasting
	t.mu.Unlock()
}

func (t *Teller) whatLasts() []notice.Notice {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lasting)
}

// unique returns the keys, sorted and without repetitions.
func unique(keys []string) []string {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	return slices.Compact(keys)
}
