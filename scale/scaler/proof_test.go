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
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// unproved is a fake stack that keeps the proofs that it is given, on the basis "basis". The test answers its previews.
func unproved(t *testing.T, snap *scale.Snapshot, preview func(c scale.Change) (*scale.Result, error)) *scaletest.Stack {
	fake := scaletest.NewStack(t, snap)
	fake.OnProof = func() (*scale.Proof, error) {
		if len(fake.Kept) > 0 {
			proof := *fake.Kept[len(fake.Kept)-1]
			return &proof, nil
		}
		return &scale.Proof{Basis: "basis"}, nil
	}
	fake.OnPreview = func(_ int, c scale.Change) (*scale.Result, error) { return preview(c) }
	return fake
}

// would are steps that a preview shows, whatever it previews.
func would(steps ...scale.ResourceStep) func(scale.Change) (*scale.Result, error) {
	return func(scale.Change) (*scale.Result, error) { return &scale.Result{Steps: steps}, nil }
}

// targetsOf are the targets of the changes that were previewed.
func targetsOf(changes []scale.Change) (out [][]string) {
	for _, c := range changes {
		out = append(out, c.Targets)
	}
	return out
}

func TestScaleProvesFirst(t *testing.T) {
	pendingDir := "the update would also make pending changes: update of pkg:index:T worker (dir)"
	both := []scale.Intent{scaletest.ToCount(5), {Pool: "api", Count: new(4)}}
	type outcomes []scale.Outcome
	for _, c := range []struct {
		name    string
		edit    func(*scale.Snapshot)
		preview func(scale.Change) (*scale.Result, error)
		intents []scale.Intent
		// previews are the targets of each preview, and updated those of the update; nil for none.
		previews [][]string
		updated  []string
		want     outcomes
		reason   string
	}{
		{
			name: "what is proved to be nothing lets the scaling through", preview: would(), intents: both[:1],
			previews: [][]string{{scaletest.APIURN, scaletest.WorkerURN}}, updated: []string{scaletest.WorkerURN}, want: outcomes{scale.Scale},
		},
		{
			name: "what is pending of the target keeps it", preview: would(scaletest.StepOf("update", scaletest.WorkerURN, "dir")), intents: both[:1],
			previews: [][]string{{scaletest.APIURN, scaletest.WorkerURN}}, want: outcomes{scale.HasPending}, reason: pendingDir,
		},
		{
			name: "of two pools the one without pending changes is scaled", preview: would(scaletest.StepOf("update", scaletest.WorkerURN, "dir")), intents: both,
			previews: [][]string{{scaletest.APIURN, scaletest.WorkerURN}}, updated: []string{scaletest.APIURN}, want: outcomes{scale.HasPending, scale.Scale}, reason: pendingDir,
		},
		{
			name: "a pool that allows it is scaled, and no proof is made", edit: scaletest.WithRule("worker", scaletest.Allowing), intents: both[:1],
			preview: would(scaletest.StepOf("update", scaletest.WorkerURN, "dir")), updated: []string{scaletest.WorkerURN}, want: outcomes{scale.Scale},
		},
		{
			name: "beside a pool that allows it the other is kept", edit: scaletest.WithRule("worker", scaletest.Allowing), intents: both,
			preview: would(scaletest.StepOf("update", scaletest.APIURN, "dir")), previews: [][]string{{scaletest.APIURN}}, updated: []string{scaletest.WorkerURN}, want: outcomes{scale.Scale, scale.HasPending},
		},
		{
			name: "no change comes first, without a proof", preview: would(scaletest.StepOf("update", scaletest.WorkerURN, "dir")), intents: []scale.Intent{scaletest.ToCount(3)}, want: outcomes{scale.NoChange},
		},
		{
			name: "so does the cooldown", edit: scaletest.WithUpdates(scaletest.Update(time.Minute, "worker", "3", "api", "2"), scaletest.Update(time.Hour, "worker", "2", "api", "2")),
			preview: would(scaletest.StepOf("update", scaletest.WorkerURN, "dir")), intents: both[:1], want: outcomes{scale.CoolingDown},
		},
		{
			name: "so does a pause", edit: scaletest.WithRule("worker", func(r *scale.Rule) { r.Paused = scale.PauseBoth }),
			preview: would(scaletest.StepOf("update", scaletest.WorkerURN, "dir")), intents: both[:1], want: outcomes{scale.Paused},
		},
		{
			name: "an unknown pool needs none", preview: would(), intents: []scale.Intent{{Pool: "none", Delta: new(1)}}, want: outcomes{scale.Refused},
		},
		{
			name: "intents that cancel each other out need none", preview: would(scaletest.StepOf("update", scaletest.WorkerURN, "dir")), intents: []scale.Intent{scaletest.ByDelta(1), scaletest.ByDelta(-1)},
			want: outcomes{scale.Scale, scale.Scale},
		},
		{
			name: "intents that cancel each other out are left as they are beside a pool that is kept", preview: would(scaletest.StepOf("update", scaletest.APIURN, "dir")),
			intents: []scale.Intent{scaletest.ByDelta(1), scaletest.ByDelta(-1), {Pool: "api", Count: new(4)}}, previews: [][]string{{scaletest.APIURN, scaletest.WorkerURN}}, want: outcomes{scale.Scale, scale.Scale, scale.HasPending},
		},
		{
			name: "a provider's change keeps those pools alone whose preview by itself shows it", intents: both,
			preview: func(c scale.Change) (*scale.Result, error) {
				if slices.Contains(c.Targets, scaletest.WorkerURN) {
					return &scale.Result{Steps: []scale.ResourceStep{scaletest.StepOf("update", scaletest.ProviderURN, "dir")}}, nil
				}
				return &scale.Result{}, nil
			},
			previews: [][]string{{scaletest.APIURN, scaletest.WorkerURN}, {scaletest.APIURN}, {scaletest.WorkerURN}}, updated: []string{scaletest.APIURN}, want: outcomes{scale.HasPending, scale.Scale},
			reason: "the update would also make pending changes: update of pkg:index:T default (dir)",
		},
		{
			name: "an output keeps all of them, by one preview", intents: both,
			preview:  func(scale.Change) (*scale.Result, error) { return &scale.Result{ChangedOutputs: []string{"url"}}, nil },
			previews: [][]string{{scaletest.APIURN, scaletest.WorkerURN}}, want: outcomes{scale.HasPending, scale.HasPending}, reason: "the update would also make pending changes: stack output url",
		},
		{
			name: "the state's size counts, and not what is configured", intents: []scale.Intent{scaletest.ByDelta(1)}, preview: sized(7),
			previews: [][]string{{scaletest.APIURN, scaletest.WorkerURN}, {scaletest.APIURN, scaletest.WorkerURN}}, updated: []string{scaletest.WorkerURN}, want: outcomes{scale.Scale},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot()
			if c.edit != nil {
				c.edit(snap)
			}
			fake := unproved(t, snap, c.preview)
			report, err := scalerOf(fake).Scale(context.Background(), c.intents, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.previews, targetsOf(fake.Previewed)); diff != "" {
				t.Errorf("previews: -want +got:\n%s", diff)
			}
			var updated []string
			for _, u := range fake.Updated {
				updated = append(updated, u.Targets...)
				if basis := u.Basis; (basis == "basis") != (len(c.previews) > 0) {
					t.Errorf("the update rests on %q", basis)
				}
			}
			if diff := cmp.Diff(c.updated, updated); diff != "" {
				t.Errorf("updated: -want +got:\n%s", diff)
			}
			for i, d := range report.Decisions {
				if d.Outcome != c.want[i] || d.Outcome == scale.HasPending && (c.reason != "" && d.Reason != c.reason || len(d.Pending) == 0) || d.Outcome != scale.HasPending && d.Pending != nil {
					t.Errorf("intent %d: %s, %q, %v", i, d.Outcome, d.Reason, d.Pending)
				}
			}
			if len(fake.Written) > 0 != (c.updated != nil) {
				t.Errorf("written: %v", fake.Written)
			}
		})
	}
}

