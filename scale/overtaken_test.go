package scale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ours = "pulumiscale/"

// overtaken is a stack of 3 workers and 2 apis on which others were faster. reads are the updates that each reading
// finds, newest first, on top of the first one. The n-th update of ours has the id ours+n, and the last one is not
// overtaken.
func overtaken(t *testing.T, rule ruleEdit, reads ...[]Update) *fakeStack {
	first := update(24*time.Hour, "worker", "3", "api", "2")
	edit := func(*Snapshot) {}
	if rule != nil {
		edit = withRule("worker", rule)
	}
	fake := newFake(t, snapshot(edit))
	fake.onRead = func(n int) (*Snapshot, error) {
		if n == 1 {
			return snapshot(withUpdates(first), edit), nil
		}
		return snapshot(withUpdates(append(reads[n-2], first)...), edit, func(s *Snapshot) { s.Head = fmt.Sprint("head", n) }), nil
	}
	answer := fake.onUpdate
	fake.onUpdate = func(n int, c Change) (*Result, error) {
		r, err := answer(n, c)
		r.ID, r.Overtaken = fmt.Sprint(ours, n), n <= len(reads)
		return r, err
	}
	return fake
}

// outdated says that the update, one of the worker pool, was decided before the one that it followed.
func (u Update) outdated() Update {
	u.Pools, u.Overtaken = []string{"worker"}, true
	return u
}

func noCooldown(r *Rule) { r.Cooldown = Cooldown{} }

