package queue

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// club is a stand-in for the cluster: a journal in memory that several queues share, in the place of the log of
// scale/cluster, with the promises that its conformance suite and [Team] state.
type club struct {
	journal *memory

	mu      sync.Mutex
	members []*mate
	// worker is the member that has the lease; nil if none has.
	worker *mate
	// serves is who answers what is asked.
	serves func([]byte) []byte
}

// mate is what the club is to one of its members.
type mate struct {
	*memory
	club *club
	name string

	follow func(Operation)
	listen func([]byte)
	wants  chan Lease
	lease  *clubLease
	// stopped, if it is not nil, stops the member after its next Replace until it is closed. reached is closed then.
	stopped, reached chan struct{}
	// deaf says that it hears nothing; missed is what it has not heard.
	deaf   bool
	missed []Operation
}

type clubLease struct {
	lost, yield chan struct{}
	once        sync.Once
	mate        *mate
}

func (l *clubLease) Lost() <-chan struct{}  { return l.lost }
func (l *clubLease) Yield() <-chan struct{} { return l.yield }
func (l *clubLease) Release() {
	l.lose()
	l.mate.club.mu.Lock()
	defer l.mate.club.mu.Unlock()
	if l.mate.club.worker == l.mate {
		l.mate.club.worker = nil
	}
	l.mate.lease = nil
}
func (l *clubLease) lose() { l.once.Do(func() { close(l.lost) }) }

func newClub() *club { return &club{journal: newMemory()} }

// join starts a queue that is a member, with a directory of its own.
func (c *club) join(t *testing.T, w *world, name string) (*rig, *mate) {
	t.Helper()
	m := &mate{memory: c.journal, club: c, name: name}
	c.mu.Lock()
	c.members = append(c.members, m)
	c.mu.Unlock()
	r := start(t, w, c.journal, func(o *Options) {
		o.Journal, o.Team = m, m
		o.Scaler.Stack = &apart{process: o.Scaler.Stack.(*process), host: name}
		if o.Scaler.HeadStart != nil {
			o.Scaler.HeadStart = o.Scaler.Stack.(*apart).process
		}
	})
	time.Sleep(2 * readTime)
	return r, m
}

// apart is a stack as a process sees it that has a directory of its own.
type apart struct {
	*process
	dir sync.Mutex
	// host is the machine's name, on which its dead engines have left locks behind.
	host string
}

func (a *apart) RemoveDeadLock(ctx context.Context, holders []scale.LockHolder, observe scale.Observe) {
	if len(holders) == 1 && holders[0].Host == a.host {
		a.RemoveLock(ctx, holders, observe)
	}
}

func (a *apart) RemoveLock(context.Context, []scale.LockHolder, scale.Observe) {
	a.set(func() { a.foreignUpdate = false })
}

