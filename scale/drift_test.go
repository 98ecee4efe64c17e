package scale

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDrifts(t *testing.T) {
	old := withUpdates(update(time.Hour, "worker", "3", "api", "2"), update(2*time.Hour, "worker", "25", "api", "2").failed(), update(3*time.Hour, "worker", "7", "api", "2"))
	part := func(s *Snapshot) { s.Complete = false }
	worker := func(file, configured *string, edit bool) []Drift {
		return []Drift{{Pool: "worker", Key: "workerCount", File: file, Configured: configured, Edit: edit}}
	}
	for _, c := range []struct {
		name string
		snap *Snapshot
		// history is what is older than the snapshot; it may be read only if reads says so.
		history []Update
		reads   int
		want    []Drift
	}{
		{"what agrees has none", snapshot(), nil, 0, nil},
		{"what agrees needs no history", snapshot(part), nil, 0, nil},
		{"an older value is drift", snapshot(old, withFile("worker", "7")), nil, 0, worker(new("7"), new("3"), false)},
		{"a failed update's value is drift", snapshot(old, withFile("worker", "25")), nil, 0, worker(new("25"), new("3"), false)},
		{"a key that is missing is drift", snapshot(withFile("worker", "-")), nil, 0, worker(nil, new("3"), false)},
		{"a key that is missing needs no history", snapshot(part, withFile("worker", "-")), nil, 0, worker(nil, new("3"), false)},
		{"a value that no update had is an edit", snapshot(old, withFile("worker", "4")), nil, 0, worker(new("4"), new("3"), true)},
		{"a value that the part already shows needs no history", snapshot(old, part, withFile("worker", "7")), nil, 0, worker(new("7"), new("3"), false)},
		{
			"a value that only the history shows is drift", snapshot(part, withFile("worker", "9")),
			[]Update{update(0, "worker", "3", "api", "2"), update(time.Hour, "worker", "9")}, 1, worker(new("9"), new("3"), false),
		},
		{"a value that the history does not show is an edit", snapshot(part, withFile("worker", "9")), []Update{update(0, "worker", "3")}, 1, worker(new("9"), new("3"), true)},
		{
			"the history is read once for all pools", snapshot(part, withFile("worker", "9", "api", "8")), []Update{update(0, "worker", "3", "api", "8")}, 1,
			append([]Drift{{Pool: "api", Key: "apiCount", File: new("8"), Configured: new("2")}}, worker(new("9"), new("3"), true)...),
		},
		{"another pool's value is no older one", snapshot(withFile("worker", "2")), nil, 0, worker(new("2"), new("3"), true)},
		{"a pool that was never configured has none", snapshot(withUpdates()), nil, 0, nil},
		{"a configured value that is no count is not ours to restore", snapshot(withUpdates(update(0, "worker", "[secret]", "api", "2"))), nil, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(t, c.snap)
			fake.onHistory = func() ([]Update, error) { return c.history, nil }
			got, err := Drifts(context.Background(), fake, c.snap)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got := fake.times("history"); got != c.reads {
				t.Errorf("the history was read %d times, want %d", got, c.reads)
			}
		})
	}
}

func TestSettle(t *testing.T) {
	snap := func() *Snapshot {
		return snapshot(withUpdates(update(time.Hour, "worker", "3", "api", "2"), update(2*time.Hour, "worker", "7", "api", "2")), withFile("worker", "7", "api", "8"))
	}
	stale := Drift{Pool: "worker", Key: "workerCount", File: new("7"), Configured: new("3")}
	edit := Drift{Pool: "api", Key: "apiCount", File: new("8"), Configured: new("2"), Edit: true}
	for _, c := range []struct {
		mode     OnDrift
		restored []Drift
		written  [][]Setting
		observed []Event
		file     map[string]*string
		err      error
	}{
		{
			mode: Restore, restored: []Drift{stale}, written: [][]Setting{settingsOf("workerCount", "3")},
			observed: []Event{Drifted{Drift: edit}, Drifted{Drift: stale, Restored: true}}, file: texts("worker", "3", "api", "8"),
		},
		{mode: Keep, observed: []Event{Drifted{Drift: edit}, Drifted{Drift: stale}}, file: texts("worker", "7", "api", "8")},
		{mode: Fail, observed: []Event{Drifted{Drift: edit}}, file: texts("worker", "7", "api", "8"), err: &DriftError{Drifts: []Drift{stale}}},
	} {
		t.Run(string(c.mode), func(t *testing.T) {
			s := snap()
			fake := newFake(t, s)
			fake.held = true
			restored, err := settle(context.Background(), fake, s, c.mode, fake.scaler().Observe)
			if diff := cmp.Diff(c.err, err); diff != "" {
				t.Errorf("error: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.restored, restored); diff != "" {
				t.Errorf("restored: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.written, fake.written); diff != "" {
				t.Errorf("written: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.observed, fake.observed); diff != "" {
				t.Errorf("observed: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.file, s.File); diff != "" {
				t.Errorf("the snapshot's file: -want +got:\n%s", diff)
			}
		})
	}
}

func TestSettleOnlyReportsEdits(t *testing.T) {
	s := snapshot(withFile("worker", "4"))
	fake := newFake(t, s)
	restored, err := settle(context.Background(), fake, s, Fail, fake.scaler().Observe)
	if err != nil || restored != nil || len(fake.observed) != 1 || fake.times("write") > 0 {
		t.Errorf("restored %v, error %v, observed %v, calls %v", restored, err, fake.observed, fake.calls)
	}
}

func TestSettlePassesErrorsOn(t *testing.T) {
	broken := errors.New("disk full")
	s := snapshot(withFile("worker", "-"))
	fake := newFake(t, s)
	fake.held = true
	fake.onWrite = func(int) error { return broken }
	if _, err := settle(context.Background(), fake, s, Restore, Unobserved); !errors.Is(err, broken) || err.Error() != "restore Pulumi.dev.yaml: disk full" {
		t.Errorf("got %v", err)
	}
	if s.File["worker"] != nil {
		t.Error("the snapshot says that the file was restored")
	}
	s = snapshot(withFile("worker", "4"), func(s *Snapshot) { s.Complete = false })
	fake = newFake(t, s)
	fake.onHistory = func() ([]Update, error) { return nil, broken }
	if _, err := settle(context.Background(), fake, s, Restore, Unobserved); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
