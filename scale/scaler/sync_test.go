package scaler

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// keeper keeps a program in memory.
type keeper struct {
	t     *testing.T
	stack *scaletest.Stack
	// synced says that the program is there; err is why it is not available, and arrives is called when it comes.
	synced  bool
	err     error
	arrives func()
}

func (k *keeper) SyncProgram(context.Context, *scale.Snapshot, scale.Observe) error {
	k.t.Helper()
	k.stack.Calls = append(k.stack.Calls, "sync")
	if !k.stack.Locked {
		k.t.Error("the program is moved without the lock")
	}
	if k.err == nil && !k.synced && k.arrives != nil {
		k.arrives()
	}
	k.synced = k.err == nil
	return k.err
}

func (k *keeper) IsSynced(*scale.Snapshot) bool { return k.synced }

// keeping is a scaler of a stack whose program is kept.
func keeping(t *testing.T, snap *scale.Snapshot) (*Scaler, *scaletest.Stack, *keeper) {
	t.Helper()
	fake := unproved(t, snap, would())
	k := &keeper{t: t, stack: fake}
	s := scalerOf(fake)
	s.Programs = k
	return s, fake, k
}

// only are the calls that are of interest here.
func only(calls []string) []string {
	return slices.DeleteFunc(slices.Clone(calls), func(call string) bool {
		return !slices.Contains([]string{"sync", "preview", "update", "write"}, call)
	})
}

var errPushedNowhere = &scale.ProgramError{Reason: "it is pushed nowhere"}