func (a *apart) Lock(ctx context.Context, _ scale.Observe) (func(), error) {
	for !a.dir.TryLock() {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return a.dir.Unlock, nil
}

func (a *apart) TryLock() (func(), bool, error) { return a.dir.Unlock, a.dir.TryLock(), nil }

// work makes a member the one that works on the stack. Whoever was has lost its lease.
func (c *club) work(m *mate) {
	c.mu.Lock()
	if c.worker != nil && c.worker.lease != nil {
		c.worker.lease.lose()
	}
	c.worker = m
	m.lease = &clubLease{lost: make(chan struct{}), yield: make(chan struct{}), mate: m}
	wants, lease := m.wants, m.lease
	m.wants = nil
	c.mu.Unlock()
	wants <- lease
	time.Sleep(time.Second)
}

func (m *mate) Acquire(ctx context.Context) (Lease, error) {
	m.club.mu.Lock()
	m.wants = make(chan Lease, 1)
	wants := m.wants
	m.club.mu.Unlock()
	select {
	case lease := <-wants:
		return lease, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *mate) Follow(each func(Operation)) (stop func()) {
	m.club.mu.Lock()
	defer m.club.mu.Unlock()
	m.follow = each
	return func() {}
}

// tell tells the others of operations.
func (m *mate) tell(operations []Operation) {
	m.club.mu.Lock()
	defer m.club.mu.Unlock()
	for _, other := range m.club.members {
		if other == m || other.follow == nil {
			continue
		}
		if other.deaf {
			other.missed = append(other.missed, operations...)
			continue
		}
		go func() {
			for _, op := range operations {
				other.follow(op)
			}
		}()
	}
}

// hears lets a member hear what it has missed.
func (m *mate) hears() {
	m.club.mu.Lock()
	missed := m.missed
	m.deaf, m.missed = false, nil
	m.club.mu.Unlock()
	for _, op := range missed {
		m.follow(op)
	}
}

func (m *mate) Add(operations []Operation) ([]Operation, error) {
	out, err := m.memory.Add(operations)
	if err == nil {
		m.tell(out)
	}
	return out, err
}

func (m *mate) Replace(operations []Operation, begun []string) error {
	taken := &TakenError{}
	for i, op := range operations {
		known, err := m.Get(op.ID)
		same := err == nil && known.State == op.State && known.Update == op.Update
		if err == nil && !same && (known.State == Done || known.Update != begun[i]) {
			taken.IDs = append(taken.IDs, op.ID)
		}
	}
	if len(taken.IDs) > 0 {
		return taken
	}
	if err := m.Update(operations); err != nil {
		return err
	}
	m.tell(operations)
	if stopped := m.stopped; stopped != nil {
		m.stopped = nil
		close(m.reached)
		<-stopped
	}
	return nil
}

func (m *mate) Serve(answer func([]byte) []byte) (stop func(), err error) {
	m.club.mu.Lock()
	defer m.club.mu.Unlock()
	m.club.serves = answer
	return func() {}, nil
}

func (m *mate) Ask(_ context.Context, question []byte) ([]byte, error) {
	m.club.mu.Lock()
	serves := m.club.serves
	m.club.mu.Unlock()
	if serves == nil {
		return nil, &scale.UnavailableError{Problem: "nobody works on the stack"}
	}
	return serves(question), nil
}

func (m *mate) Tell(text []byte) error {
	m.club.mu.Lock()
	defer m.club.mu.Unlock()
	for _, other := range m.club.members {
		go other.listen(text)
	}
	return nil
}

func (m *mate) Listen(each func([]byte)) (stop func(), err error) {
	m.listen = each
	return func() {}, nil
}

func (m *mate) Worker() string { return "" }

// Each member accepts, one carries out, and all hear of the end.
func TestOneOfATeamWorks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c := newWorld(t), newClub()
		w.rule("worker", func(r *scale.Rule) { r.Cooldown = scale.Cooldown{} })
		a, first := c.join(t, w, "a")
		b, _ := c.join(t, w, "b")
		onB := b.accepted(scaletest.ByDelta(2))
		time.Sleep(time.Minute)
		if n := w.updatesBegun(); n != 0 {
			t.Fatalf("without a lease, %d updates were begun", n)
		}
		c.work(first)
		b.wants(FinalScaled, onB)
		onA := a.accepted(scaletest.ByDelta(1))
		time.Sleep(100 * time.Millisecond)
		if open := b.Open(); len(open) != 1 || open[0].ID != onA {
			t.Errorf("the other one knows of %+v", open)
		}
		b.wants(FinalScaled, onA)
		a.wants(FinalScaled, onA, onB)
		b.wantCounts(6, 2, 2)
		if len(a.Open())+len(b.Open()) != 0 {
			t.Error("something is still open")
		}
		// What the other one scaled is known here.
		if sub := b.submit(scale.Intent{Pool: "worker", Count: new(6)})[0]; sub.Decision.Outcome != scale.NoChange {
			t.Errorf("the pool is not known to be at 6: %s", sub.Decision.Outcome)
		}
	})
}

// Who takes over carries out what nobody has, and nothing twice: also if the one before has begun it.
func TestATeamGoesOnWithoutItsWorker(t *testing.T) {
	for _, c := range []struct {
		name  string
		begun bool
	}{{"before it has begun", false}, {"after its engine has", true}} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w, club := newWorld(t), newClub()
				a, first := club.join(t, w, "a")
				b, second := club.join(t, w, "b")
				club.work(first)
				id := b.accepted(scaletest.ByDelta(2))
				if c.begun {
					time.Sleep(updateTime / 2)
				}
				w.set(func() { a.process.dead = true })
				club.work(second)
				b.wants(FinalScaled, id)
				b.wantCounts(5, 2, 1)
			})
		})
	}
}