func TestOvertakenUpdateIsDecidedAgain(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name   string
		rule   ruleEdit
		reads  [][]Update
		intent Intent
		// updates are the settings of each update, and moves what the report says of the last one.
		updates []string
		moves   string
		written []Setting
	}{
		{
			"a delta is added on top of the other's", noCooldown,
			[][]Update{{update(0, "worker", "5", "api", "2").by(ours + "1").outdated(), update(0, "worker", "4", "api", "2")}}, byDelta(2),
			[]string{"api=2 worker=5 head", "api=2 worker=6 head2"}, "worker 4 -> 6", settingsOf("workerCount", "6"),
		},
		{
			"another pool's key is not set back", nil,
			[][]Update{{update(0, "worker", "5", "api", "2").by(ours + "1").outdated(), update(0, "worker", "3", "api", "7")}}, byDelta(2),
			[]string{"api=2 worker=5 head", "api=7 worker=5 head2"}, "worker 3 -> 5", settingsOf("workerCount", "5"),
		},
		{
			"it goes back where the other's scaling starts a cooldown", nil,
			[][]Update{{update(0, "worker", "5", "api", "2").by(ours + "1").outdated(), update(0, "worker", "4", "api", "2")}}, byDelta(2),
			[]string{"api=2 worker=5 head", "api=2 worker=4 head2"}, "worker 5 -> 4", settingsOf("workerCount", "4"),
		},
		{
			"one's own update starts no cooldown", nil,
			[][]Update{{update(0, "worker", "5", "api", "2").by(ours + "1").outdated(), update(0, "worker", "3", "api", "2")}}, byDelta(2),
			[]string{"api=2 worker=5 head"}, "worker 3 -> 5", settingsOf("workerCount", "5"),
		},
		{
			`"current" is not counted twice`, func(r *Rule) { r.Cooldown, r.Current = Cooldown{}, new(5) },
			[][]Update{{update(0, "worker", "7", "api", "2").by(ours + "1").outdated(), update(0, "worker", "4", "api", "2")}}, byDelta(2),
			[]string{"api=2 worker=7 head", "api=2 worker=6 head2"}, "worker 4 -> 6", settingsOf("workerCount", "6"),
		},
		{
			"an absolute count that the other chose too is kept", noCooldown,
			[][]Update{{update(0, "worker", "5", "api", "2").by(ours + "1").outdated(), update(0, "worker", "5", "api", "2")}}, toCount(5),
			[]string{"api=2 worker=5 head"}, "worker 5 -> 5", settingsOf("workerCount", "5"),
		},
		{
			"it may be overtaken again", noCooldown,
			[][]Update{
				{update(0, "worker", "5", "api", "2").by(ours + "1").outdated(), update(0, "worker", "4", "api", "2")},
				{update(0, "worker", "6", "api", "2").by(ours + "2").outdated(), update(0, "worker", "8", "api", "2"), update(0, "worker", "5", "api", "2").by(ours + "1").outdated()},
			}, byDelta(2),
			[]string{"api=2 worker=5 head", "api=2 worker=6 head2", "api=2 worker=9 head3"}, "worker 8 -> 9", settingsOf("workerCount", "9"),
		},
		{
			"none of one's own updates starts a cooldown", nil,
			[][]Update{
				{update(0, "worker", "5", "api", "2").by(ours + "1").outdated(), update(0, "worker", "3", "api", "7")},
				{update(0, "worker", "5", "api", "7").by(ours + "2").outdated(), update(0, "worker", "3", "api", "9"), update(0, "worker", "5", "api", "2").by(ours + "1").outdated()},
			}, byDelta(2),
			[]string{"api=2 worker=5 head", "api=7 worker=5 head2", "api=9 worker=5 head3"}, "worker 3 -> 5", settingsOf("workerCount", "5"),
		},
		{
			"a count that the pool never had before stays", nil,
			[][]Update{{update(0, "worker", "5", "api", "2").by(ours + "1").outdated(), update(hour, "worker", "-", "api", "7")}}, byDelta(2),
			[]string{"api=2 worker=5 head", "api=7 worker=5 head2"}, "worker 5 -> 5", settingsOf("workerCount", "5"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := overtaken(t, c.rule, c.reads...)
			report, err := fake.scaler().Scale(context.Background(), []Intent{c.intent}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var updates []string
			for _, u := range fake.updated {
				updates = append(updates, fmt.Sprintf("api=%s worker=%s %s", *u.Settings[0].Value, *u.Settings[1].Value, u.Head))
				want := []string{workerURN}
				if len(u.Pools) == 0 {
					want = []string{stackURN}
				}
				if diff := cmp.Diff(want, u.Targets); diff != "" {
					t.Errorf("targets: -want +got:\n%s", diff)
				}
			}
			if diff := cmp.Diff(c.updates, updates); diff != "" {
				t.Errorf("updates: -want +got:\n%s", diff)
			}
			if len(report.Moves) == 0 || report.Moves[0].String() != c.moves || len(report.Results) != 1 || report.Results[0].String() != c.moves {
				t.Errorf("got moves %v and results %v, want %s", report.Moves, report.Results, c.moves)
			}
			if diff := cmp.Diff([][]Setting{c.written}, fake.written); diff != "" {
				t.Errorf("written: -want +got:\n%s", diff)
			}
			if !observedOne[Overtaken](fake) && len(c.reads) == 1 {
				t.Errorf("observed %v", fake.observed)
			}
		})
	}
}

