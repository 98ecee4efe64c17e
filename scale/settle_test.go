package scale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// unsettled is a stack of 3 workers and 2 apis that a cut-off update has left in between. Its n-th update settles its
// pools unless fails says that it fails.
func unsettled(t *testing.T, pools []string, fails func(n int, c Change) error, edits ...func(*Snapshot)) *fakeStack {
	snap := snapshot(append(edits, func(s *Snapshot) { s.Unsettled = pools })...)
	fake := newFake(t, snap)
	answer := fake.onUpdate
	fake.onUpdate = func(n int, c Change) (*Result, error) {
		if err := fails(n, c); err != nil {
			snap.Unsettled = slices.Compact(slices.Sorted(slices.Values(append(snap.Unsettled, c.Pools...))))
			return nil, err
		}
		snap.Unsettled = slices.DeleteFunc(slices.Clone(snap.Unsettled), func(p string) bool { return slices.Contains(c.Pools, p) })
		return answer(n, c)
	}
	return fake
}

func noFailure(int, Change) error { return nil }

func atFirst(n int, _ Change) error {
	if n == 1 {
		return broken()
	}
	return nil
}

func broken() *EngineError {
	return &EngineError{Operation: "update", Diagnostics: []Diagnostic{{Severity: "error", Message: "quota"}}}
}

// told are the messages of the updates, with an R if they refresh.
func (f *fakeStack) told() []string {
	var out []string
	for _, c := range f.updated {
		text := c.Message
		if c.Refresh {
			text += " R"
		}
		out = append(out, text)
	}
	return out
}

const (
	back    = "pulumiscale: %s %d -> %[2]d (after an update that failed or was cut off) R"
	backOne = "pulumiscale: worker 3 -> 3 (after an update that failed or was cut off) R"
)

