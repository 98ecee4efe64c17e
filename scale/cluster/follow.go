package cluster

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// follower is told what other replicas do with a stack's operations. Its goroutine runs only while there is something
// to tell.
type follower struct {
	each func(queue.Operation)

	mu      sync.Mutex
	waiting []queue.Operation
	telling bool
	stopped bool
}

// Follow calls each with every operation of the stack that another replica has added or changed, as it is then: in the
// order of the log, one at a time, and without loss if the connection breaks and comes again. It begins with what comes
// after Follow returns, so call it before [Journal.Open]. What comes between these two calls may be told twice.
//
// Operations that this replica has accepted itself are left out, with one exception: an operation that the cluster has
// lost, and has got back, is told too. An operation that nobody was told is accepted may be taken out of the log. Follow
// then tells it as done, with the result that it was cancelled.
//
// The function each may take long: other followers do not wait for it. The function stop does not wait for a running
// call of each; after stop, no new call begins.
func (j *Journal) Follow(each func(queue.Operation)) (stop func()) {
	f := &follower{each: each}
	v := j.node.view
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.stack(j.stack)
	s.followers = append(slices.Clip(s.followers), f)
	return func() {
		f.mu.Lock()
		f.stopped, f.waiting = true, nil
		f.mu.Unlock()
		v.mu.Lock()
		defer v.mu.Unlock()
		if s := v.stacks[j.stack]; s != nil {
			s.followers = slices.DeleteFunc(slices.Clone(s.followers), func(other *follower) bool { return other == f })
			v.tidy(j.stack, s)
		}
	}
}

// tell tells the followers of a stack what another replica has written.
func (v *view) tell(stack string, r received, own string) {
	v.mu.RLock()
	var followers []*follower
	if s := v.stacks[stack]; s != nil {
		followers = s.followers
	}
	v.mu.RUnlock()
	if len(followers) == 0 || r.from == own || len(r.body) == 0 {
		return
	}
	var op queue.Operation
	if json.Unmarshal(r.body, &op) != nil || v.hidden(op.ID) && !r.gone {
		return
	}
	for _, f := range followers {
		f.tell(op)
	}
}

func (f *follower) tell(op queue.Operation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	f.waiting = append(f.waiting, op)
	if !f.telling {
		f.telling = true
		go f.tellAll()
	}
}

func (f *follower) tellAll() {
	for {
		f.mu.Lock()
		if len(f.waiting) == 0 {
			f.telling, f.waiting = false, nil
			f.mu.Unlock()
			return
		}
		op := f.waiting[0]
		f.waiting = f.waiting[1:]
		f.mu.Unlock()
		f.each(op)
	}
}
