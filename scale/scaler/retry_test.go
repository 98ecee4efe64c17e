package scaler

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestScaleTriesAgain(t *testing.T) {
	locked := &scale.LockedError{Stack: "dev"}
	for _, c := range []struct {
		name  string
		setup func(*scaletest.Stack)
		// err is the error at the end; nil for none.
		err   error
		calls []string
	}{
		{
			"a stack that is locked at first", func(f *scaletest.Stack) { failUpdates(f, 1, locked) }, nil,
			[]string{"lock", "read", "update", "read", "update", "write", "unlock"},
		},
		{
			"a stack that stays locked, until the retries are used up", func(f *scaletest.Stack) { failUpdates(f, 9, locked) }, locked,
			[]string{"lock", "read", "update", "read", "update", "read", "update", "unlock"},
		},
		{
			"a backend that cannot be reached at first", func(f *scaletest.Stack) { failReads(f, 2, &scale.UnavailableError{Detail: "timeout"}) }, nil,
			[]string{"lock", "read", "read", "read", "update", "write", "unlock"},
		},
		{
			"a stack on which an engine of ours still works, whose PulumiScale has died: what is read is out of date soon",
			func(f *scaletest.Stack) {
				next := f.OnRead
				f.OnRead = func(i int) (*scale.Snapshot, error) {
					snap, err := next(i)
					if i == 1 {
						snap.Busy = []scale.LockHolder{{PID: 7}}
					}
					return snap, err
				}
			}, nil,
			[]string{"lock", "read", "read", "update", "write", "unlock"},
		},
		{
			"what is wrapped", func(f *scaletest.Stack) { failReads(f, 1, fmt.Errorf("read: %w", locked)) }, nil,
			[]string{"lock", "read", "read", "update", "write", "unlock"},
		},
		{
			"no failure of the engine", func(f *scaletest.Stack) { failUpdates(f, 1, &scale.EngineError{Operation: "update"}) }, &scale.EngineError{Operation: "update"},
			[]string{"lock", "read", "update", "read", "unlock"},
		},
		{
			"nothing after the file could not be written", func(f *scaletest.Stack) { f.OnWrite = func(int) error { return locked } },
			&scale.WriteError{File: "Pulumi.dev.yaml", Err: locked}, []string{"lock", "read", "update", "write", "unlock"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := scaletest.NewStack(t, scaletest.Snapshot())
				c.setup(fake)
				_, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil)
				if fmt.Sprint(err) != fmt.Sprint(c.err) {
					t.Errorf("got error %v, want %v", err, c.err)
				}
				if diff := cmp.Diff(c.calls, fake.Calls); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

func failUpdates(f *scaletest.Stack, n int, err error) {
	next := f.OnUpdate
	f.OnUpdate = func(i int, c scale.Change) (*scale.Result, error) {
		if i <= n {
			return nil, err
		}
		return next(i, c)
	}
}

func failReads(f *scaletest.Stack, n int, err error) {
	next := f.OnRead
	f.OnRead = func(i int) (*scale.Snapshot, error) {
		if i <= n {
			return nil, err
		}
		return next(i)
	}
}

func TestEveryAttemptDecidesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := scaletest.NewStack(t, scaletest.Snapshot())
		fake.OnRead = func(n int) (*scale.Snapshot, error) { // each time somebody else has added one
			count := fmt.Sprint(2 + n)
			return scaletest.Snapshot(scaletest.WithRule("worker", func(r *scale.Rule) { r.Cooldown = scale.Cooldown{} }), scaletest.WithUpdates(scaletest.Update(0, "worker", count, "api", "2")), scaletest.WithFile("worker", count)), nil
		}
		failUpdates(fake, 2, &scale.LockedError{})
		report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var asked []string
		for _, c := range fake.Updated {
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
		fake := scaletest.NewStack(t, scaletest.Snapshot())
		fake.OnRead = func(n int) (*scale.Snapshot, error) {
			if n == 1 {
				return scaletest.Snapshot(), nil
			}
			return scaletest.Snapshot(scaletest.WithUpdates(scaletest.Update(0, "worker", "5", "api", "2"), scaletest.Update(time.Hour, "worker", "3")), scaletest.WithFile("worker", "5")), nil
		}
		failUpdates(fake, 1, &scale.LockedError{})
		report, err := scalerOf(fake).Scale(context.Background(), []scale.Intent{scaletest.SignalUp()}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]scale.Outcome{scale.CoolingDown}, scaletest.Outcomes(report.Plan)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if n := fake.Times("update"); n != 1 {
			t.Errorf("%d updates", n)
		}
	})
}

func TestRetriesBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := scaletest.NewStack(t, scaletest.Snapshot())
		locked := &scale.LockedError{Stack: "dev"}
		var at []time.Time
		fake.OnRead = func(int) (*scale.Snapshot, error) {
			at = append(at, time.Now())
			return nil, locked
		}
		scaler := scalerOf(fake)
		scaler.Retries = 4
		if _, err := scaler.Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil); !errors.Is(err, locked) {
			t.Errorf("got %v", err)
		}
		if len(at) != 5 || len(fake.Observed) != 4 {
			t.Fatalf("%d attempts, observed %v", len(at), fake.Observed)
		}
		for i, event := range fake.Observed {
			least, waited := time.Second<<i, at[i+1].Sub(at[i])
			if waited < least || waited > least+time.Second/2 {
				t.Errorf("retry %d after %v, want %v and up to half a second", i+1, waited, least)
			}
			if diff := cmp.Diff(scale.Retrying{Attempt: i + 1, Of: 4, Delay: waited, Err: locked}, event); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
	})
}

func TestNoRetries(t *testing.T) {
	fake := scaletest.NewStack(t, scaletest.Snapshot())
	failReads(fake, 1, &scale.LockedError{})
	scaler := scalerOf(fake)
	scaler.Retries = 0
	if _, err := scaler.Scale(context.Background(), []scale.Intent{scaletest.ByDelta(2)}, nil); err == nil || len(fake.Observed) > 0 {
		t.Errorf("error %v, observed %v", err, fake.Observed)
	}
}

func TestCancelEndsTheWaitForARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := scaletest.NewStack(t, scaletest.Snapshot())
		failReads(fake, 9, &scale.LockedError{})
		ctx, cancel := context.WithCancel(context.Background())
		scaler := scalerOf(fake)
		scaler.RetryDelay = time.Hour
		time.AfterFunc(time.Minute, cancel)
		start := time.Now()
		_, err := scaler.Scale(ctx, []scale.Intent{scaletest.ByDelta(2)}, nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("waited %v", waited)
		}
		if diff := cmp.Diff([]string{"lock", "read", "unlock"}, fake.Calls); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestPreviewTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := scaletest.NewStack(t, scaletest.Snapshot())
		fake.OnPreview = func(n int, c scale.Change) (*scale.Result, error) {
			if n == 1 {
				return nil, &scale.UnavailableError{}
			}
			return &scale.Result{}, nil
		}
		if _, _, err := scalerOf(fake).Preview(context.Background(), []scale.Intent{scaletest.ByDelta(2)}); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"read", "preview", "read", "preview"}, fake.Calls); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
