package scaler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

const ours = "pulumiscale/"

// overtaken is a stack of 3 workers and 2 apis on which others were faster. reads are the updates that each reading
// finds, newest first, on top of the first one. The n-th update of ours has the id ours+n, and the last one is not
// overtaken.
func overtaken(t *testing.T, rule scaletest.RuleEdit, reads ...[]scale.Update) *scaletest.Stack {
	first := scaletest.Update(24*time.Hour, "worker", "3", "api", "2")
	edit := func(*scale.Snapshot) {}
	if rule != nil {
		edit = scaletest.WithRule("worker", rule)
	}
	fake := scaletest.NewStack(t, scaletest.Snapshot(edit))
	fake.OnRead = func(n int) (*scale.Snapshot, error) {
		if n == 1 {
			return scaletest.Snapshot(scaletest.WithUpdates(first), edit), nil
		}
		return scaletest.Snapshot(scaletest.WithUpdates(append(reads[n-2], first)...), edit, func(s *scale.Snapshot) { s.Head = fmt.Sprint("head", n) }), nil
	}
	answer := fake.OnUpdate
	fake.OnUpdate = func(n int, c scale.Change) (*scale.Result, error) {
		r, err := answer(n, c)
		r.ID, r.Overtaken = fmt.Sprint(ours, n), n <= len(reads)
		return r, err
	}
	return fake
}

// outdated says that the update, one of the worker pool, was decided before the one that it followed.
func outdated(u scale.Update) scale.Update {
	u.Pools, u.Overtaken = []string{"worker"}, true
	return u
}

