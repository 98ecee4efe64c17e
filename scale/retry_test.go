package scale

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScaleTriesAgain(t *testing.T) {
	locked := &LockedError{Stack: "dev"}
	for _, c := range []struct {
		name  string
		setup func(*fakeStack)
		// err is the error at the end; nil for none.
		err   error
		calls []string
	}{
		{
			"a stack that is locked at first", func(f *fakeStack) { f.failUpdates(1, locked) }, nil,
			[]string{"lock", "read", "update", "read", "update", "write", "unlock"},
		},
		{
			"a stack that stays locked, until the retries are used up", func(f *fakeStack) { f.failUpdates(9, locked) }, locked,
			[]string{"lock", "read", "update", "read", "update", "read", "update", "unlock"},
		},
		{
			"a backend that cannot be reached at first", func(f *fakeStack) { f.failReads(2, &UnavailableError{Detail: "timeout"}) }, nil,
			[]string{"lock", "read", "read", "read", "update", "write", "unlock"},
		},
		{
			"a stack on which an engine of ours still works, whose PulumiScale has died: what is read is out of date soon",
			func(f *fakeStack) {
				next := f.onRead
				f.onRead = func(i int) (*Snapshot, error) {
					snap, err := next(i)
					if i == 1 {
						snap.Busy = []Holder{{PID: 7}}
					}
					return snap, err
				}
			}, nil,
			[]string{"lock", "read", "read", "update", "write", "unlock"},
		},
		{
			"what is wrapped", func(f *fakeStack) { f.failReads(1, fmt.Errorf("read: %w", locked)) }, nil,
			[]string{"lock", "read", "read", "update", "write", "unlock"},
		},
		{
			"no failure of the engine", func(f *fakeStack) { f.failUpdates(1, &EngineError{Operation: "update"}) }, &EngineError{Operation: "update"},
			[]string{"lock", "read", "update", "read", "unlock"},
		},
		{
			"nothing after the file could not be written", func(f *fakeStack) { f.onWrite = func(int) error { return locked } },
			&WriteError{File: "Pulumi.dev.yaml", Err: locked}, []string{"lock", "read", "update", "write", "unlock"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := newFake(t, snapshot())
				c.setup(fake)
				_, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(2)}, nil)
				if fmt.Sprint(err) != fmt.Sprint(c.err) {
					t.Errorf("got error %v, want %v", err, c.err)
				}
				if diff := cmp.Diff(c.calls, fake.calls); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

func (f *fakeStack) failUpdates(n int, err error) {
	next := f.onUpdate
	f.onUpdate = func(i int, c Change) (*Result, error) {
		if i <= n {
			return nil, err
		}
		return next(i, c)
	}
}

func (f *fakeStack) failReads(n int, err error) {
	next := f.onRead
	f.onRead = func(i int) (*Snapshot, error) {
		if i <= n {
			return nil, err
		}
		return next(i)
	}
}

func TestEveryAttemptDecidesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t, snapshot())
		fake.onRead = func(n int) (*Snapshot, error) { // each time somebody else has added one
			count := fmt.Sprint(2 + n)
			return snapshot(withRule("worker", func(r *Rule) { r.Cooldown = Cooldown{} }), withUpdates(update(0, "worker", count, "api", "2")), withFile("worker", count)), nil
		}
		fake.failUpdates(2, &LockedError{})
		report, err := fake.scaler().Scale(context.Background(), []Intent{byDelta(2)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var asked []string
		for _, c := range fake.updated {
			asked = append(asked, c.Message)
		}
		want := []string{"pulumiscale: worker 3 -> 5", "pulumiscale: worker 4 -> 6", "pulumiscale: worker 5 -> 7"}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if report.Results[0].To != 7 {
			t.Errorf("got %+v", report.Results)
		}
	})
}

func TestTheOtherUpdateMayHaveScaled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t, snapshot())
		fake.onRead = func(n int) (*Snapshot, error) {
			if n == 1 {
				return snapshot(), nil
			}
			return snapshot(withUpdates(update(0, "worker", "5", "api", "2"), update(time.Hour, "worker", "3")), withFile("worker", "5")), nil
		}
		fake.failUpdates(1, &LockedError{})
		report, err := fake.scaler().Scale(context.Background(), []Intent{signalUp()}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Outcome{CoolingDown}, outcomes(report.Plan)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if n := fake.times("update"); n != 1 {
			t.Errorf("%d updates", n)
		}
	})
}

func TestRetriesBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t, snapshot())
		locked := &LockedError{Stack: "dev"}
		var at []time.Time
		fake.onRead = func(int) (*Snapshot, error) {
			at = append(at, time.Now())
			return nil, locked
		}
		scaler := fake.scaler()
		scaler.Retries = 4
		if _, err := scaler.Scale(context.Background(), []Intent{byDelta(2)}, nil); !errors.Is(err, locked) {
			t.Errorf("got %v", err)
		}
		if len(at) != 5 || len(fake.observed) != 4 {
			t.Fatalf("%d attempts, observed %v", len(at), fake.observed)
		}
		for i, event := range fake.observed {
			least, waited := time.Second<<i, at[i+1].Sub(at[i])
			if waited < least || waited > least+time.Second/2 {
				t.Errorf("retry %d after %v, want %v and up to half a second", i+1, waited, least)
			}
			if diff := cmp.Diff(Retrying{Attempt: i + 1, Of: 4, Delay: waited, Err: locked}, event); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
	})
}

func TestNoRetries(t *testing.T) {
	fake := newFake(t, snapshot())
	fake.failReads(1, &LockedError{})
	scaler := fake.scaler()
	scaler.Retries = 0
	if _, err := scaler.Scale(context.Background(), []Intent{byDelta(2)}, nil); err == nil || len(fake.observed) > 0 {
		t.Errorf("error %v, observed %v", err, fake.observed)
	}
}

func TestCancelEndsTheWaitForARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t, snapshot())
		fake.failReads(9, &LockedError{})
		ctx, cancel := context.WithCancel(context.Background())
		scaler := fake.scaler()
		scaler.RetryDelay = time.Hour
		time.AfterFunc(time.Minute, cancel)
		start := time.Now()
		_, err := scaler.Scale(ctx, []Intent{byDelta(2)}, nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("waited %v", waited)
		}
		if diff := cmp.Diff([]string{"lock", "read", "unlock"}, fake.calls); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestPreviewTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t, snapshot())
		fake.onPreview = func(n int, c Change) (*Result, error) {
			if n == 1 {
				return nil, &UnavailableError{}
			}
			return &Result{}, nil
		}
		if _, _, err := fake.scaler().Preview(context.Background(), []Intent{byDelta(2)}); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"read", "preview", "read", "preview"}, fake.calls); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