// sized previews a stack whose state has another size of the target's pool than is configured.
func sized(size int, others ...scale.ResourceStep) func(scale.Change) (*scale.Result, error) {
	return func(c scale.Change) (*scale.Result, error) {
		steps := slices.Clone(others)
		for _, set := range c.Settings {
			if set.Key == "workerCount" && *set.Value != fmt.Sprint(size) {
				steps = append(steps, scale.ResourceStep{Op: "update", URN: scaletest.WorkerURN, Type: "pkg:index:T", Name: "worker", Diffs: []scale.PropertyDiff{{Path: "size", Old: fmt.Sprint(size), New: *set.Value}}})
			}
		}
		return &scale.Result{Steps: steps}, nil
	}
}

func TestTheStatesSizeCounts(t *testing.T) {
	refreshed := scaletest.WithUpdates(scaletest.OfKind(scaletest.Update(time.Minute), "refresh"), scaletest.Update(time.Hour, "worker", "3", "api", "2"))
	for _, c := range []struct {
		name    string
		preview func(scale.Change) (*scale.Result, error)
		intent  scale.Intent
		want    scale.Outcome
		from    int
		to      int
	}{
		{"a delta counts from it", sized(7), scaletest.ByDelta(1), scale.Scale, 7, 8},
		{"the configured count is a scaling, after somebody's refresh", sized(7), scaletest.ToCount(3), scale.Scale, 7, 3},
		{"the state's size is a scaling too: the configuration says something else", sized(7), scaletest.ToCount(7), scale.Scale, 7, 7},
		{"what else is pending keeps the pool", sized(7, scaletest.StepOf("update", scaletest.WorkerURN, "dir")), scaletest.ByDelta(1), scale.HasPending, 7, 8},
		{"where both agree nothing changes", sized(3), scaletest.ToCount(3), scale.NoChange, 3, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := unproved(t, scaletest.Snapshot(refreshed), c.preview)
			report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{c.intent}, nil)
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
	disk := func(c scale.Change) (*scale.Result, error) { // the program has 3 for the disk, whatever the count is
		diffs := []scale.PropertyDiff{{Path: "disk", Old: 7, New: 3}}
		for _, set := range c.Settings {
			if set.Key == "workerCount" && *set.Value != "3" {
				diffs = append(diffs, scale.PropertyDiff{Path: "size", Old: 3, New: *set.Value})
			}
		}
		return &scale.Result{Steps: []scale.ResourceStep{{Op: "update", URN: scaletest.WorkerURN, Type: "pkg:index:T", Name: "worker", Diffs: diffs}}}, nil
	}
	fake := unproved(t, scaletest.Snapshot(), disk)
	report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "the update would also make pending changes: update of pkg:index:T worker (disk)"
	if d := report.Decisions[0]; d.Outcome != scale.HasPending || *d.From != 3 || d.Reason != want {
		t.Errorf("%s from %d: %s", d.Outcome, *d.From, d.Reason)
	}
}

// A count in the outputs that is not the state's does not count. What differs with either count is pending.
func TestWhichOutputsCountWithTheStatesSize(t *testing.T) {
	outputs := map[string][]string{"3": {"byCount", "url"}, "7": {"bySize", "url"}}
	preview := func(c scale.Change) (*scale.Result, error) {
		result, err := sized(7)(c)
		for _, set := range c.Settings {
			if set.Key == "workerCount" {
				result.ChangedOutputs = outputs[*set.Value]
			}
		}
		return result, err
	}
	fake := unproved(t, scaletest.Snapshot(), preview)
	proof, err := scalerOf(fake).ProveAll(context.Background(), scaletest.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	url := []scale.PendingChange{{Op: "output", Name: "url"}}
	want := &scale.Proof{Head: "head", Basis: "basis", Pools: map[string]scale.PoolProof{"api": {Pending: url}, "worker": {Pending: url, Size: new(7)}}}
	if diff := cmp.Diff(want, proof); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSizesAreTakenOfTheSameHeadAlone(t *testing.T) {
	proof := &scale.Proof{Head: "head", Pools: map[string]scale.PoolProof{"worker": {Size: new(7)}, "api": {}}}
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
			snap := scaletest.Snapshot()
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
	all := map[string]scale.PoolProof{"api": {}, "worker": {}}
	for _, c := range []struct {
		name   string
		kept   *scale.Proof
		err    error
		edit   func(*scale.Snapshot)
		keeps  func(n int) bool
		proofs int
		want   error
	}{
		{name: "a kept one costs no preview", kept: &scale.Proof{Head: "old", Basis: "basis", Pools: all}, proofs: 0},
		{name: "one of other pools does not do", kept: &scale.Proof{Basis: "basis", Pools: map[string]scale.PoolProof{"api": {}}}, proofs: 1},
		{name: "where there is none it is made", kept: &scale.Proof{Basis: "basis"}, proofs: 1},
		{name: "it is made again after an edit", kept: &scale.Proof{Basis: "basis"}, keeps: func(n int) bool { return n == 2 }, proofs: 2},
		{name: "three times at most", kept: &scale.Proof{Basis: "basis"}, keeps: func(int) bool { return false }, proofs: 3,
			want: &scale.StaleError{What: "the program or its configuration is being edited"}},
		{name: "where the program cannot be looked at, nothing is made", err: failure, want: failure},
		{name: "nor where all pools allow it", edit: func(s *scale.Snapshot) {
			scaletest.WithRule("worker", scaletest.Allowing)(s)
			scaletest.WithRule("api", scaletest.Allowing)(s)
		}, err: failure},
		{name: "nor without the configuration file", edit: func(s *scale.Snapshot) { s.FileMissing = true }, err: failure},
		{name: "nor while an engine of ours works", edit: func(s *scale.Snapshot) { s.Busy = []scale.LockHolder{{PID: 7}} }, err: failure},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot()
			if c.edit != nil {
				c.edit(snap)
			}
			fake := scaletest.NewStack(t, snap)
			fake.OnProof = func() (*scale.Proof, error) { return c.kept, c.err }
			fake.OnPreview = func(int, scale.Change) (*scale.Result, error) { return &scale.Result{}, nil }
			fake.OnKeep = c.keeps
			_, err := scalerOf(fake).ProveAll(context.Background(), snap)
			if fmt.Sprint(err) != fmt.Sprint(c.want) {
				t.Errorf("got error %v, want %v", err, c.want)
			}
			told := slices.DeleteFunc(slices.Clone(fake.Observed), func(e scale.Event) bool { _, proving := e.(scale.Proving); return !proving })
			if len(fake.Previewed) != c.proofs || len(fake.Kept) != c.proofs || len(told) != c.proofs {
				t.Errorf("%d previews, %d to keep, told %v", len(fake.Previewed), len(fake.Kept), told)
			}
		})
	}
}

func TestProofIsKeptForTheNextProcessUnlessNothingIsDone(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*Scaler) error
		want bool
	}{
		"after a scaling": {func(s *Scaler) error {
			_, err := s.Scale(context.Background(), []scale.Intent{scaletest.ByDelta(1)}, nil)
			return err
		}, true},
		"in idle time": {func(s *Scaler) error { _, err := s.ProveAll(context.Background(), scaletest.Snapshot()); return err }, true},
		"after a preview": {func(s *Scaler) error {
			_, _, err := s.Preview(context.Background(), []scale.Intent{scaletest.ByDelta(1)})
			return err
		}, false},
	} {
		fake := unproved(t, scaletest.Snapshot(), would())
		if err := c.do(scalerOf(fake)); err != nil {
			t.Fatal(err)
		}
		if len(fake.Kept) != 1 || fake.Lasting != c.want || fake.Kept[0].Head != "head" || fake.Kept[0].Basis != "basis" || len(fake.Kept[0].Pools) != 2 {
			t.Errorf("%s: lasting %v, kept %+v", name, fake.Lasting, fake.Kept)
		}
	}
}