func TestUnsettledPoolIsSettledByItsNextUpdate(t *testing.T) {
	wrong := withRule("worker", func(r *Rule) { r.Current = new(4) })
	for _, c := range []struct {
		name   string
		edit   func(*Snapshot)
		intent Intent
		want   []string
	}{
		{"a scaling goes on from the count before", wrong, byDelta(2), []string{"pulumiscale: worker 3 -> 5 R"}},
		{"an intent that changes nothing brings it back", wrong, toCount(3), []string{backOne}},
		{"so does one that is held off", withUpdates(update(time.Second, "worker", "3", "api", "2"), update(time.Hour, "worker", "2", "api", "2")), byDelta(2), []string{backOne}},
		{"another pool does not wait for it", wrong, Intent{Pool: "api", Delta: new(1)}, []string{"pulumiscale: api 2 -> 3", backOne}},
		{"where there is no count to go back to, nothing is done", withUpdates(), Intent{Pool: "api", Count: new(3)}, []string{"pulumiscale: api ? -> 3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := unsettled(t, []string{"worker"}, noFailure, c.edit)
			report, err := fake.scaler().Scale(context.Background(), []Intent{c.intent}, nil)
			if err != nil || report == nil {
				t.Fatalf("report %v, error %v", report, err)
			}
			if diff := cmp.Diff(c.want, fake.told()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestFailedUpdateIsPutBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		fails func(int, Change) error
		want  []string
		err   string
	}{
		{"at once", atFirst, []string{"pulumiscale: worker 3 -> 5", backOne}, "the update failed: quota; back at the previous count: worker"},
		{
			"or it says that it is not", func(int, Change) error { return broken() }, []string{"pulumiscale: worker 3 -> 5", backOne},
			"the update failed: quota; not yet back at the previous count: worker (the update failed: quota)",
		},
		{
			"but not after an interruption by the user", func(int, Change) error { return &EngineError{Operation: "update", Interrupted: true} },
			[]string{"pulumiscale: worker 3 -> 5"}, "the update was interrupted after 0 steps; not yet back at the previous count: worker",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := unsettled(t, nil, c.fails)
			report, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(2)}, nil)
			if report != nil || fmt.Sprint(err) != c.err {
				t.Errorf("report %v, error %v", report, err)
			}
			if diff := cmp.Diff(c.want, fake.told()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTheWayBackWritesNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		file *string
		want []string
	}{
		{"the count that stands there", new("3"), nil},
		{"a count that somebody has on the way to their own deploy", new("7"), nil},
		{"a stale count is restored all the same", nil, []string{"3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := unsettled(t, nil, atFirst, func(s *Snapshot) { s.File["worker"] = c.file })
			if _, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(2)}, nil); err == nil {
				t.Error("no error")
			}
			if diff := cmp.Diff([]string{"pulumiscale: worker 3 -> 5", backOne}, fake.told()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var got []string
			for _, settings := range fake.written {
				got = append(got, *settings[0].Value)
			}
			if len(got) > 1 { // the fake's file stays as it was, and is found stale again by the way back
				got = slices.Compact(got)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("written: -want +got:\n%s", diff)
			}
		})
	}
}

func TestACountThatCannotBeChangedAloneIsRefusedAlone(t *testing.T) {
	fake := newFake(t, snapshot(func(s *Snapshot) {
		s.Forms = map[string]string{"api": "it stands behind the alias *a (line 3)"}
		s.File["api"] = nil // and is stale
	}))
	report, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(2), {Pool: "api", Count: new(4)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	value, ok := errors.AsType[*ValueError](report.Decisions[1].Err)
	want := `pool api: config "apiCount" cannot be changed in the configuration file: it stands behind the alias *a (line 3)`
	if !ok || value.Error() != want || report.Decisions[1].Outcome != Refused {
		t.Errorf("got %v, want %s", report.Decisions[1].Err, want)
	}
	if diff := cmp.Diff([]string{"pulumiscale: worker 3 -> 5"}, fake.told()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([][]Setting{settingsOf("workerCount", "5")}, fake.written); diff != "" {
		t.Errorf("written: -want +got:\n%s", diff)
	}
	if !observedOne[Drifted](fake) {
		t.Error("the stale count was not told of")
	}
}

func TestFailedUpdateIsPutBackAlsoAfterTheEndOfTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	fake := unsettled(t, nil, func(n int, _ Change) error {
		cancel()
		return atFirst(n, Change{})
	})
	_, err := fake.scaler().Scale(ctx, []Intent{byDelta(2)}, nil)
	if failed, ok := errors.AsType[*EngineError](err); !ok || !slices.Equal(failed.Back, []string{"worker"}) {
		t.Errorf("got %v", err)
	}
}

func TestFailedUpdateThatTheHistoryKnowsForSucceededIsASuccess(t *testing.T) {
	for _, c := range []struct {
		name       string
		current    int
		unverified string
	}{
		{"proved", 5, ""},
		{"not proved", 4, `"current" is 4 after the update and not 5`},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := unsettled(t, nil, atFirst, withRule("worker", func(r *Rule) { r.Current = new(3) }))
			fake.onRead = func(n int) (*Snapshot, error) {
				if n == 1 {
					return snapshot(), nil
				}
				edit := withRule("worker", func(r *Rule) { r.Current = &c.current })
				return snapshot(edit, withUpdates(update(0, "worker", "5", "api", "2").by(fake.updated[0].ID))), nil
			}
			report, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(2)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := []MoveResult{{Move: Move{Pool: "worker", From: new(3), To: 5}, Current: &c.current, Unverified: c.unverified}}
			if diff := cmp.Diff(want, report.Results); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff([][]Setting{settingsOf("workerCount", "5")}, fake.written); diff != "" {
				t.Errorf("written: -want +got:\n%s", diff)
			}
		})
	}
}

func TestSettleBringsEveryPoolBack(t *testing.T) {
	api, both := fmt.Sprintf(back, "api", 2), "pulumiscale: api 2 -> 2 (after an update that failed or was cut off); worker 3 -> 3 (after an update that failed or was cut off) R"
	for _, c := range []struct {
		name  string
		pools []string
		fails func(int, Change) error
		want  []string
		left  []string
	}{
		{"nothing", nil, noFailure, nil, nil},
		{"one pool", []string{"worker"}, noFailure, []string{backOne}, nil},
		{"all in one update", []string{"api", "worker"}, noFailure, []string{both}, nil},
		{"or one by one", []string{"api", "worker"}, func(_ int, c Change) error {
			if slices.Contains(c.Pools, "api") {
				return broken()
			}
			return nil
		}, []string{both, api, backOne}, []string{"api"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := unsettled(t, c.pools, c.fails)
			err := fake.scaler().Settle(context.Background())
			if (err != nil) != (len(c.left) > 0) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(c.want, fake.told()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if snap, _ := fake.onRead(0); !slices.Equal(snap.Unsettled, c.left) {
				t.Errorf("unsettled: %v, want %v", snap.Unsettled, c.left)
			}
			if told := observedOne[Settled](fake); told != (len(c.pools) > 0) {
				t.Errorf("the observer was told: %v", told)
			}
		})
	}
}

func TestSettleIsNotDoneUntilItIsProved(t *testing.T) {
	fake := unsettled(t, []string{"worker"}, noFailure, withRule("worker", func(r *Rule) { r.Current = new(3) }))
	fake.onUpdate = func(_ int, c Change) (*Result, error) {
		return &Result{Seen: c.Targets, Output: outputOf(twoPools(), map[string]int{"worker": 4})}, nil
	}
	if err := fake.scaler().Settle(context.Background()); err == nil {
		t.Error("no error")
	}
}

func TestLockOfADeadEngineIsTriedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t, snapshot())
		fake.failUpdates(1, &LockedError{Stack: "dev", Removed: true})
		scaler := fake.scaler()
		scaler.Retries = 0
		before := time.Now()
		if _, err := scaler.Scale(context.Background(), []Intent{byDelta(2)}, nil); err != nil {
			t.Error(err)
		}
		if took := time.Since(before); took != 0 {
			t.Errorf("it waited for %s", took)
		}
		if diff := cmp.Diff([]string{"lock", "read", "update", "read", "update", "write", "unlock"}, fake.calls); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestResourcesThatTheStateDoesNotKnowAreADoubt(t *testing.T) {
	const lost = "urn:pulumi:dev::demo::pkg:index:Worker::w-4"
	loop := withRule("worker", func(r *Rule) { r.Targets = []string{"**::w-*"} })
	for _, c := range []struct {
		name    string
		pending []string
		known   []string
		doubted bool
	}{
		{"a creation that never ended", []string{lost}, nil, true},
		{"an update of a resource that never ended", []string{lost}, []string{lost}, false},
		{"a creation of another pool's", []string{"urn:pulumi:dev::demo::pkg:index:Worker::v-4"}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshot(loop, func(s *Snapshot) {
				s.Pending = c.pending
				s.Resources = append(append(s.Resources, "urn:pulumi:dev::demo::pkg:index:Worker::w-1"), c.known...)
			})
			report, err := newFake(t, snap).scaler().Scale(context.Background(), []Intent{byDelta(2)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if doubt := report.Results[0].Unverified; strings.Contains(doubt, lost) != c.doubted {
				t.Errorf("unverified: %q", doubt)
			}
			if got := snap.Status(snap.Rules["worker"], noon).Unsettled; got != c.doubted {
				t.Errorf("unsettled: %v", got)
			}
		})
	}
}