// A worker that was stopped for a while finds that somebody has taken over, before it decides anything.
func TestAStoppedWorkerFindsThatItIsReplaced(t *testing.T) {
	for _, c := range []struct {
		name string
		// ends says that the other one is done when it goes on, and deaf that it has not heard of anything by then.
		ends, deaf bool
	}{{"which is done", true, false}, {"which is done, and of which it has not heard", true, true}, {"which is at it", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w, club := newWorld(t), newClub()
				a, first := club.join(t, w, "a")
				b, second := club.join(t, w, "b")
				club.work(first)
				first.stopped, first.reached, first.deaf = make(chan struct{}), make(chan struct{}), c.deaf
				goOn := first.stopped
				id := b.accepted(scaletest.ByDelta(2))
				if c.deaf { // it has to know of this one
					first.hears()
					first.deaf = true
				}
				<-first.reached
				club.work(second)
				if c.ends {
					b.wants(FinalScaled, id)
				} else {
					time.Sleep(updateTime / 2)
				}
				close(goOn)
				time.Sleep(3 * updateTime)
				first.hears()
				time.Sleep(time.Minute)
				a.wants(FinalScaled, id)
				b.wants(FinalScaled, id)
				b.wantCounts(5, 2, 1)
				if len(a.Open())+len(b.Open()) != 0 {
					t.Error("something is still open")
				}
			})
		})
	}
}

// Whoever is asked has an operation cancelled by the one that works on the stack.
func TestATeamCancels(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c := newWorld(t), newClub()
		w.rule("worker", func(r *scale.Rule) {
			r.Cooldown, r.OnCooldown = scale.Cooldown{Up: time.Hour, Down: time.Hour}, scale.Defer
		})
		a, first := c.join(t, w, "a")
		b, _ := c.join(t, w, "b")
		if _, err := b.Cancel("nobody"); scale.KindOf(err) != scale.KindUnavailable {
			t.Errorf("without a worker the error is %v", err)
		}
		c.work(first)
		b.wants(FinalScaled, b.accepted(alarm("A", 5)))
		deferred := b.accepted(alarm("B", 7))
		time.Sleep(time.Second)
		if op, err := b.Cancel(deferred); err != nil || op.Result != FinalCancelled {
			t.Fatalf("it was not cancelled: %+v, %v", op, err)
		}
		a.wants(FinalCancelled, deferred)
		b.wants(FinalCancelled, deferred)
		if _, err := b.Cancel("nobody"); !scale.IsA[*UnknownOperationError](err) {
			t.Errorf("an unknown one: %v", err)
		}
		running := b.accepted(scale.Intent{Pool: "api", Count: new(4)})
		time.Sleep(updateTime / 2)
		if _, err := b.Cancel(running); !scale.IsA[*NotCancelledError](err) {
			t.Errorf("one that is being carried out: %v", err)
		}
		b.wants(FinalScaled, running)
	})
}

// An alert that clears on another replica than the one on which it fired is over.
func TestATeamHearsThatAnAlertHasCleared(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c := newWorld(t), newClub()
		w.rule("worker", func(r *scale.Rule) {
			r.Cooldown, r.OnCooldown = scale.Cooldown{Up: time.Hour, Down: time.Hour}, scale.Defer
		})
		a, first := c.join(t, w, "a")
		b, _ := c.join(t, w, "b")
		c.work(first)
		a.wants(FinalScaled, a.accepted(alarm("A", 5)))
		deferred := a.accepted(alarm("B", 7))
		time.Sleep(time.Minute)
		b.submit(clearedAlarm("B"))
		time.Sleep(2 * time.Hour)
		a.wants(FinalCancelled, deferred)
		b.wants(FinalCancelled, deferred)
		b.wantCounts(5, 2, 1)
	})
}

// A lease that is given back, because another one had better work, is given back in between two batches.
func TestATeamChangesItsWorker(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c := newWorld(t), newClub()
		w.rule("worker", func(r *scale.Rule) { r.Cooldown = scale.Cooldown{} })
		a, first := c.join(t, w, "a")
		b, second := c.join(t, w, "b")
		c.work(first)
		var ids []string
		for range 3 {
			ids = append(ids, a.accepted(scaletest.ByDelta(1)), b.accepted(scaletest.ByDelta(1)))
			time.Sleep(updateTime / 2)
			c.mu.Lock()
			worker, lease := c.worker, c.worker.lease
			c.mu.Unlock()
			close(lease.yield)
			for !isClosed(lease.lost) {
				time.Sleep(100 * time.Millisecond)
			}
			next := first
			if worker == first {
				next = second
			}
			time.Sleep(time.Second)
			c.work(next)
		}
		time.Sleep(time.Minute)
		a.wants(FinalScaled, ids...)
		b.wants(FinalScaled, ids...)
		if got := w.counts(); got[0] != 3+len(ids) {
			t.Errorf("the pool has %d", got[0])
		}
		if len(a.Open())+len(b.Open()) != 0 {
			t.Errorf("still open: %+v", a.Open())
		}
	})
}

