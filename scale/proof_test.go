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
	"github.com/google/go-cmp/cmp/cmpopts"
)

// unproved is a fake stack that keeps the proofs that it is given, on the basis "basis". The test answers its previews.
func unproved(t *testing.T, snap *Snapshot, preview func(c Change) (*Result, error)) *fakeStack {
	fake := newFake(t, snap)
	fake.onProof = func() (*Proof, error) {
		if len(fake.kept) > 0 {
			proof := *fake.kept[len(fake.kept)-1]
			return &proof, nil
		}
		return &Proof{Basis: "basis"}, nil
	}
	fake.onPreview = func(_ int, c Change) (*Result, error) { return preview(c) }
	return fake
}

// would are steps that a preview shows, whatever it previews.
func would(steps ...ResourceStep) func(Change) (*Result, error) {
	return func(Change) (*Result, error) { return &Result{Steps: steps}, nil }
}

// allowing makes a rule let pending changes come along.
func allowing(r *Rule) { r.Pending = AllowPending }

// targetsOf are the targets of the changes that were previewed.
func targetsOf(changes []Change) (out [][]string) {
	for _, c := range changes {
		out = append(out, c.Targets)
	}
	return out
}

func TestScaleProvesFirst(t *testing.T) {
	pendingDir := "changes are pending that would come along: update of pkg:index:T worker (dir)"
	both := []Intent{toCount(5), {Pool: "api", Count: new(4)}}
	type outcomes []Outcome
	for _, c := range []struct {
		name    string
		edit    func(*Snapshot)
		preview func(Change) (*Result, error)
		intents []Intent
		// previews are the targets of each preview, and updated those of the update; nil for none.
		previews [][]string
		updated  []string
		want     outcomes
		reason   string
	}{
		{
			name: "what is proved to be nothing lets the scaling through", preview: would(), intents: both[:1],
			previews: [][]string{{apiURN, workerURN}}, updated: []string{workerURN}, want: outcomes{Scale},
		},
		{
			name: "what is pending of the target keeps it", preview: would(stepOf("update", workerURN, "dir")), intents: both[:1],
			previews: [][]string{{apiURN, workerURN}}, want: outcomes{HasPending}, reason: pendingDir,
		},
		{
			name: "of two pools the one without pending changes is scaled", preview: would(stepOf("update", workerURN, "dir")), intents: both,
			previews: [][]string{{apiURN, workerURN}}, updated: []string{apiURN}, want: outcomes{HasPending, Scale}, reason: pendingDir,
		},
		{
			name: "a pool that allows it is scaled, and no proof is made", edit: withRule("worker", allowing), intents: both[:1],
			preview: would(stepOf("update", workerURN, "dir")), updated: []string{workerURN}, want: outcomes{Scale},
		},
		{
			name: "beside a pool that allows it the other is kept", edit: withRule("worker", allowing), intents: both,
			preview: would(stepOf("update", apiURN, "dir")), previews: [][]string{{apiURN}}, updated: []string{workerURN}, want: outcomes{Scale, HasPending},
		},
		{
			name: "no change comes first, without a proof", preview: would(stepOf("update", workerURN, "dir")), intents: []Intent{toCount(3)}, want: outcomes{NoChange},
		},
		{
			name: "so does the cooldown", edit: withUpdates(update(time.Minute, "worker", "3", "api", "2"), update(time.Hour, "worker", "2", "api", "2")),
			preview: would(stepOf("update", workerURN, "dir")), intents: both[:1], want: outcomes{CoolingDown},
		},
		{
			name: "so does a pause", edit: withRule("worker", func(r *Rule) { r.Paused = PauseBoth }),
			preview: would(stepOf("update", workerURN, "dir")), intents: both[:1], want: outcomes{Paused},
		},
		{
			name: "an unknown pool needs none", preview: would(), intents: []Intent{{Pool: "none", Delta: new(1)}}, want: outcomes{Refused},
		},
		{
			name: "intents that cancel each other out need none", preview: would(stepOf("update", workerURN, "dir")), intents: []Intent{byDelta(1), byDelta(-1)},
			want: outcomes{Scale, Scale},
		},
		{
			name: "intents that cancel each other out are left as they are beside a pool that is kept", preview: would(stepOf("update", apiURN, "dir")),
			intents: []Intent{byDelta(1), byDelta(-1), {Pool: "api", Count: new(4)}}, previews: [][]string{{apiURN, workerURN}}, want: outcomes{Scale, Scale, HasPending},
		},
		{
			name: "a provider's change keeps those pools alone whose preview by itself shows it", intents: both,
			preview: func(c Change) (*Result, error) {
				if slices.Contains(c.Targets, workerURN) {
					return &Result{Steps: []ResourceStep{stepOf("update", providerURN, "dir")}}, nil
				}
				return &Result{}, nil
			},
			previews: [][]string{{apiURN, workerURN}, {apiURN}, {workerURN}}, updated: []string{apiURN}, want: outcomes{HasPending, Scale},
			reason: "changes are pending that would come along: update of pkg:index:T default (dir)",
		},
		{
			name: "an output keeps all of them, by one preview", intents: both,
			preview:  func(Change) (*Result, error) { return &Result{ChangedOutputs: []string{"url"}}, nil },
			previews: [][]string{{apiURN, workerURN}}, want: outcomes{HasPending, HasPending}, reason: "changes are pending that would come along: stack output url",
		},
		{
			name: "the state's size counts, and not what is configured", intents: []Intent{byDelta(1)}, preview: sized(7),
			previews: [][]string{{apiURN, workerURN}, {apiURN, workerURN}}, updated: []string{workerURN}, want: outcomes{Scale},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot()
			if c.edit != nil {
				c.edit(snap)
			}
			fake := unproved(t, snap, c.preview)
			report, err := fake.scaler().Scale(context.Background(), c.intents, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.previews, targetsOf(fake.previewed)); diff != "" {
				t.Errorf("previews: -want +got:\n%s", diff)
			}
			var updated []string
			for _, u := range fake.updated {
				updated = append(updated, u.Targets...)
				if basis := u.Basis; (basis == "basis") != (len(c.previews) > 0) {
					t.Errorf("the update rests on %q", basis)
				}
			}
			if diff := cmp.Diff(c.updated, updated); diff != "" {
				t.Errorf("updated: -want +got:\n%s", diff)
			}
			for i, d := range report.Decisions {
				if d.Outcome != c.want[i] || d.Outcome == HasPending && (c.reason != "" && d.Reason != c.reason || len(d.Pending) == 0) || d.Outcome != HasPending && d.Pending != nil {
					t.Errorf("intent %d: %s, %q, %v", i, d.Outcome, d.Reason, d.Pending)
				}
			}
			if len(fake.written) > 0 != (c.updated != nil) {
				t.Errorf("written: %v", fake.written)
			}
		})
	}
}