// It may be another pool's part of the program that does not run.
func TestAnotherPoolDoesNotKeepAPoolFromBeingProved(t *testing.T) {
	broken := &scale.EngineError{Operation: "preview"}
	fails := func(urns ...string) func(scale.Change) (*scale.Result, error) {
		return func(c scale.Change) (*scale.Result, error) {
			if slices.ContainsFunc(urns, func(urn string) bool { return slices.Contains(c.Targets, urn) }) {
				return nil, broken
			}
			return &scale.Result{}, nil
		}
	}
	for _, c := range []struct {
		name     string
		preview  func(scale.Change) (*scale.Result, error)
		intents  []scale.Intent
		previews [][]string
		want     error
	}{
		{"another pool fails", fails(scaletest.APIURN), []scale.Intent{scaletest.ByDelta(1)}, [][]string{{scaletest.APIURN, scaletest.WorkerURN}, {scaletest.WorkerURN}}, nil},
		{"the pool itself fails", fails(scaletest.WorkerURN), []scale.Intent{scaletest.ByDelta(1)}, [][]string{{scaletest.APIURN, scaletest.WorkerURN}, {scaletest.WorkerURN}}, broken},
		{"all are asked for", fails(scaletest.APIURN), []scale.Intent{scaletest.ByDelta(1), scaletest.APIDelta(1)}, [][]string{{scaletest.APIURN, scaletest.WorkerURN}}, broken},
		{"the stack is locked", func(scale.Change) (*scale.Result, error) { return nil, &scale.WriteError{Err: errors.New("x")} }, []scale.Intent{scaletest.ByDelta(1)},
			[][]string{{scaletest.APIURN, scaletest.WorkerURN}}, &scale.WriteError{Err: errors.New("x")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := unproved(t, scaletest.Snapshot(), c.preview)
			_, err := scalerOf(fake).Scale(context.Background(), c.intents, nil)
			if fmt.Sprint(err) != fmt.Sprint(c.want) {
				t.Errorf("got error %v, want %v", err, c.want)
			}
			if diff := cmp.Diff(c.previews, targetsOf(fake.Previewed)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// If something is not there, nothing of it can be pending. The preview of the scaling itself sees what is made then.
func TestATargetThatIsNotThereIsNotProved(t *testing.T) {
	snap := scaletest.Snapshot(scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{"urn:none"} }), scaletest.WithRule("api", scaletest.Allowing))
	fake := unproved(t, snap, would())
	if _, err := scalerOf(fake).ProveAll(context.Background(), snap); err != nil || len(fake.Previewed) > 0 || len(fake.Kept) != 1 {
		t.Errorf("error %v, previews %v, kept %v", err, fake.Previewed, fake.Kept)
	}
}

func TestPreviewProvesToo(t *testing.T) {
	fake := unproved(t, scaletest.Snapshot(), would(scaletest.StepOf("update", scaletest.WorkerURN, "dir")))
	p, result, err := scalerOf(fake).Preview(context.Background(), []scale.Intent{scaletest.ByDelta(1)})
	if err != nil || result != nil || p.Decisions[0].Outcome != scale.HasPending || len(fake.Previewed) != 1 {
		t.Errorf("got %+v, error %v", p, err)
	}
}

// By the time of the update, what was decided on may no longer be so. The scaling is decided again at once, and then as
// often as other passing trouble is tried again.
func TestAStaleUpdateIsDecidedAgain(t *testing.T) {
	stale := &scale.StaleError{What: "another update of the stack finished first"}
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
				fake := scaletest.NewStack(t, scaletest.Snapshot())
				failUpdates(fake, c.fails, stale)
				began := time.Now()
				_, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(1)}, nil)
				if fmt.Sprint(err) != fmt.Sprint(c.want) || time.Since(began) > 0 != c.waits {
					t.Errorf("got error %v after %s", err, time.Since(began))
				}
				if diff := cmp.Diff(c.calls, fake.Calls); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				told := slices.DeleteFunc(slices.Clone(fake.Observed), func(e scale.Event) bool { _, is := e.(scale.Stale); return !is })
				if len(told) != fake.Times("update")-fake.Times("write") {
					t.Errorf("told %v", told)
				}
			})
		})
	}
}