// lockedBy is a world whose stack an engine on a machine has locked, which has died since.
func lockedBy(t *testing.T, host string) *world {
	w := newWorld(t)
	w.foreignUpdate, w.holders = true, []scale.LockHolder{{User: "pulumi", Host: host, PID: 7, Since: time.Now()}}
	return w
}

// A machine that comes back hears whose lock is in the way, and removes its own.
func TestAMachineThatComesBackRemovesItsLock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c := lockedBy(t, "a"), newClub()
		b, second := c.join(t, w, "b")
		c.work(second)
		id := b.accepted(scaletest.ByDelta(2))
		time.Sleep(10 * time.Minute)
		if op := b.Open(); len(op) != 1 || w.updatesBegun() != 0 {
			t.Fatalf("it did not wait: %+v", op)
		}
		c.join(t, w, "a")
		time.Sleep(3 * time.Minute) // the longest wait between two tries, and an update
		b.wants(FinalScaled, id)
		b.wantCounts(5, 2, 1)
	})
}

// A machine that is gone for good does not come back. A person says so: to any member, and not of another machine.
func TestTheLockOfAForgottenMachineIsRemoved(t *testing.T) {
	for _, c := range []struct {
		name, forget string
		// before says that the lock was taken after the machine was forgotten.
		before, removed bool
	}{{"that one", "a", false, true}, {"another one", "c", false, false}, {"that one, before it took the lock", "a", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w, club := lockedBy(t, "a"), newClub()
				b, second := club.join(t, w, "b")
				d, _ := club.join(t, w, "d")
				club.work(second)
				if c.before {
					w.set(func() { w.holders[0].Since = time.Now().Add(time.Minute) })
				}
				id := d.accepted(scaletest.ByDelta(2))
				time.Sleep(time.Second)
				if err := d.Forget(c.forget); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Minute)
				if op, err := b.Operation(id); err != nil || (op.Result == FinalScaled) != c.removed {
					t.Errorf("it is %s %s, %v", op.State, op.Result, err)
				}
			})
		})
	}
	inBubble(t, func(t *testing.T) {
		if err := begin(t, newWorld(t)).Forget("a"); !scale.IsA[*scale.UsageError](err) {
			t.Errorf("alone: %v", err)
		}
	})
}

// An operation that has ended here and is just being saved is not ended once more by what another member says of it.
func TestAnEndIsAnnouncedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, _ := newClub().join(t, newWorld(t), "a")
		id := r.accepted(scaletest.ByDelta(2))
		r.Queue.mu.Lock()
		e := r.ledger.find(id)
		e.close(time.Now(), FinalFailed, "it has ended here")
		r.Queue.mu.Unlock()
		other := e.op
		other.Result = FinalScaled
		r.hear(other)
		if isClosed(e.done) || r.ledger.find(id) == nil {
			t.Error("it was ended by what another one said")
		}
		r.retireDone(e)
		if !isClosed(e.done) {
			t.Error("its end was not announced")
		}
	})
}

// An end that was announced before it was saved, and turns out to be another member's to say, is announced again in the end.
func TestAnEndThatIsTakenBackIsAnnouncedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newClub()
		r, _ := c.join(t, newWorld(t), "a")
		id := r.accepted(scaletest.ByDelta(2))
		taken, err := c.journal.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		taken.State, taken.Update, taken.Updates = Running, "another one's", []string{"another one's"}
		if err := c.journal.Update([]Operation{taken}); err != nil {
			t.Fatal(err)
		}
		r.Queue.mu.Lock()
		e := r.ledger.find(id)
		e.close(time.Now(), FinalSuperseded, "it gave way")
		r.Queue.mu.Unlock()
		r.retireDoneSoon(e)
		time.Sleep(time.Second)
		ended := taken
		ended.State, ended.Result, ended.EndedAt = Done, FinalScaled, time.Now()
		if err := c.journal.Update([]Operation{ended}); err != nil {
			t.Fatal(err)
		}
		r.hear(ended)
		r.wants(FinalScaled, id)
		r.Queue.mu.Lock()
		defer r.Queue.mu.Unlock()
		if e.taken || !isClosed(e.done) {
			t.Error("who waits would wait for ever")
		}
	})
}