// sized previews a stack whose state has another size of the target's pool than is configured.
func sized(size int, others ...ResourceStep) func(Change) (*Result, error) {
	return func(c Change) (*Result, error) {
		steps := slices.Clone(others)
		for _, set := range c.Settings {
			if set.Key == "workerCount" && *set.Value != fmt.Sprint(size) {
				steps = append(steps, ResourceStep{Op: "update", URN: workerURN, Type: "pkg:index:T", Name: "worker", Diffs: []PropertyDiff{{Path: "size", Old: fmt.Sprint(size), New: *set.Value}}})
			}
		}
		return &Result{Steps: steps}, nil
	}
}

func TestTheStatesSizeCounts(t *testing.T) {
	refreshed := withUpdates(update(time.Minute).of("refresh"), update(time.Hour, "worker", "3", "api", "2"))
	for _, c := range []struct {
		name    string
		preview func(Change) (*Result, error)
		intent  Intent
		want    Outcome
		from    int
		to      int
	}{
		{"a delta counts from it", sized(7), byDelta(1), Scale, 7, 8},
		{"the configured count is a scaling, after somebody's refresh", sized(7), toCount(3), Scale, 7, 3},
		{"the state's size is a scaling too: the configuration says something else", sized(7), toCount(7), Scale, 7, 7},
		{"what else is pending keeps the pool", sized(7, stepOf("update", workerURN, "dir")), byDelta(1), HasPending, 7, 8},
		{"where both agree nothing changes", sized(3), toCount(3), NoChange, 3, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := unproved(t, snapshot(refreshed), c.preview)
			report, err := fake.scaler().Scale(context.Background(), []Intent{c.intent}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if d := report.Decisions[0]; d.Outcome != c.want || *d.From != c.from || d.To != c.to {
				t.Errorf("%s from %d to %d: %s", d.Outcome, *d.From, d.To, d.Reason)
			}
		})
	}
}