// The second of two attempts sees what slips in between them.
func TestAfterAStaleUpdateTheNextProofCounts(t *testing.T) {
	fake := unproved(t, scaletest.Snapshot(), would())
	failUpdates(fake, 1, &scale.StaleError{What: "the program was edited"})
	proof := fake.OnProof
	fake.OnProof = func() (*scale.Proof, error) {
		if len(fake.Updated) > 0 {
			return &scale.Proof{Basis: "edited", Pools: map[string]scale.PoolProof{"worker": {Pending: []scale.PendingChange{{Op: "output", Name: "url"}}}}}, nil
		}
		return proof()
	}
	report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(1)}, nil)
	if err != nil || report.Decisions[0].Outcome != scale.HasPending || len(fake.Written) > 0 {
		t.Errorf("got %+v, error %v", report, err)
	}
}

func TestAMissingFileIsRefusedBeforeAnythingElse(t *testing.T) {
	gone := func(s *scale.Snapshot) { s.FileMissing, s.File = true, scaletest.Texts("worker", "-", "api", "-") }
	for name, do := range map[string]func(*Scaler) error{
		"scale": func(s *Scaler) error {
			_, err := s.Scale(context.Background(), []scale.Intent{scaletest.ByDelta(1)}, nil)
			return err
		},
		"preview": func(s *Scaler) error {
			_, _, err := s.Preview(context.Background(), []scale.Intent{scaletest.ByDelta(1)})
			return err
		},
	} {
		fake := unproved(t, scaletest.Snapshot(gone), would())
		var setup *scale.SetupError
		if err := do(scalerOf(fake)); !errors.As(err, &setup) || setup.Hint == "" {
			t.Errorf("%s: got %v", name, err)
		}
		if len(fake.Written)+len(fake.Previewed)+len(fake.Updated) > 0 {
			t.Errorf("%s: calls %v", name, fake.Calls)
		}
	}
}