func TestOvertakenByTheEndOfTheRule(t *testing.T) {
	fake := overtaken(t, nil, nil)
	read := fake.onRead
	fake.onRead = func(n int) (*Snapshot, error) {
		s, err := read(n)
		if n == 2 {
			s.Updates = []Update{update(0, "api", "2").by(ours + "1").outdated(), update(0, "api", "7")}
			delete(s.Rules, "worker")
		}
		return s, err
	}
	if _, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(2)}, nil); err != nil {
		t.Fatal(err)
	}
	if len(fake.updated) != 2 {
		t.Fatalf("updates: %+v", fake.updated)
	}
	if diff := cmp.Diff([]string{stackURN}, fake.updated[1].Targets); diff != "" {
		t.Errorf("the key of another pool is set right by what touches no pool: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(settingsOf("apiCount", "7"), fake.updated[1].Settings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// An update has been done: if something then fails for a passing reason, the same intents must not be decided a second
// time.
func TestOvertakenUpdateIsNeverDecidedAsANewOne(t *testing.T) {
	reads := []Update{update(0, "worker", "5", "api", "2").by(ours + "1").outdated(), update(0, "worker", "4", "api", "2")}
	locked := &LockedError{Stack: "dev"}
	for _, c := range []struct {
		name  string
		setup func(*fakeStack)
		fails bool
		calls []string
	}{
		{
			"a backend that is away for a while", func(f *fakeStack) { f.failSecondRead(1, &UnavailableError{}) }, false,
			[]string{"lock", "read", "update", "read", "read", "update", "write", "unlock"},
		},
		{
			"a backend that stays away", func(f *fakeStack) { f.failSecondRead(9, &UnavailableError{}) }, true,
			[]string{"lock", "read", "update", "read", "read", "read", "unlock"},
		},
		{
			"a lock that is held for a while", func(f *fakeStack) { f.failSecondUpdate(1, locked) }, false,
			[]string{"lock", "read", "update", "read", "update", "update", "write", "unlock"},
		},
		{
			"a lock that stays held", func(f *fakeStack) { f.failSecondUpdate(9, locked) }, true,
			[]string{"lock", "read", "update", "read", "update", "update", "update", "unlock"},
		},
		{
			"a failure of the engine", func(f *fakeStack) { f.failSecondUpdate(9, &EngineError{}) }, true,
			[]string{"lock", "read", "update", "read", "update", "unlock"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := overtaken(t, noCooldown, reads, reads, reads)
				end := fake.onUpdate
				fake.onUpdate = func(n int, c Change) (*Result, error) {
					r, err := end(n, c)
					r.Overtaken = n == 1
					return r, err
				}
				c.setup(fake)
				report, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(2)}, nil)
				var over *OvertakenError
				if errors.As(err, &over) != c.fails || !c.fails && err != nil {
					t.Errorf("got error %v", err)
				}
				if IsTransient(err) {
					t.Error("the error looks as if nothing had been done")
				}
				if !c.fails && report.Results[0].String() != "worker 4 -> 6" {
					t.Errorf("got %+v", report.Results)
				}
				if diff := cmp.Diff(c.calls, fake.calls); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

// failSecondRead makes n readings after the first fail.
func (f *fakeStack) failSecondRead(n int, err error) {
	next := f.onRead
	f.onRead = func(i int) (*Snapshot, error) {
		if i > 1 && i <= 1+n {
			return nil, err
		}
		return next(i)
	}
}

// failSecondUpdate makes n updates after the first fail.
func (f *fakeStack) failSecondUpdate(n int, err error) {
	next := f.onUpdate
	f.onUpdate = func(i int, c Change) (*Result, error) {
		if i > 1 && i <= 1+n {
			return nil, err
		}
		return next(i, c)
	}
}

func TestOvertakenUpdateIsMendedAfterACancel(t *testing.T) {
	fake := overtaken(t, noCooldown, []Update{update(0, "worker", "5", "api", "2").by(ours + "1").outdated(), update(0, "worker", "4", "api", "2")})
	ctx, cancel := context.WithCancel(context.Background())
	next := fake.onUpdate
	fake.onUpdate = func(n int, c Change) (*Result, error) {
		cancel()
		return next(n, c)
	}
	report, err := fake.scaler().Scale(ctx, []Intent{byDelta(2)}, nil)
	if err != nil || report.Results[0].String() != "worker 4 -> 6" {
		t.Errorf("got %+v, error %v", report, err)
	}
}

func TestOvertakenByTheIntentsOwnUpdate(t *testing.T) {
	fake := overtaken(t, noCooldown, []Update{update(0, "worker", "5", "api", "2").by(ours + "1").outdated(), update(0, "worker", "5", "api", "2").by("orphan")})
	already := errors.New("it was done before")
	check := func(_ context.Context, snap *Snapshot) error {
		if slices.ContainsFunc(snap.Updates, func(u Update) bool { return u.ID == "orphan" }) {
			return already
		}
		return nil
	}
	_, err := fake.scaler().CarryOut(context.Background(), Order{Intents: []Intent{byDelta(2)}, Check: check})
	if !errors.Is(err, already) {
		t.Errorf("error %v", err)
	}
	if len(fake.updated) != 1 {
		t.Errorf("the delta was added once more: %+v", fake.updated)
	}
	if diff := cmp.Diff([][]Setting{settingsOf("workerCount", "5")}, fake.written); diff != "" {
		t.Errorf("written: -want +got:\n%s", diff)
	}
}