func TestOvertakenUpdateIsDecidedAgain(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name   string
		rule   scaletest.RuleEdit
		reads  [][]scale.Update
		intent scale.Intent
		// updates are the settings of each update, and moves what the report says of the last one.
		updates []string
		moves   string
		written []scale.Setting
	}{
		{
			"a delta is added on top of the other's", scaletest.NoCooldown,
			[][]scale.Update{{outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1")), scaletest.Update(0, "worker", "4", "api", "2")}}, scaletest.ByDelta(2),
			[]string{"api=2 worker=5 head", "api=2 worker=6 head2"}, "worker 4 -> 6", scaletest.SettingsOf("workerCount", "6"),
		},
		{
			"another pool's key is not set back", nil,
			[][]scale.Update{{outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1")), scaletest.Update(0, "worker", "3", "api", "7")}}, scaletest.ByDelta(2),
			[]string{"api=2 worker=5 head", "api=7 worker=5 head2"}, "worker 3 -> 5", scaletest.SettingsOf("workerCount", "5"),
		},
		{
			"it goes back where the other's scaling starts a cooldown", nil,
			[][]scale.Update{{outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1")), scaletest.Update(0, "worker", "4", "api", "2")}}, scaletest.ByDelta(2),
			[]string{"api=2 worker=5 head", "api=2 worker=4 head2"}, "worker 5 -> 4", scaletest.SettingsOf("workerCount", "4"),
		},
		{
			"one's own update starts no cooldown", nil,
			[][]scale.Update{{outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1")), scaletest.Update(0, "worker", "3", "api", "2")}}, scaletest.ByDelta(2),
			[]string{"api=2 worker=5 head"}, "worker 3 -> 5", scaletest.SettingsOf("workerCount", "5"),
		},
		{
			`"current" is not counted twice`, func(r *scale.Rule) { r.Cooldown, r.Current = scale.Cooldown{}, new(5) },
			[][]scale.Update{{outdated(scaletest.By(scaletest.Update(0, "worker", "7", "api", "2"), ours+"1")), scaletest.Update(0, "worker", "4", "api", "2")}}, scaletest.ByDelta(2),
			[]string{"api=2 worker=7 head", "api=2 worker=6 head2"}, "worker 4 -> 6", scaletest.SettingsOf("workerCount", "6"),
		},
		{
			"an absolute count that the other chose too is kept", scaletest.NoCooldown,
			[][]scale.Update{{outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1")), scaletest.Update(0, "worker", "5", "api", "2")}}, scaletest.ToCount(5),
			[]string{"api=2 worker=5 head"}, "worker 5 -> 5", scaletest.SettingsOf("workerCount", "5"),
		},
		{
			"it may be overtaken again", scaletest.NoCooldown,
			[][]scale.Update{
				{outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1")), scaletest.Update(0, "worker", "4", "api", "2")},
				{outdated(scaletest.By(scaletest.Update(0, "worker", "6", "api", "2"), ours+"2")), scaletest.Update(0, "worker", "8", "api", "2"), outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1"))},
			}, scaletest.ByDelta(2),
			[]string{"api=2 worker=5 head", "api=2 worker=6 head2", "api=2 worker=9 head3"}, "worker 8 -> 9", scaletest.SettingsOf("workerCount", "9"),
		},
		{
			"none of one's own updates starts a cooldown", nil,
			[][]scale.Update{
				{outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1")), scaletest.Update(0, "worker", "3", "api", "7")},
				{outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "7"), ours+"2")), scaletest.Update(0, "worker", "3", "api", "9"), outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1"))},
			}, scaletest.ByDelta(2),
			[]string{"api=2 worker=5 head", "api=7 worker=5 head2", "api=9 worker=5 head3"}, "worker 3 -> 5", scaletest.SettingsOf("workerCount", "5"),
		},
		{
			"a count that the pool never had before stays", nil,
			[][]scale.Update{{outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1")), scaletest.Update(hour, "worker", "-", "api", "7")}}, scaletest.ByDelta(2),
			[]string{"api=2 worker=5 head", "api=7 worker=5 head2"}, "worker 5 -> 5", scaletest.SettingsOf("workerCount", "5"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := overtaken(t, c.rule, c.reads...)
			report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{c.intent}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var updates []string
			for _, u := range fake.Updated {
				updates = append(updates, fmt.Sprintf("api=%s worker=%s %s", *u.Settings[0].Value, *u.Settings[1].Value, u.Head))
				want := []string{scaletest.WorkerURN}
				if len(u.Pools) == 0 {
					want = []string{scaletest.StackURN}
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
			if diff := cmp.Diff([][]scale.Setting{c.written}, fake.Written); diff != "" {
				t.Errorf("written: -want +got:\n%s", diff)
			}
			if !observedOne[scale.Overtaken](fake) && len(c.reads) == 1 {
				t.Errorf("observed %v", fake.Observed)
			}
		})
	}
}

func TestOvertakenByTheEndOfTheRule(t *testing.T) {
	fake := overtaken(t, nil, nil)
	read := fake.OnRead
	fake.OnRead = func(n int) (*scale.Snapshot, error) {
		s, err := read(n)
		if n == 2 {
			s.Updates = []scale.Update{outdated(scaletest.By(scaletest.Update(0, "api", "2"), ours+"1")), scaletest.Update(0, "api", "7")}
			delete(s.Rules, "worker")
		}
		return s, err
	}
	if _, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil); err != nil {
		t.Fatal(err)
	}
	if len(fake.Updated) != 2 {
		t.Fatalf("updates: %+v", fake.Updated)
	}
	if diff := cmp.Diff([]string{scaletest.StackURN}, fake.Updated[1].Targets); diff != "" {
		t.Errorf("the key of another pool is set right by what touches no pool: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(scaletest.SettingsOf("apiCount", "7"), fake.Updated[1].Settings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// An update has been done: if something then fails for a passing reason, the same intents must not be decided a second
// time.
func TestOvertakenUpdateIsNeverDecidedAsANewOne(t *testing.T) {
	reads := []scale.Update{outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1")), scaletest.Update(0, "worker", "4", "api", "2")}
	locked := &scale.LockedError{Stack: "dev"}
	for _, c := range []struct {
		name  string
		setup func(*scaletest.Stack)
		fails bool
		calls []string
	}{
		{
			"a backend that is away for a while", func(f *scaletest.Stack) { failSecondRead(f, 1, &scale.UnavailableError{}) }, false,
			[]string{"lock", "read", "update", "read", "read", "update", "write", "unlock"},
		},
		{
			"a backend that stays away", func(f *scaletest.Stack) { failSecondRead(f, 9, &scale.UnavailableError{}) }, true,
			[]string{"lock", "read", "update", "read", "read", "read", "unlock"},
		},
		{
			"a lock that is held for a while", func(f *scaletest.Stack) { failSecondUpdate(f, 1, locked) }, false,
			[]string{"lock", "read", "update", "read", "update", "update", "write", "unlock"},
		},
		{
			"a lock that stays held", func(f *scaletest.Stack) { failSecondUpdate(f, 9, locked) }, true,
			[]string{"lock", "read", "update", "read", "update", "update", "update", "unlock"},
		},
		{
			"a failure of the engine", func(f *scaletest.Stack) { failSecondUpdate(f, 9, &scale.EngineError{}) }, true,
			[]string{"lock", "read", "update", "read", "update", "unlock"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := overtaken(t, scaletest.NoCooldown, reads, reads, reads)
				end := fake.OnUpdate
				fake.OnUpdate = func(n int, c scale.Change) (*scale.Result, error) {
					r, err := end(n, c)
					r.Overtaken = n == 1
					return r, err
				}
				c.setup(fake)
				report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil)
				var over *scale.OvertakenError
				if errors.As(err, &over) != c.fails || !c.fails && err != nil {
					t.Errorf("got error %v", err)
				}
				if scale.IsTransient(err) {
					t.Error("the error looks as if nothing had been done")
				}
				if !c.fails && report.Results[0].String() != "worker 4 -> 6" {
					t.Errorf("got %+v", report.Results)
				}
				if diff := cmp.Diff(c.calls, fake.Calls); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

// failSecondRead makes n readings after the first fail.
func failSecondRead(f *scaletest.Stack, n int, err error) {
	next := f.OnRead
	f.OnRead = func(i int) (*scale.Snapshot, error) {
		if i > 1 && i <= 1+n {
			return nil, err
		}
		return next(i)
	}
}

// failSecondUpdate makes n updates after the first fail.
func failSecondUpdate(f *scaletest.Stack, n int, err error) {
	next := f.OnUpdate
	f.OnUpdate = func(i int, c scale.Change) (*scale.Result, error) {
		if i > 1 && i <= 1+n {
			return nil, err
		}
		return next(i, c)
	}
}

func TestOvertakenUpdateIsMendedAfterACancel(t *testing.T) {
	fake := overtaken(t, scaletest.NoCooldown, []scale.Update{outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1")), scaletest.Update(0, "worker", "4", "api", "2")})
	ctx, cancel := context.WithCancel(context.Background())
	next := fake.OnUpdate
	fake.OnUpdate = func(n int, c scale.Change) (*scale.Result, error) {
		cancel()
		return next(n, c)
	}
	report, err := scalerOf(fake).Scale(ctx, []scale.Intent{scaletest.ByDelta(2)}, nil)
	if err != nil || report.Results[0].String() != "worker 4 -> 6" {
		t.Errorf("got %+v, error %v", report, err)
	}
}

func TestOvertakenByTheIntentsOwnUpdate(t *testing.T) {
	fake := overtaken(t, scaletest.NoCooldown, []scale.Update{outdated(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), ours+"1")), scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), "orphan")})
	already := errors.New("it was done before")
	check := func(_ context.Context, snap *scale.Snapshot) error {
		if slices.ContainsFunc(snap.Updates, func(u scale.Update) bool { return u.ID == "orphan" }) {
			return already
		}
		return nil
	}
	_, err := scalerOf(fake).CarryOut(context.Background(), Order{Intents: []scale.Intent{scaletest.ByDelta(2)}, Check: check})
	if !errors.Is(err, already) {
		t.Errorf("error %v", err)
	}
	if len(fake.Updated) != 1 {
		t.Errorf("the delta was added once more: %+v", fake.Updated)
	}
	if diff := cmp.Diff([][]scale.Setting{scaletest.SettingsOf("workerCount", "5")}, fake.Written); diff != "" {
		t.Errorf("written: -want +got:\n%s", diff)
	}
}
