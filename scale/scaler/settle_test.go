package scaler

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

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// unsettled is a stack of 3 workers and 2 apis that a cut-off update has left in between. Its n-th update settles its
// pools unless fails says that it fails.
func unsettled(t *testing.T, pools []string, fails func(n int, c scale.Change) error, edits ...func(*scale.Snapshot)) *scaletest.Stack {
	snap := scaletest.Snapshot(append(edits, func(s *scale.Snapshot) { s.Unsettled = pools })...)
	fake := scaletest.NewStack(t, snap)
	answer := fake.OnUpdate
	fake.OnUpdate = func(n int, c scale.Change) (*scale.Result, error) {
		if err := fails(n, c); err != nil {
			snap.Unsettled = slices.Compact(slices.Sorted(slices.Values(append(snap.Unsettled, c.Pools...))))
			return nil, err
		}
		snap.Unsettled = slices.DeleteFunc(slices.Clone(snap.Unsettled), func(p string) bool { return slices.Contains(c.Pools, p) })
		return answer(n, c)
	}
	return fake
}

func noFailure(int, scale.Change) error { return nil }

func atFirst(n int, _ scale.Change) error {
	if n == 1 {
		return broken()
	}
	return nil
}

func broken() *scale.EngineError {
	return &scale.EngineError{Operation: "update", Diagnostics: []scale.Diagnostic{{Severity: "error", Message: "quota"}}}
}