// A number that happens to become the count is no size.
func TestASizeThatExplainsNothingIsNone(t *testing.T) {
	disk := func(c Change) (*Result, error) { // the program has 3 for the disk, whatever the count is
		diffs := []PropertyDiff{{Path: "disk", Old: 7, New: 3}}
		for _, set := range c.Settings {
			if set.Key == "workerCount" && *set.Value != "3" {
				diffs = append(diffs, PropertyDiff{Path: "size", Old: 3, New: *set.Value})
			}
		}
		return &Result{Steps: []ResourceStep{{Op: "update", URN: workerURN, Type: "pkg:index:T", Name: "worker", Diffs: diffs}}}, nil
	}
	fake := unproved(t, snapshot(), disk)
	report, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "changes are pending that would come along: update of pkg:index:T worker (disk)"
	if d := report.Decisions[0]; d.Outcome != HasPending || *d.From != 3 || d.Reason != want {
		t.Errorf("%s from %d: %s", d.Outcome, *d.From, d.Reason)
	}
}

// A count in the outputs that is not the state's does not count. What differs with either count is pending.
func TestWhichOutputsCountWithTheStatesSize(t *testing.T) {
	outputs := map[string][]string{"3": {"byCount", "url"}, "7": {"bySize", "url"}}
	preview := func(c Change) (*Result, error) {
		result, err := sized(7)(c)
		for _, set := range c.Settings {
			if set.Key == "workerCount" {
				result.ChangedOutputs = outputs[*set.Value]
			}
		}
		return result, err
	}
	fake := unproved(t, snapshot(), preview)
	proof, err := fake.scaler().ProveAll(context.Background(), snapshot())
	if err != nil {
		t.Fatal(err)
	}
	url := []PendingChange{{Op: "output", Name: "url"}}
	want := &Proof{Head: "head", Basis: "basis", Pools: map[string]PoolProof{"api": {Pending: url}, "worker": {Pending: url, Size: new(7)}}}
	if diff := cmp.Diff(want, proof); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSizesAreTakenOfTheSameHeadAlone(t *testing.T) {
	proof := &Proof{Head: "head", Pools: map[string]PoolProof{"worker": {Size: new(7)}, "api": {}}}
	for _, c := range []struct {
		name  string
		head  string
		known map[string]int
		want  map[string]int
		news  bool
	}{
		{"of the head that it was made for", "head", nil, map[string]int{"worker": 7}, true},
		{"and only once", "head", map[string]int{"worker": 7}, map[string]int{"worker": 7}, false},
		{"not after an update", "other", nil, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot()
			snap.Head, snap.Sizes = c.head, c.known
			if news := snap.TakeSizes(proof); news != c.news {
				t.Errorf("news: %v", news)
			}
			if diff := cmp.Diff(c.want, snap.Sizes); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestProofIsMadeWhereThereIsNone(t *testing.T) {
	failure := errors.New("no such folder")
	all := map[string]PoolProof{"api": {}, "worker": {}}
	for _, c := range []struct {
		name   string
		kept   *Proof
		err    error
		edit   func(*Snapshot)
		keeps  func(n int) bool
		proofs int
		want   error
	}{
		{name: "a kept one costs no preview", kept: &Proof{Head: "old", Basis: "basis", Pools: all}, proofs: 0},
		{name: "one of other pools does not do", kept: &Proof{Basis: "basis", Pools: map[string]PoolProof{"api": {}}}, proofs: 1},
		{name: "where there is none it is made", kept: &Proof{Basis: "basis"}, proofs: 1},
		{name: "it is made again after an edit", kept: &Proof{Basis: "basis"}, keeps: func(n int) bool { return n == 2 }, proofs: 2},
		{name: "three times at most", kept: &Proof{Basis: "basis"}, keeps: func(int) bool { return false }, proofs: 3,
			want: &StaleError{What: "the program or its configuration is being edited"}},
		{name: "where the program cannot be looked at, nothing is made", err: failure, want: failure},
		{name: "nor where all pools allow it", edit: func(s *Snapshot) { withRule("worker", allowing)(s); withRule("api", allowing)(s) }, err: failure},
		{name: "nor without the configuration file", edit: func(s *Snapshot) { s.FileMissing = true }, err: failure},
		{name: "nor while an engine of ours works", edit: func(s *Snapshot) { s.Busy = []Holder{{PID: 7}} }, err: failure},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot()
			if c.edit != nil {
				c.edit(snap)
			}
			fake := newFake(t, snap)
			fake.onProof = func() (*Proof, error) { return c.kept, c.err }
			fake.onPreview = func(int, Change) (*Result, error) { return &Result{}, nil }
			fake.onKeep = c.keeps
			_, err := fake.scaler().ProveAll(context.Background(), snap)
			if fmt.Sprint(err) != fmt.Sprint(c.want) {
				t.Errorf("got error %v, want %v", err, c.want)
			}
			told := slices.DeleteFunc(slices.Clone(fake.observed), func(e Event) bool { _, proving := e.(Proving); return !proving })
			if len(fake.previewed) != c.proofs || len(fake.kept) != c.proofs || len(told) != c.proofs {
				t.Errorf("%d previews, %d to keep, told %v", len(fake.previewed), len(fake.kept), told)
			}
		})
	}
}

func TestProofIsKeptForTheNextProcessUnlessNothingIsDone(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*Scaler) error
		want bool
	}{
		"after a scaling": {func(s *Scaler) error { _, err := s.Scale(context.Background(), []Intent{byDelta(1)}, nil); return err }, true},
		"in idle time":    {func(s *Scaler) error { _, err := s.ProveAll(context.Background(), snapshot()); return err }, true},
		"after a preview": {func(s *Scaler) error { _, _, err := s.Preview(context.Background(), []Intent{byDelta(1)}); return err }, false},
	} {
		fake := unproved(t, snapshot(), would())
		if err := c.do(fake.scaler()); err != nil {
			t.Fatal(err)
		}
		if len(fake.kept) != 1 || fake.lasting != c.want || fake.kept[0].Head != "head" || fake.kept[0].Basis != "basis" || len(fake.kept[0].Pools) != 2 {
			t.Errorf("%s: lasting %v, kept %+v", name, fake.lasting, fake.kept)
		}
	}
}