func TestTheProgramIsSyncedBeforeAProofIsMadeAndNotWhileOneHolds(t *testing.T) {
	s, fake, _ := keeping(t, scaletest.Snapshot())
	for range 2 {
		if _, err := s.Scale(t.Context(), []scale.Intent{scaletest.ToCount(5)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"sync", "preview", "update", "write", "update", "write"}, only(fake.Calls)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Without a kept program nothing would be proved for such a pool.
func TestAPoolThatAllowsPendingChangesNeedsTheProgramToo(t *testing.T) {
	s, fake, _ := keeping(t, scaletest.Snapshot(scaletest.WithRule("worker", scaletest.Allowing)))
	if _, err := s.Scale(t.Context(), []scale.Intent{scaletest.ToCount(5)}, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sync", "preview", "update", "write"}, only(fake.Calls)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAProgramThatCannotBeHadRefusesEveryPoolUnderEveryRule(t *testing.T) {
	both := []scale.Intent{scaletest.ToCount(5), scaletest.APIDelta(1)}
	snap := scaletest.Snapshot(scaletest.WithRule("api", scaletest.Allowing))
	want := []scale.Outcome{scale.HasPending, scale.HasPending}
	check := func(t *testing.T, p scale.Plan, calls []string) {
		t.Helper()
		if diff := cmp.Diff(want, scaletest.Outcomes(p)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff([]string{"sync"}, only(calls)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		for _, d := range p.Decisions {
			if diff := cmp.Diff([]scale.PendingChange{{Op: scale.OpProgram, Name: "it is pushed nowhere"}}, d.Pending); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if d.Reason != "the deployed program is not available: it is pushed nowhere" {
				t.Error(d.Reason)
			}
		}
	}
	t.Run("a scaling", func(t *testing.T) {
		s, fake, k := keeping(t, snap)
		k.err = errPushedNowhere
		report, err := s.Scale(t.Context(), both, nil)
		if err != nil {
			t.Fatal(err)
		}
		check(t, report.Plan, fake.Calls)
	})
	t.Run("a preview", func(t *testing.T) {
		s, fake, k := keeping(t, snap)
		k.err = errPushedNowhere
		p, _, err := s.Preview(t.Context(), both)
		if err != nil {
			t.Fatal(err)
		}
		check(t, *p, fake.Calls)
	})
	t.Run("in idle time", func(t *testing.T) {
		s, fake, k := keeping(t, snap)
		k.err = errPushedNowhere
		proof, err := s.ProveAll(t.Context(), snap)
		if err != nil {
			t.Fatal(err)
		}
		for _, pool := range []string{"worker", "api"} {
			if got := proof.Pending(pool); len(got) != 1 || got[0].Op != scale.OpProgram {
				t.Errorf("pool %s: %+v", pool, got)
			}
		}
		if len(fake.Kept) > 0 {
			t.Error("it is kept: nobody would try again")
		}
	})
}

func TestWhatElseGoesWrongIsNoDecision(t *testing.T) {
	broken := errors.New("the disk is full")
	for name, do := range map[string]func(*Scaler) error{
		"a scaling": func(s *Scaler) error {
			_, err := s.Scale(t.Context(), []scale.Intent{scaletest.ToCount(5)}, nil)
			return err
		},
		"a preview": func(s *Scaler) error {
			_, _, err := s.Preview(t.Context(), []scale.Intent{scaletest.ToCount(5)})
			return err
		},
		"in idle time":   func(s *Scaler) error { _, err := s.ProveAll(t.Context(), scaletest.Snapshot()); return err },
		"rules --verify": func(s *Scaler) error { _, err := s.Verify(t.Context()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			s, fake, k := keeping(t, scaletest.Snapshot())
			k.err = broken
			if err := do(s); !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
			if fake.Locked || len(fake.Previewed)+len(fake.Updated) > 0 {
				t.Errorf("locked %v, calls %v", fake.Locked, fake.Calls)
			}
		})
	}
}

func TestIdleTimeSyncsAndProves(t *testing.T) {
	snap := scaletest.Snapshot()
	s, fake, k := keeping(t, snap)
	fake.Busy = true
	if proof, err := s.ProveAll(t.Context(), snap); proof != nil || err != nil || k.synced {
		t.Errorf("beside somebody at work: %+v, %v", proof, err)
	}
	fake.Busy = false
	for range 2 {
		if proof, err := s.ProveAll(t.Context(), snap); err != nil || len(proof.Pending("worker")) > 0 {
			t.Errorf("%+v, %v", proof, err)
		}
	}
	if diff := cmp.Diff([]string{"sync", "preview"}, only(fake.Calls)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAConfigurationFileThatComesWithTheProgram(t *testing.T) {
	for name, do := range map[string]func(*Scaler) error{
		"of a scaling": func(s *Scaler) error {
			report, err := s.Scale(t.Context(), []scale.Intent{scaletest.ToCount(5)}, nil)
			if err == nil && !slices.Equal(scaletest.Outcomes(report.Plan), []scale.Outcome{scale.Scale}) {
				t.Errorf("%+v", report.Decisions)
			}
			return err
		},
		"of a preview": func(s *Scaler) error {
			_, _, err := s.Preview(t.Context(), []scale.Intent{scaletest.ToCount(5)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			missing := scaletest.Snapshot(func(s *scale.Snapshot) { s.FileMissing, s.File = true, nil })
			s, fake, k := keeping(t, scaletest.Snapshot())
			there := fake.OnRead
			fake.OnRead = func(int) (*scale.Snapshot, error) { return scaletest.CopyOf(missing), nil }
			k.arrives = func() { fake.OnRead = there }
			if err := do(s); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIdleTimeBringsTheConfigurationFileWithTheProgram(t *testing.T) {
	missing := scaletest.Snapshot(func(s *scale.Snapshot) { s.FileMissing, s.File = true, nil })
	s, fake, k := keeping(t, missing)
	for range 2 { // the second time, the program is there, and has no such file
		if proof, err := s.ProveAll(t.Context(), missing); proof != nil || err != nil || !k.synced {
			t.Errorf("%+v, %v", proof, err)
		}
	}
	if diff := cmp.Diff([]string{"sync"}, only(fake.Calls)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	k.synced, k.err = false, errPushedNowhere
	if proof, err := s.ProveAll(t.Context(), missing); err != nil || len(proof.Pending("worker")) == 0 {
		t.Errorf("without the program: %+v, %v", proof, err)
	}
}