// told are the messages of the updates, with an R if they refresh.
func told(f *scaletest.Stack) []string {
	var out []string
	for _, c := range f.Updated {
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
	wrong := scaletest.WithRule("worker", func(r *scale.Rule) { r.Current = new(4) })
	for _, c := range []struct {
		name   string
		edit   func(*scale.Snapshot)
		intent scale.Intent
		want   []string
	}{
		{"a scaling goes on from the count before", wrong, scaletest.ByDelta(2), []string{"pulumiscale: worker 3 -> 5 R"}},
		{"an intent that changes nothing brings it back", wrong, scaletest.ToCount(3), []string{backOne}},
		{"so does one that is held off", scaletest.WithUpdates(scaletest.Update(time.Second, "worker", "3", "api", "2"), scaletest.Update(time.Hour, "worker", "2", "api", "2")), scaletest.ByDelta(2), []string{backOne}},
		{"another pool does not wait for it", wrong, scale.Intent{Pool: "api", Delta: new(1)}, []string{"pulumiscale: api 2 -> 3", backOne}},
		{"where there is no count to go back to, nothing is done", scaletest.WithUpdates(), scale.Intent{Pool: "api", Count: new(3)}, []string{"pulumiscale: api ? -> 3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := unsettled(t, []string{"worker"}, noFailure, c.edit)
			report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{c.intent}, nil)
			if err != nil || report == nil {
				t.Fatalf("report %v, error %v", report, err)
			}
			if diff := cmp.Diff(c.want, told(fake)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestFailedUpdateIsPutBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		fails func(int, scale.Change) error
		want  []string
		err   string
	}{
		{"at once", atFirst, []string{"pulumiscale: worker 3 -> 5", backOne}, "the update failed: quota; back at the previous count: worker"},
		{
			"or it says that it is not", func(int, scale.Change) error { return broken() }, []string{"pulumiscale: worker 3 -> 5", backOne},
			"the update failed: quota; not yet back at the previous count: worker (the update failed: quota)",
		},
		{
			"but not after an interruption by the user", func(int, scale.Change) error { return &scale.EngineError{Operation: "update", Interrupted: true} },
			[]string{"pulumiscale: worker 3 -> 5"}, "the update was interrupted after 0 steps; not yet back at the previous count: worker",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := unsettled(t, nil, c.fails)
			report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil)
			if report != nil || fmt.Sprint(err) != c.err {
				t.Errorf("report %v, error %v", report, err)
			}
			if diff := cmp.Diff(c.want, told(fake)); diff != "" {
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
			fake := unsettled(t, nil, atFirst, func(s *scale.Snapshot) { s.File["worker"] = c.file })
			if _, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil); err == nil {
				t.Error("no error")
			}
			if diff := cmp.Diff([]string{"pulumiscale: worker 3 -> 5", backOne}, told(fake)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var got []string
			for _, settings := range fake.Written {
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
	fake := scaletest.NewStack(t, scaletest.Snapshot(func(s *scale.Snapshot) {
		s.Forms = map[string]string{"api": "it stands behind the alias *a (line 3)"}
		s.File["api"] = nil // and is stale
	}))
	report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2), {Pool: "api", Count: new(4)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	value, ok := errors.AsType[*scale.ValueError](report.Decisions[1].Err)
	want := `pool api: config "apiCount" cannot be changed in the configuration file: it stands behind the alias *a (line 3)`
	if !ok || value.Error() != want || report.Decisions[1].Outcome != scale.Refused {
		t.Errorf("got %v, want %s", report.Decisions[1].Err, want)
	}
	if diff := cmp.Diff([]string{"pulumiscale: worker 3 -> 5"}, told(fake)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([][]scale.Setting{scaletest.SettingsOf("workerCount", "5")}, fake.Written); diff != "" {
		t.Errorf("written: -want +got:\n%s", diff)
	}
	if !observedOne[scale.Drifted](fake) {
		t.Error("the stale count was not told of")
	}
}

func TestFailedUpdateIsPutBackAlsoAfterTheEndOfTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	fake := unsettled(t, nil, func(n int, _ scale.Change) error {
		cancel()
		return atFirst(n, scale.Change{})
	})
	_, err := scalerOf(fake).Scale(ctx, []scale.Intent{scaletest.ByDelta(2)}, nil)
	if failed, ok := errors.AsType[*scale.EngineError](err); !ok || !slices.Equal(failed.Back, []string{"worker"}) {
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
			fake := unsettled(t, nil, atFirst, scaletest.WithRule("worker", func(r *scale.Rule) { r.Current = new(3) }))
			fake.OnRead = func(n int) (*scale.Snapshot, error) {
				if n == 1 {
					return scaletest.Snapshot(), nil
				}
				edit := scaletest.WithRule("worker", func(r *scale.Rule) { r.Current = &c.current })
				return scaletest.Snapshot(edit, scaletest.WithUpdates(scaletest.By(scaletest.Update(0, "worker", "5", "api", "2"), fake.Updated[0].ID))), nil
			}
			report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := []scale.MoveResult{{Move: scale.Move{Pool: "worker", From: new(3), To: 5}, Current: &c.current, Unverified: c.unverified}}
			if diff := cmp.Diff(want, report.Results); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff([][]scale.Setting{scaletest.SettingsOf("workerCount", "5")}, fake.Written); diff != "" {
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
		fails func(int, scale.Change) error
		want  []string
		left  []string
	}{
		{"nothing", nil, noFailure, nil, nil},
		{"one pool", []string{"worker"}, noFailure, []string{backOne}, nil},
		{"all in one update", []string{"api", "worker"}, noFailure, []string{both}, nil},
		{"or one by one", []string{"api", "worker"}, func(_ int, c scale.Change) error {
			if slices.Contains(c.Pools, "api") {
				return broken()
			}
			return nil
		}, []string{both, api, backOne}, []string{"api"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := unsettled(t, c.pools, c.fails)
			err := scalerOf(fake).Settle(context.Background())
			if (err != nil) != (len(c.left) > 0) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(c.want, told(fake)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if snap, _ := fake.OnRead(0); !slices.Equal(snap.Unsettled, c.left) {
				t.Errorf("unsettled: %v, want %v", snap.Unsettled, c.left)
			}
			if told := observedOne[scale.Settled](fake); told != (len(c.pools) > 0) {
				t.Errorf("the observer was told: %v", told)
			}
		})
	}
}

func TestSettleIsNotDoneUntilItIsProved(t *testing.T) {
	fake := unsettled(t, []string{"worker"}, noFailure, scaletest.WithRule("worker", func(r *scale.Rule) { r.Current = new(3) }))
	fake.OnUpdate = func(_ int, c scale.Change) (*scale.Result, error) {
		return &scale.Result{Seen: c.Targets, Output: scaletest.OutputOf(scaletest.TwoPools(), map[string]int{"worker": 4})}, nil
	}
	if err := scalerOf(fake).Settle(context.Background()); err == nil {
		t.Error("no error")
	}
}

func TestLockOfADeadEngineIsTriedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := scaletest.NewStack(t, scaletest.Snapshot())
		failUpdates(fake, 1, &scale.LockedError{Stack: "dev", Removed: true})
		scaler := scalerOf(fake)
		scaler.Retries = 0
		before := time.Now()
		if _, err := scaler.Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil); err != nil {
			t.Error(err)
		}
		if took := time.Since(before); took != 0 {
			t.Errorf("it waited for %s", took)
		}
		if diff := cmp.Diff([]string{"lock", "read", "update", "read", "update", "write", "unlock"}, fake.Calls); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestResourcesThatTheStateDoesNotKnowAreADoubt(t *testing.T) {
	const lost = "urn:pulumi:dev::demo::pkg:index:Worker::w-4"
	loop := scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{"**::w-*"} })
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
			snap := scaletest.Snapshot(loop, func(s *scale.Snapshot) {
				s.Pending = c.pending
				s.Resources = append(append(s.Resources, "urn:pulumi:dev::demo::pkg:index:Worker::w-1"), c.known...)
			})
			report, err := scalerOf(scaletest.NewStack(t, snap)).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if doubt := report.Results[0].Unverified; strings.Contains(doubt, lost) != c.doubted {
				t.Errorf("unverified: %q", doubt)
			}
			if got := snap.Standing(snap.Rules["worker"], scaletest.Noon).Unsettled; got != c.doubted {
				t.Errorf("unsettled: %v", got)
			}
		})
	}
}