// It may be another pool's part of the program that does not run.
func TestAnotherPoolDoesNotKeepAPoolFromBeingProved(t *testing.T) {
	broken := &EngineError{Operation: "preview"}
	fails := func(urns ...string) func(Change) (*Result, error) {
		return func(c Change) (*Result, error) {
			if slices.ContainsFunc(urns, func(urn string) bool { return slices.Contains(c.Targets, urn) }) {
				return nil, broken
			}
			return &Result{}, nil
		}
	}
	for _, c := range []struct {
		name     string
		preview  func(Change) (*Result, error)
		intents  []Intent
		previews [][]string
		want     error
	}{
		{"another pool fails", fails(apiURN), []Intent{byDelta(1)}, [][]string{{apiURN, workerURN}, {workerURN}}, nil},
		{"the pool itself fails", fails(workerURN), []Intent{byDelta(1)}, [][]string{{apiURN, workerURN}, {workerURN}}, broken},
		{"all are asked for", fails(apiURN), []Intent{byDelta(1), apiDelta(1)}, [][]string{{apiURN, workerURN}}, broken},
		{"the stack is locked", func(Change) (*Result, error) { return nil, &WriteError{Err: errors.New("x")} }, []Intent{byDelta(1)},
			[][]string{{apiURN, workerURN}}, &WriteError{Err: errors.New("x")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := unproved(t, snapshot(), c.preview)
			_, err := fake.scaler().Scale(context.Background(), c.intents, nil)
			if fmt.Sprint(err) != fmt.Sprint(c.want) {
				t.Errorf("got error %v, want %v", err, c.want)
			}
			if diff := cmp.Diff(c.previews, targetsOf(fake.previewed)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// If something is not there, nothing of it can be pending. The preview of the scaling itself sees what is made then.
func TestATargetThatIsNotThereIsNotProved(t *testing.T) {
	snap := snapshot(withRule("worker", func(r *Rule) { r.Targets = []string{"urn:none"} }), withRule("api", allowing))
	fake := unproved(t, snap, would())
	if _, err := fake.scaler().ProveAll(context.Background(), snap); err != nil || len(fake.previewed) > 0 || len(fake.kept) != 1 {
		t.Errorf("error %v, previews %v, kept %v", err, fake.previewed, fake.kept)
	}
}

func TestPreviewProvesToo(t *testing.T) {
	fake := unproved(t, snapshot(), would(stepOf("update", workerURN, "dir")))
	p, result, err := fake.scaler().Preview(context.Background(), []Intent{byDelta(1)})
	if err != nil || result != nil || p.Decisions[0].Outcome != HasPending || len(fake.previewed) != 1 {
		t.Errorf("got %+v, error %v", p, err)
	}
}

// By the time of the update, what was decided on may no longer be so. The scaling is decided again at once, and then as
// often as other passing trouble is tried again.
func TestAStaleUpdateIsDecidedAgain(t *testing.T) {
	stale := &StaleError{What: "another update was faster"}
	for _, c := range []struct {
		name  string
		fails int
		// waits says that the retries' delays were waited for.
		waits bool
		want  error
		calls []string
	}{
		{"once at once", 1, false, nil, []string{"lock", "read", "update", "read", "update", "write", "unlock"}},
		{"then with a delay", 2, true, nil, []string{"lock", "read", "update", "read", "update", "read", "update", "write", "unlock"}},
		{
			"until the retries are used up, and nothing is written", 99, true, stale,
			[]string{"lock", "read", "update", "read", "update", "read", "update", "read", "update", "read", "update", "read", "update", "unlock"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := newFake(t, snapshot())
				fake.failUpdates(c.fails, stale)
				began := time.Now()
				_, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(1)}, nil)
				if fmt.Sprint(err) != fmt.Sprint(c.want) || time.Since(began) > 0 != c.waits {
					t.Errorf("got error %v after %s", err, time.Since(began))
				}
				if diff := cmp.Diff(c.calls, fake.calls); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				told := slices.DeleteFunc(slices.Clone(fake.observed), func(e Event) bool { _, is := e.(Stale); return !is })
				if len(told) != fake.times("update")-fake.times("write") {
					t.Errorf("told %v", told)
				}
			})
		})
	}
}

// The second of two attempts sees what slips in between them.
func TestAfterAStaleUpdateTheNextProofCounts(t *testing.T) {
	fake := unproved(t, snapshot(), would())
	fake.failUpdates(1, &StaleError{What: "the program was edited"})
	proof := fake.onProof
	fake.onProof = func() (*Proof, error) {
		if len(fake.updated) > 0 {
			return &Proof{Basis: "edited", Pools: map[string]PoolProof{"worker": {Pending: []PendingChange{{Op: "output", Name: "url"}}}}}, nil
		}
		return proof()
	}
	report, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(1)}, nil)
	if err != nil || report.Decisions[0].Outcome != HasPending || len(fake.written) > 0 {
		t.Errorf("got %+v, error %v", report, err)
	}
}

