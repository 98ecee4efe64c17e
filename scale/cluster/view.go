package cluster

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// view is what this replica knows of the stream of operations: the latest message under each subject. A message that is
// not newer than the known one is skipped. So this replica may bring a message of its own into the view as soon as the
// stream has acknowledged it: when the stream brings that message again, it is skipped.
type view struct {
	// hidden says whether an operation is not to be seen: nobody was told that it is accepted.
	hidden func(id string) bool

	mu sync.RWMutex
	// stacks are the stacks of which anything is known or that somebody follows, by the stack's part of subjects.
	stacks map[string]*stackView
	// held are the holds, by the stack's part of subjects.
	held map[string]heldEntry
}

// stackView is what is known of a stack. The view's mu guards it.
type stackView struct {
	entries   map[string]*entry   // by id
	chains    map[string][]*entry // by the key's part of subjects; without operations that have no key
	alerts    map[string][]*entry // operations that tell of an alert, by the alert's part of subjects
	heard     map[string]heardEntry
	followers []*follower
}

// entry is what is known of an operation.
type entry struct {
	id, chain, pool, previous string
	// update is the [queue.Operation.Update] of the operation.
	update string
	// seq is the sequence of the operation's message, and at is when the stream took that message.
	seq uint64
	at  time.Time
	// body is the operation's stored form, if it is not done: a done operation is read from the stream when somebody
	// asks.
	body []byte
	done bool
	// ended is when it ended, in nanoseconds of Unix time.
	ended int64
	// told is what the operation tells of an alert. alert is the part of subjects that stands for that alert; it is
	// empty if the operation tells of none.
	alert string
	told  scale.Heard
	// err says why the operation's message cannot be read; its body is kept then.
	err error
}

type heardEntry struct {
	seq   uint64
	heard scale.Heard
	at    time.Time
}

func newView(hidden func(id string) bool) *view {
	return &view{hidden: hidden, stacks: map[string]*stackView{}, held: map[string]heldEntry{}}
}

// stack returns what is known of a stack, and makes an empty entry for it if there is none. v.mu must be held for
// writing.
func (v *view) stack(stack string) *stackView {
	s := v.stacks[stack]
	if s == nil {
		s = &stackView{entries: map[string]*entry{}, chains: map[string][]*entry{}, alerts: map[string][]*entry{}, heard: map[string]heardEntry{}}
		v.stacks[stack] = s
	}
	return s
}

// clear forgets everything but the followers.
func (v *view) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.held)
	for stack, s := range v.stacks {
		delete(v.stacks, stack)
		if len(s.followers) > 0 {
			v.stack(stack).followers = s.followers
		}
	}
}

// takeOperation brings a message of an operation into the view. It says whether the message is news, and whether the
// operation is known to have ended.
func (v *view) takeOperation(stack, chain, id string, r received) (isNews, ended bool) {
	e := &entry{id: id, chain: chain, seq: r.seq, at: r.at}
	if !r.gone {
		e.read(r.body)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if old := v.lookUp(stack, id); old != nil {
		if old.seq >= r.seq {
			return false, old.done
		}
		v.drop(stack, old)
	}
	if !r.gone {
		v.keep(stack, e)
	}
	return true, e.done
}

// hasOther says whether a different operation has the key of a lost one by now. The operation that the lost one tries
// again does not count.
func (v *view) hasOther(stack, chain string, op queue.Operation) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s := v.stacks[stack]
	return chain != noKey && s != nil && slices.ContainsFunc(s.chains[chain], func(e *entry) bool {
		return e.id != op.ID && e.id != op.Previous && !v.hidden(e.id)
	})
}

// forget forgets an operation that the log has lost.
func (v *view) forget(stack, id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.lookUp(stack, id); e != nil {
		v.drop(stack, e)
	}
}

// read takes from an operation's stored form what is to be known of it.
func (e *entry) read(body []byte) {
	var op queue.Operation
	if e.err = json.Unmarshal(body, &op); e.err != nil {
		e.body = body
		return
	}
	e.pool, e.previous, e.update, e.done = op.Intent.Pool, op.Previous, op.Update, op.State == queue.Done
	if e.done {
		e.ended = op.EndedAt.UnixNano()
	} else {
		e.body = body
	}
	if h, ok := scale.HeardOf(op.Intent, op.AcceptedAt); ok {
		e.alert, e.told = alertKey(h), h
	}
}

// lookUp finds an operation, or nil. v.mu must be held.
func (v *view) lookUp(stack, id string) *entry {
	if s := v.stacks[stack]; s != nil {
		return s.entries[id]
	}
	return nil
}

