package scaler

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestDrifts(t *testing.T) {
	old := scaletest.WithUpdates(scaletest.Update(time.Hour, "worker", "3", "api", "2"), scaletest.Failed(scaletest.Update(2*time.Hour, "worker", "25", "api", "2")), scaletest.Update(3*time.Hour, "worker", "7", "api", "2"))
	part := func(s *scale.Snapshot) { s.Complete = false }
	worker := func(file, configured *string, edit bool) []scale.Drift {
		return []scale.Drift{{Pool: "worker", Key: "workerCount", File: file, Configured: configured, Edit: edit}}
	}
	for _, c := range []struct {
		name string
		snap *scale.Snapshot
		// history is what is older than the snapshot; it may be read only if reads says so.
		history []scale.Update
		reads   int
		want    []scale.Drift
	}{
		{"what agrees has none", scaletest.Snapshot(), nil, 0, nil},
		{"what agrees needs no history", scaletest.Snapshot(part), nil, 0, nil},
		{"an older value is drift", scaletest.Snapshot(old, scaletest.WithFile("worker", "7")), nil, 0, worker(new("7"), new("3"), false)},
		{"a failed update's value is drift", scaletest.Snapshot(old, scaletest.WithFile("worker", "25")), nil, 0, worker(new("25"), new("3"), false)},
		{"a key that is missing is drift", scaletest.Snapshot(scaletest.WithFile("worker", "-")), nil, 0, worker(nil, new("3"), false)},
		{"a key that is missing needs no history", scaletest.Snapshot(part, scaletest.WithFile("worker", "-")), nil, 0, worker(nil, new("3"), false)},
		{"a value that no update had is an edit", scaletest.Snapshot(old, scaletest.WithFile("worker", "4")), nil, 0, worker(new("4"), new("3"), true)},
		{"a value that the part already shows needs no history", scaletest.Snapshot(old, part, scaletest.WithFile("worker", "7")), nil, 0, worker(new("7"), new("3"), false)},
		{
			"a value that only the history shows is drift", scaletest.Snapshot(part, scaletest.WithFile("worker", "9")),
			[]scale.Update{scaletest.Update(0, "worker", "3", "api", "2"), scaletest.Update(time.Hour, "worker", "9")}, 1, worker(new("9"), new("3"), false),
		},
		{"a value that the history does not show is an edit", scaletest.Snapshot(part, scaletest.WithFile("worker", "9")), []scale.Update{scaletest.Update(0, "worker", "3")}, 1, worker(new("9"), new("3"), true)},
		{
			"the history is read once for all pools", scaletest.Snapshot(part, scaletest.WithFile("worker", "9", "api", "8")), []scale.Update{scaletest.Update(0, "worker", "3", "api", "8")}, 1,
			append([]scale.Drift{{Pool: "api", Key: "apiCount", File: new("8"), Configured: new("2")}}, worker(new("9"), new("3"), true)...),
		},
		{"another pool's value is no older one", scaletest.Snapshot(scaletest.WithFile("worker", "2")), nil, 0, worker(new("2"), new("3"), true)},
		{"a pool that was never configured has none", scaletest.Snapshot(scaletest.WithUpdates()), nil, 0, nil},
		{"a configured value that is no count is not ours to restore", scaletest.Snapshot(scaletest.WithUpdates(scaletest.Update(0, "worker", "[secret]", "api", "2"))), nil, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := scaletest.NewStack(t, c.snap)
			fake.OnHistory = func() ([]scale.Update, error) { return c.history, nil }
			got, err := Drifts(context.Background(), fake, c.snap)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got := fake.Times("history"); got != c.reads {
				t.Errorf("the history was read %d times, want %d", got, c.reads)
			}
		})
	}
}

func TestSettle(t *testing.T) {
	snap := func() *scale.Snapshot {
		return scaletest.Snapshot(scaletest.WithUpdates(scaletest.Update(time.Hour, "worker", "3", "api", "2"), scaletest.Update(2*time.Hour, "worker", "7", "api", "2")), scaletest.WithFile("worker", "7", "api", "8"))
	}
	stale := scale.Drift{Pool: "worker", Key: "workerCount", File: new("7"), Configured: new("3")}
	edit := scale.Drift{Pool: "api", Key: "apiCount", File: new("8"), Configured: new("2"), Edit: true}
	for _, c := range []struct {
		mode     scale.OnDrift
		restored []scale.Drift
		written  [][]scale.Setting
		observed []scale.Event
		file     map[string]*string
		err      error
	}{
		{
			mode: scale.Restore, restored: []scale.Drift{stale}, written: [][]scale.Setting{scaletest.SettingsOf("workerCount", "3")},
			observed: []scale.Event{scale.Drifted{Drift: edit}, scale.Drifted{Drift: stale, Restored: true}}, file: scaletest.Texts("worker", "3", "api", "8"),
		},
		{mode: scale.Keep, observed: []scale.Event{scale.Drifted{Drift: edit}, scale.Drifted{Drift: stale}}, file: scaletest.Texts("worker", "7", "api", "8")},
		{mode: scale.Fail, observed: []scale.Event{scale.Drifted{Drift: edit}}, file: scaletest.Texts("worker", "7", "api", "8"), err: &scale.DriftError{Drifts: []scale.Drift{stale}}},
	} {
		t.Run(string(c.mode), func(t *testing.T) {
			s := snap()
			fake := scaletest.NewStack(t, s)
			fake.Locked = true
			restored, err := fixDrift(context.Background(), fake, s, c.mode, scalerOf(fake).Observe)
			if diff := cmp.Diff(c.err, err); diff != "" {
				t.Errorf("error: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.restored, restored); diff != "" {
				t.Errorf("restored: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.written, fake.Written); diff != "" {
				t.Errorf("written: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.observed, fake.Observed); diff != "" {
				t.Errorf("observed: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.file, s.File); diff != "" {
				t.Errorf("the snapshot's file: -want +got:\n%s", diff)
			}
		})
	}
}

func TestSettleOnlyReportsEdits(t *testing.T) {
	s := scaletest.Snapshot(scaletest.WithFile("worker", "4"))
	fake := scaletest.NewStack(t, s)
	restored, err := fixDrift(context.Background(), fake, s, scale.Fail, scalerOf(fake).Observe)
	if err != nil || restored != nil || len(fake.Observed) != 1 || fake.Times("write") > 0 {
		t.Errorf("restored %v, error %v, observed %v, calls %v", restored, err, fake.Observed, fake.Calls)
	}
}

func TestSettlePassesErrorsOn(t *testing.T) {
	broken := errors.New("disk full")
	s := scaletest.Snapshot(scaletest.WithFile("worker", "-"))
	fake := scaletest.NewStack(t, s)
	fake.Locked = true
	fake.OnWrite = func(int) error { return broken }
	if _, err := fixDrift(context.Background(), fake, s, scale.Restore, scale.Unobserved); !errors.Is(err, broken) || err.Error() != "restore Pulumi.dev.yaml: disk full" {
		t.Errorf("got %v", err)
	}
	if s.File["worker"] != nil {
		t.Error("the snapshot says that the file was restored")
	}
	s = scaletest.Snapshot(scaletest.WithFile("worker", "4"), func(s *scale.Snapshot) { s.Complete = false })
	fake = scaletest.NewStack(t, s)
	fake.OnHistory = func() ([]scale.Update, error) { return nil, broken }
	if _, err := fixDrift(context.Background(), fake, s, scale.Restore, scale.Unobserved); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