func TestAMissingFileIsRefusedBeforeAnythingElse(t *testing.T) {
	gone := func(s *Snapshot) { s.FileMissing, s.File = true, texts("worker", "-", "api", "-") }
	for name, do := range map[string]func(*Scaler) error{
		"scale":   func(s *Scaler) error { _, err := s.Scale(context.Background(), []Intent{byDelta(1)}, nil); return err },
		"preview": func(s *Scaler) error { _, _, err := s.Preview(context.Background(), []Intent{byDelta(1)}); return err },
	} {
		fake := unproved(t, snapshot(gone), would())
		var setup *SetupError
		if err := do(fake.scaler()); !errors.As(err, &setup) || setup.Hint == "" {
			t.Errorf("%s: got %v", name, err)
		}
		if len(fake.written)+len(fake.previewed)+len(fake.updated) > 0 {
			t.Errorf("%s: calls %v", name, fake.calls)
		}
	}
}

// settlings are the errors of the settlings that the observer was told of.
func (f *fakeStack) settlings() (out []error) {
	for _, e := range f.observed {
		if s, ok := e.(Settled); ok {
			out = append(out, s.Err)
		}
	}
	return out
}

// An unsettled pool with pending changes stays unsettled, and nobody is told that it is not.
func TestSettlingProvesFirst(t *testing.T) {
	for _, c := range []struct {
		name     string
		pending  []ResourceStep
		doubtful []string
		updated  [][]string
		fails    bool
	}{
		{"nothing is pending", nil, []string{"worker"}, [][]string{{workerURN}}, false},
		{"something is pending of the pool", []ResourceStep{stepOf("update", workerURN, "dir")}, []string{"worker"}, nil, true},
		{"of another pool", []ResourceStep{stepOf("update", apiURN, "dir")}, []string{"worker"}, [][]string{{workerURN}}, false},
		{"of one of two", []ResourceStep{stepOf("update", apiURN, "dir")}, []string{"api", "worker"}, [][]string{{workerURN}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot(func(s *Snapshot) { s.Unsettled = c.doubtful })
			fake := unproved(t, snap, would(c.pending...))
			err := fake.scaler().Settle(context.Background())
			var unsettled *UnsettledError
			if errors.As(err, &unsettled) != c.fails || err != nil && !c.fails {
				t.Errorf("got %v", err)
			}
			if told := fake.settlings(); len(told) != 1 || (told[0] != nil) != c.fails {
				t.Errorf("told %v", told)
			}
			if diff := cmp.Diff(c.updated, targetsOf(fake.updated)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A failed update whose pools cannot go back says so.
func TestTheWayBackIsProvedToo(t *testing.T) {
	for name, pending := range map[string]bool{"nothing is pending": false, "the program was edited meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			snap := snapshot()
			fake := newFake(t, snap)
			fake.onRead = func(n int) (*Snapshot, error) {
				s := copyOf(snap)
				if n > 1 {
					s.Unsettled = []string{"worker"}
				}
				return s, nil
			}
			fake.failUpdates(1, &EngineError{Operation: "update"})
			fake.onProof = func() (*Proof, error) {
				proof := nothingPending(snap)
				if pending && len(fake.updated) > 0 {
					proof.Pools["worker"] = PoolProof{Pending: []PendingChange{{Op: "output", Name: "url"}}}
				}
				return proof, nil
			}
			_, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(1)}, nil)
			var failed *EngineError
			if !errors.As(err, &failed) {
				t.Fatalf("got %v", err)
			}
			if back := len(failed.Back) > 0; back == pending || (failed.UnsettledErr != nil) != pending {
				t.Errorf("back: %v, unsettled: %v, %v", failed.Back, failed.Unsettled, failed.UnsettledErr)
			}
		})
	}
}

// It is not known what the resources of an unsettled pool are. So no difference of theirs is somebody's, unless it is
// there with any count.
func TestWhatAHalfDoneScalingLeftIsNotPending(t *testing.T) {
	made := func(kind string, i int) string {
		return fmt.Sprintf("urn:pulumi:dev::demo::pkg:index:%s::worker-%d", kind, i)
	}
	for _, c := range []struct {
		name  string
		w     int
		disks int
		extra []ResourceStep
		want  bool
	}{
		{"two resources for each unit, of which one was made", 4, 3, nil, false},
		{"of which one was removed", 3, 2, nil, false},
		{"of which several were made", 8, 5, nil, false},
		{"and something that is pending all the same", 4, 3, []ResourceStep{stepOf("update", made("W", 0), "dir")}, true},
		{"also where one was removed", 3, 2, []ResourceStep{stepOf("create", made("Extra", 0))}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot(withRule("worker", func(r *Rule) { r.Targets = []string{"**::worker-*"} }), func(s *Snapshot) { s.Unsettled = []string{"worker"} })
			for i := range c.w {
				snap.Resources = append(snap.Resources, made("W", i))
			}
			for i := range c.disks {
				snap.Resources = append(snap.Resources, made("Disk", i))
			}
			preview := func(change Change) (*Result, error) {
				n := 0
				for _, set := range change.Settings {
					if set.Key == "workerCount" {
						_, _ = fmt.Sscan(*set.Value, &n)
					}
				}
				result := &Result{Steps: slices.Clone(c.extra)}
				for _, kind := range []string{"W", "Disk"} {
					for i := range 10 {
						is := slices.Contains(snap.Resources, made(kind, i))
						if i < n && !is {
							result.Steps = append(result.Steps, stepOf("create", made(kind, i)))
						} else if i >= n && is {
							result.Steps = append(result.Steps, stepOf("delete", made(kind, i)))
						}
					}
				}
				return result, nil
			}
			proof, err := unproved(t, snap, preview).scaler().ProveAll(context.Background(), snap)
			if err != nil {
				t.Fatal(err)
			}
			if got := proof.Pending("worker"); len(got) > 0 != c.want {
				t.Errorf("pending: %v", got)
			}
		})
	}
}

func TestPoolsTellWhatIsPending(t *testing.T) {
	url := []PendingChange{{Op: "output", Name: "url"}}
	proof := &Proof{Head: "head", Pools: map[string]PoolProof{"api": {Pending: url}, "worker": {Pending: url, Size: new(7)}}}
	fake := newFake(t, snapshot(withRule("api", allowing), func(s *Snapshot) { s.Commit = "abc" }))
	fake.onProof = func() (*Proof, error) { return proof, nil }
	pools, program, err := fake.scaler().Pools(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Status{{Count: new(2), Configured: new(2)}, {Count: new(7), Configured: new(3), Pending: url}}, pools,
		cmpopts.IgnoreFields(Status{}, "Rule")); diff != "" || program.Commit != "abc" {
		t.Errorf("program %+v, -want +got:\n%s", program, diff)
	}
	if len(fake.previewed) > 0 {
		t.Error("it was proved for that")
	}
}