// isUnknown says whether nothing is known of an operation.
func (v *view) isUnknown(stack, id string) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.lookUp(stack, id) == nil
}

func (v *view) keep(stack string, e *entry) {
	s := v.stack(stack)
	s.entries[e.id] = e
	if e.chain != noKey {
		s.chains[e.chain] = append(s.chains[e.chain], e)
	}
	if e.alert != "" {
		s.alerts[e.alert] = append(s.alerts[e.alert], e)
	}
}

func (v *view) drop(stack string, e *entry) {
	s := v.stack(stack)
	delete(s.entries, e.id)
	takeOut(s.chains, e.chain, e)
	takeOut(s.alerts, e.alert, e)
	v.tidy(stack, s)
}

func takeOut(index map[string][]*entry, key string, e *entry) {
	if rest := slices.DeleteFunc(index[key], func(other *entry) bool { return other == e }); len(rest) > 0 {
		index[key] = rest
	} else {
		delete(index, key)
	}
}

// tidy forgets a stack in which there is nothing. v.mu must be held.
func (v *view) tidy(stack string, s *stackView) {
	if len(s.entries)+len(s.heard)+len(s.followers) == 0 {
		delete(v.stacks, stack)
	}
}

// takeHeard brings into the view a message of what was heard of an alert.
func (v *view) takeHeard(stack, alert string, r received) {
	h, err := decodeHeard(r.body)
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.stack(stack)
	if s.heard[alert].seq < r.seq {
		if r.gone || err != nil {
			delete(s.heard, alert)
		} else {
			s.heard[alert] = heardEntry{seq: r.seq, heard: h, at: r.at}
		}
	}
	v.tidy(stack, s)
}

// find finds an operation that is not hidden.
func (v *view) find(stack, id string) (e entry, ok bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	found := v.lookUp(stack, id)
	if found == nil || v.hidden(id) {
		return entry{}, false
	}
	return *found, true
}

// list returns copies of the operations of a stack that keep accepts and that are not hidden.
func (v *view) list(stack string, keep func(*entry) bool) []entry {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s := v.stacks[stack]
	if s == nil {
		return nil
	}
	var out []entry
	for id, e := range s.entries {
		if keep(e) && !v.hidden(id) {
			out = append(out, *e)
		}
	}
	return out
}

// tip returns the operation that a key leads to: the first with that key or, if others tried it again, the last of
// them. last is the sequence of the last message under the key. v.mu must be held.
func (v *view) tip(stack, chain string) (tip *entry, last uint64) {
	s := v.stacks[stack]
	if s == nil {
		return nil, 0
	}
	all := s.chains[chain]
	var seen []*entry
	for _, e := range all {
		last = max(last, e.seq)
		if !v.hidden(e.id) {
			seen = append(seen, e)
		}
	}
	for _, e := range seen {
		isFirst := !slices.ContainsFunc(seen, func(other *entry) bool { return other.id == e.previous })
		if isFirst && (tip == nil || e.id < tip.id) {
			tip = e
		}
	}
	for range seen { // a bounded number of times, even if they name each other in a circle
		i := slices.IndexFunc(seen, func(e *entry) bool { return tip != nil && e.previous == tip.id && e.id != tip.id })
		if i < 0 {
			break
		}
		tip = seen[i]
	}
	return tip, last
}

// recall returns the latest that is known of an alert; zero if nothing is. It starts from the stream's message about
// the alert, and adds what operations tell of the alert, in the order in which that was heard. seq is the sequence of
// that message, or zero if there is none.
func (v *view) recall(stack, alert string) (known scale.Heard, seq uint64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s := v.stacks[stack]
	if s == nil {
		return known, 0
	}
	base := s.heard[alert]
	var told []*entry
	for _, e := range s.alerts[alert] {
		if e.told.At.After(base.heard.At) && !v.hidden(e.id) {
			told = append(told, e)
		}
	}
	slices.SortFunc(told, func(a, b *entry) int {
		if byTime := a.told.At.Compare(b.told.At); byTime != 0 {
			return byTime
		}
		if a.id < b.id {
			return -1
		}
		return 1
	})
	known = base.heard
	for _, e := range told {
		known, _ = e.told.After(known)
	}
	return known, base.seq
}

// sweep forgets what has expired in the stream.
func (v *view) sweep(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for stack, s := range v.stacks {
		for _, e := range s.entries {
			if e.done && now.Sub(e.at) > keepMessage+time.Minute {
				v.drop(stack, e)
			}
		}
		for alert, h := range s.heard {
			if now.Sub(h.at) > keepMessage+time.Minute {
				delete(s.heard, alert)
			}
		}
		v.tidy(stack, s)
	}
}