// settlings are the errors of the settlings that the observer was told of.
func settlings(f *scaletest.Stack) (out []error) {
	for _, e := range f.Observed {
		if s, ok := e.(scale.Settled); ok {
			out = append(out, s.Err)
		}
	}
	return out
}

// An unsettled pool with pending changes stays unsettled, and nobody is told that it is not.
func TestSettlingProvesFirst(t *testing.T) {
	for _, c := range []struct {
		name     string
		pending  []scale.ResourceStep
		doubtful []string
		updated  [][]string
		fails    bool
	}{
		{"nothing is pending", nil, []string{"worker"}, [][]string{{scaletest.WorkerURN}}, false},
		{"something is pending of the pool", []scale.ResourceStep{scaletest.StepOf("update", scaletest.WorkerURN, "dir")}, []string{"worker"}, nil, true},
		{"of another pool", []scale.ResourceStep{scaletest.StepOf("update", scaletest.APIURN, "dir")}, []string{"worker"}, [][]string{{scaletest.WorkerURN}}, false},
		{"of one of two", []scale.ResourceStep{scaletest.StepOf("update", scaletest.APIURN, "dir")}, []string{"api", "worker"}, [][]string{{scaletest.WorkerURN}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot(func(s *scale.Snapshot) { s.Unsettled = c.doubtful })
			fake := unproved(t, snap, would(c.pending...))
			err := scalerOf(fake).Settle(context.Background())
			var unsettled *scale.UnsettledError
			if errors.As(err, &unsettled) != c.fails || err != nil && !c.fails {
				t.Errorf("got %v", err)
			}
			if told := settlings(fake); len(told) != 1 || (told[0] != nil) != c.fails {
				t.Errorf("told %v", told)
			}
			if diff := cmp.Diff(c.updated, targetsOf(fake.Updated)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A failed update whose pools cannot go back says so.
func TestTheWayBackIsProvedToo(t *testing.T) {
	for name, pending := range map[string]bool{"nothing is pending": false, "the program was edited meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			snap := scaletest.Snapshot()
			fake := scaletest.NewStack(t, snap)
			fake.OnRead = func(n int) (*scale.Snapshot, error) {
				s := scaletest.CopyOf(snap)
				if n > 1 {
					s.Unsettled = []string{"worker"}
				}
				return s, nil
			}
			failUpdates(fake, 1, &scale.EngineError{Operation: "update"})
			fake.OnProof = func() (*scale.Proof, error) {
				proof := scaletest.NothingPending(snap)
				if pending && len(fake.Updated) > 0 {
					proof.Pools["worker"] = scale.PoolProof{Pending: []scale.PendingChange{{Op: "output", Name: "url"}}}
				}
				return proof, nil
			}
			_, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(1)}, nil)
			var failed *scale.EngineError
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
		extra []scale.ResourceStep
		want  bool
	}{
		{"two resources for each unit, of which one was made", 4, 3, nil, false},
		{"of which one was removed", 3, 2, nil, false},
		{"of which several were made", 8, 5, nil, false},
		{"and something that is pending all the same", 4, 3, []scale.ResourceStep{scaletest.StepOf("update", made("W", 0), "dir")}, true},
		{"also where one was removed", 3, 2, []scale.ResourceStep{scaletest.StepOf("create", made("Extra", 0))}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot(scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{"**::worker-*"} }), func(s *scale.Snapshot) { s.Unsettled = []string{"worker"} })
			for i := range c.w {
				snap.Resources = append(snap.Resources, made("W", i))
			}
			for i := range c.disks {
				snap.Resources = append(snap.Resources, made("Disk", i))
			}
			preview := func(change scale.Change) (*scale.Result, error) {
				n := 0
				for _, set := range change.Settings {
					if set.Key == "workerCount" {
						_, _ = fmt.Sscan(*set.Value, &n)
					}
				}
				result := &scale.Result{Steps: slices.Clone(c.extra)}
				for _, kind := range []string{"W", "Disk"} {
					for i := range 10 {
						is := slices.Contains(snap.Resources, made(kind, i))
						if i < n && !is {
							result.Steps = append(result.Steps, scaletest.StepOf("create", made(kind, i)))
						} else if i >= n && is {
							result.Steps = append(result.Steps, scaletest.StepOf("delete", made(kind, i)))
						}
					}
				}
				return result, nil
			}
			proof, err := scalerOf(unproved(t, snap, preview)).ProveAll(context.Background(), snap)
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
	url := []scale.PendingChange{{Op: "output", Name: "url"}}
	proof := &scale.Proof{Head: "head", Pools: map[string]scale.PoolProof{"api": {Pending: url}, "worker": {Pending: url, Size: new(7)}}}
	fake := scaletest.NewStack(t, scaletest.Snapshot(scaletest.WithRule("api", scaletest.Allowing), func(s *scale.Snapshot) { s.Commit = "abc" }))
	fake.OnProof = func() (*scale.Proof, error) { return proof, nil }
	pools, program, err := scalerOf(fake).Pools(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]scale.Standing{{Count: new(2), Configured: new(2)}, {Count: new(7), Configured: new(3), Pending: url}}, pools,
		cmpopts.IgnoreFields(scale.Standing{}, "Rule")); diff != "" || program.Commit != "abc" {
		t.Errorf("program %+v, -want +got:\n%s", program, diff)
	}
	if len(fake.Previewed) > 0 {
		t.Error("it was proved for that")
	}
}
