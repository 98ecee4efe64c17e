// Package journaltest holds what a [queue.Journal] promises against a journal. It is for the tests of those who implement
// one.
package journaltest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Noon is when everything happens.
var Noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Place is where a journal is kept.
type Place struct {
	// Open opens the journal, which is empty the first time. The one before is closed by then. It has to have all that
	// the ones before were given, and shall fail the test if it cannot be opened.
	Open func(t *testing.T) queue.Journal
	// Break keeps the journal that is open from being written, until mend is called. It is nil if that cannot be done.
	Break func(t *testing.T) (mend func())
}

// Run holds journals against the promises. fresh makes a place for one that is empty.
func Run(t *testing.T, fresh func(t *testing.T) Place) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *rig)
	}{
		{"operations outlive the journal", testOutlive},
		{"every field of an operation is kept", testFields},
		{"add returns the first of a key", testFirstOfAKey},
		{"duplicates at the same time are added once", testDuplicates},
		{"batches that share a key are added whole or not", testBatches},
		{"a key leads to the last attempt", testAttempts},
		{"an operation is listed once, whatever becomes of it", testListedOnce},
		{"update adds what is not there", testUpdateAdds},
		{"a large update", testLargeUpdate},
		{"open lists the oldest first", testOpenOrder},
		{"recent lists those that ended last first", testRecent},
		{"prune", testPrune},
		{"what was heard of alerts outlives the journal", testHeard},
		{"what operations tell of alerts", testTold},
		{"alerts outlive their operations", testToldAndForgotten},
		{"what was heard is forgotten", testHeardForgotten},
		{"the last value of each minute outlives the journal", testSamples},
		{"old values are forgotten", testOldSamples},
		{"a probe leaves nothing behind", testProbe},
		{"it can be used after an error", testError},
		{"closing", testClose},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &rig{t: t, place: fresh(t)}
			r.reopen()
			c.test(t, r)
			if err := r.journal.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// rig is a journal under test.
type rig struct {
	t       *testing.T
	place   Place
	journal queue.Journal
}

func (r *rig) reopen() {
	r.t.Helper()
	if r.journal != nil {
		if err := r.journal.Close(); err != nil {
			r.t.Fatal(err)
		}
	}
	r.journal = r.place.Open(r.t)
}

// Accepted is an operation with an id that sorts by n.
func Accepted(n int, pool, key string) queue.Operation {
	delta, to := 1, 4
	intent := scale.Intent{Pool: pool, Delta: &delta, Source: "http", Key: key}
	return queue.Operation{
		ID: fmt.Sprintf("%08d", n), Intent: intent, State: queue.Accepted, AcceptedAt: Noon,
		Decision: scale.Decision{Intent: intent, Outcome: scale.Scale, To: to}, To: &to,
	}
}

// Done is an operation as it is once it has ended.
func Done(op queue.Operation, at time.Time) queue.Operation {
	op.State, op.Result, op.EndedAt = queue.Done, queue.FinalScaled, at
	return op
}

func (r *rig) add(ops ...queue.Operation) []queue.Operation {
	r.t.Helper()
	stored, err := r.journal.Add(ops)
	if err != nil {
		r.t.Fatal(err)
	}
	return stored
}

func (r *rig) update(ops ...queue.Operation) {
	r.t.Helper()
	if err := r.journal.Update(ops); err != nil {
		r.t.Fatal(err)
	}
}

// ids are the numbers of operations.
func ids(ops []queue.Operation) string {
	var out []string
	for _, op := range ops {
		out = append(out, strings.TrimLeft(op.ID, "0"))
	}
	return strings.Join(out, " ")
}

// opened are those that are not done.
func (r *rig) opened() string {
	r.t.Helper()
	ops, err := r.journal.Open()
	if err != nil {
		r.t.Fatal(err)
	}
	return ids(ops)
}

func (r *rig) recent(pool string, limit int) string {
	r.t.Helper()
	ops, err := r.journal.Recent(pool, limit)
	if err != nil {
		r.t.Fatal(err)
	}
	return ids(ops)
}

// leadsTo says that a key leads to an operation, or to none if want is empty.
func (r *rig) leadsTo(pool, key, want string) {
	r.t.Helper()
	op, ok, err := r.journal.Find(pool, key)
	if err != nil || ok != (want != "") || ids([]queue.Operation{op}) != want {
		r.t.Errorf("the key %q of %s leads to %q, %v, %v; want %q", key, pool, op.ID, ok, err, want)
	}
}

func (r *rig) recalls(want scale.Heard) {
	r.t.Helper()
	got, ok, err := r.journal.Recall(want.Pool, want.Alert)
	if diff := gocmp.Diff(want, got); !ok || err != nil || diff != "" {
		r.t.Errorf("of %s: %v, %v\n%s", want.Alert, ok, err, diff)
	}
}

func testOutlive(t *testing.T, r *rig) {
	first, second := Accepted(1, "worker", "a"), Accepted(2, "api", "")
	r.add(second)
	r.add(first)
	r.reopen()
	got, err := r.journal.Open()
	if diff := gocmp.Diff([]queue.Operation{first, second}, got); err != nil || diff != "" {
		t.Errorf("open, oldest first: %v\n%s", err, diff)
	}
	r.update(Done(first, Noon))
	r.reopen()
	if got := r.opened(); got != "2" {
		t.Errorf("open after one is done: %s", got)
	}
	op, err := r.journal.Get(first.ID)
	if diff := gocmp.Diff(Done(first, Noon), op); err != nil || diff != "" {
		t.Errorf("the done one: %v\n%s", err, diff)
	}
	if _, err := r.journal.Get("3"); !scale.IsA[*queue.UnknownOperationError](err) {
		t.Errorf("one that never was: %v", err)
	}
}

func testFields(t *testing.T, r *rig) {
	value, from, to := 0.25, 3, 7
	signal := &scale.Signal{Alert: "busy", Identity: "busy/1", Since: Noon, Direction: scale.Up, Value: &value}
	intent := scale.Intent{Pool: "worker", Signal: signal, Source: "alertmanager", Reason: "busy", Key: "k", At: Noon}
	op := queue.Operation{
		ID: "00000001", Intent: intent, State: queue.Deferred, AcceptedAt: Noon, StartedAt: Noon.Add(time.Second), NotBefore: Noon.Add(time.Minute),
		Decision: scale.Decision{Intent: intent, Outcome: scale.Scale, From: &from, Wanted: 9, To: to, Clamped: true, Reason: "so"},
		From:     &from, To: &to, Error: "it waits", Previous: "0", Failures: 2, Updates: []string{"u1", "u2"}, Update: "u2", GivenUp: true,
	}
	r.add(op)
	for range 2 {
		got, err := r.journal.Get(op.ID)
		if diff := gocmp.Diff(op, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		op = Done(op, Noon.Add(time.Hour))
		r.update(op)
		r.reopen()
	}
}

func testFirstOfAKey(t *testing.T, r *rig) {
	first := Accepted(1, "worker", "a")
	r.add(first)
	r.update(Done(first, Noon))
	stored := r.add(Accepted(2, "worker", "a"), Accepted(3, "api", "a"), Accepted(4, "worker", ""), Accepted(5, "worker", ""),
		Accepted(6, "worker", "b"), Accepted(7, "worker", "b"))
	if got := ids(stored); got != "1 3 4 5 6 6" {
		t.Errorf("stored %s", got)
	}
	if stored[0].State != queue.Done {
		t.Errorf("the first is %s", stored[0].State)
	}
	if got := r.opened(); got != "3 4 5 6" {
		t.Errorf("open are %s", got)
	}
	for range 2 {
		r.leadsTo("worker", "a", "1")
		r.leadsTo("api", "a", "3")
		r.leadsTo("api", "b", "")
		r.leadsTo("worker", "", "")
		r.reopen()
	}
}

func testDuplicates(t *testing.T, r *rig) {
	const senders, events = 8, 12
	got := make([][events]string, senders)
	var wait sync.WaitGroup
	for s := range senders {
		wait.Go(func() {
			for e := range events {
				stored, err := r.journal.Add([]queue.Operation{Accepted(s*events+e, "worker", fmt.Sprint("event ", e))})
				if err != nil {
					t.Error(err)
					return
				}
				got[s][e] = stored[0].ID
			}
		})
	}
	wait.Wait()
	for s := range senders {
		if got[s] != got[0] {
			t.Errorf("sender %d was given other operations than sender 0:\n%v\n%v", s, got[s], got[0])
		}
	}
	if ops, err := r.journal.Open(); len(ops) != events || err != nil {
		t.Errorf("%d are open, %v", len(ops), err)
	}
}

// Each sender has a key of its own and one that all share. Its own operation is added, whoever wins the other.
func testBatches(t *testing.T, r *rig) {
	const senders, rounds = 6, 5
	winners := make([][rounds]string, senders)
	var wait sync.WaitGroup
	for s := range senders {
		wait.Go(func() {
			for round := range rounds {
				n := 2 * (s*rounds + round)
				ops := []queue.Operation{Accepted(n, "worker", fmt.Sprint("own ", n)), Accepted(n+1, "api", fmt.Sprint("shared ", round))}
				stored, err := r.journal.Add(ops)
				if err != nil {
					t.Error(err)
					return
				}
				if stored[0].ID != ops[0].ID {
					t.Errorf("an operation of its own is %s and not %s", stored[0].ID, ops[0].ID)
				}
				winners[s][round] = stored[1].ID
			}
		})
	}
	wait.Wait()
	for s := range senders {
		if winners[s] != winners[0] {
			t.Errorf("sender %d was given others than sender 0:\n%v\n%v", s, winners[s], winners[0])
		}
	}
	r.reopen()
	if ops, err := r.journal.Open(); len(ops) != senders*rounds+rounds || err != nil {
		t.Errorf("%d are open, %v", len(ops), err)
	}
}

func testAttempts(t *testing.T, r *rig) {
	failed := func(op queue.Operation) queue.Operation {
		op = Done(op, Noon)
		op.Result = queue.FinalFailed
		return op
	}
	again := func(n int, previous string) queue.Operation {
		op := Accepted(n, "worker", "k")
		op.Previous, op.Failures = previous, 1
		return op
	}
	first := Accepted(5, "worker", "k")
	r.add(first)
	if got := ids(r.add(Accepted(6, "worker", "k"))); got != "5" {
		t.Errorf("a duplicate is given %s", got)
	}
	// Its id is smaller if the clock was set back.
	if got := ids(r.add(again(4, "00000005"), again(7, "00000005"))); got != "4 4" {
		t.Errorf("two that try again at once are given %s", got)
	}
	r.leadsTo("worker", "k", "4")
	r.update(failed(first)) // its end was late to be written
	r.leadsTo("worker", "k", "4")
	r.reopen()
	r.leadsTo("worker", "k", "4")
	if op, err := r.journal.Get("00000004"); err != nil || op.Previous != "00000005" || op.Failures != 1 {
		t.Errorf("it has forgotten what it tries again: %+v, %v", op, err)
	}
	if got := ids(r.add(again(8, "00000005"))); got != "4" {
		t.Errorf("one that tries again what has been tried again is given %s", got)
	}
	r.update(failed(again(4, "00000005")))
	if got := ids(r.add(again(9, "00000004"))); got != "9" {
		t.Errorf("a third attempt is given %s", got)
	}
	r.reopen()
	r.leadsTo("worker", "k", "9")
}

func testListedOnce(t *testing.T, r *rig) {
	first, second := Accepted(1, "worker", "a"), Accepted(2, "worker", "")
	r.add(first, second)
	for _, c := range []struct {
		name         string
		op           queue.Operation
		open, recent string
	}{
		{"begun", first, "1 2", ""},
		{"done", Done(first, Noon), "2", "1"},
		{"done at another time", Done(first, Noon.Add(time.Hour)), "2", "1"},
		{"open again", first, "1 2", ""},
		{"the other is done", Done(second, Noon), "1", "2"},
	} {
		r.update(c.op)
		r.reopen()
		if open, recent := r.opened(), r.recent("", 10); open != c.open || recent != c.recent {
			t.Errorf("%s: open are %q, recent %q", c.name, open, recent)
		}
		r.leadsTo("worker", "a", "1")
	}
}

func testUpdateAdds(t *testing.T, r *rig) {
	r.update(Accepted(1, "worker", "a"), Done(Accepted(2, "worker", "b"), Noon))
	if got := ids(r.add(Accepted(3, "worker", "a"), Accepted(4, "worker", "b"))); got != "1 2" {
		t.Errorf("their keys stand for %s", got)
	}
	r.reopen()
	if open, recent := r.opened(), r.recent("", 10); open != "1" || recent != "2" {
		t.Errorf("open are %q, recent %q", open, recent)
	}
}

func testLargeUpdate(t *testing.T, r *rig) {
	var ops []queue.Operation
	for i := range 200 {
		ops = append(ops, Accepted(i+1, "worker", ""))
	}
	r.add(ops...)
	for i, op := range ops {
		ops[i] = Done(op, Noon.Add(time.Duration(i)*time.Second))
	}
	r.update(ops...)
	recent, err := r.journal.Recent("", len(ops)+1)
	slices.Reverse(ops)
	if diff := gocmp.Diff(ops, recent); err != nil || diff != "" || r.opened() != "" {
		t.Errorf("open are %q, %v\n%s", r.opened(), err, diff)
	}
}

func testOpenOrder(t *testing.T, r *rig) {
	for _, n := range []int{3, 1, 20, 2} {
		r.add(Accepted(n, "worker", ""))
	}
	moved := Accepted(1, "worker", "")
	moved.State = queue.Running
	r.update(moved)
	for range 2 {
		if got := r.opened(); got != "1 2 3 20" {
			t.Errorf("open are %s", got)
		}
		r.reopen()
	}
}

func testRecent(t *testing.T, r *rig) {
	r.add(Done(Accepted(1, "worker", ""), Noon.Add(2*time.Second)), Done(Accepted(2, "api", ""), Noon.Add(time.Second)),
		Done(Accepted(3, "worker", ""), Noon), Accepted(4, "worker", ""))
	for range 2 {
		for _, c := range []struct {
			pool  string
			limit int
			want  string
		}{{"", 10, "1 2 3"}, {"", 2, "1 2"}, {"worker", 10, "1 3"}, {"api", 1, "2"}, {"other", 1, ""}, {"", 0, ""}} {
			if got := r.recent(c.pool, c.limit); got != c.want {
				t.Errorf("%d of %q are %q, want %q", c.limit, c.pool, got, c.want)
			}
		}
		r.reopen()
	}
}

func testPrune(t *testing.T, r *rig) {
	running := Accepted(9, "worker", "open")
	running.AcceptedAt = Noon.Add(-100 * time.Hour)
	r.add(Done(Accepted(1, "worker", "a"), Noon.Add(-queue.KeepDone)), Done(Accepted(2, "worker", "b"), Noon.Add(-queue.KeepDone-1)), running)
	if err := r.journal.Prune(Noon); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if open, recent := r.opened(), r.recent("", 10); open != "9" || recent != "1" {
			t.Errorf("open are %q, recent %q", open, recent)
		}
		r.leadsTo("worker", "a", "1")
		r.leadsTo("worker", "b", "")
		if _, err := r.journal.Get("00000002"); !scale.IsA[*queue.UnknownOperationError](err) {
			t.Errorf("the old one: %v", err)
		}
		r.reopen()
	}
	if got := ids(r.add(Accepted(3, "worker", "b"), Accepted(4, "worker", "a"))); got != "3 1" {
		t.Errorf("with the keys of one that is forgotten and one that is not: %s", got)
	}
}

// alertAt is what is heard at noon of an alert of the pool worker that began so long after noon.
func alertAt(name string, since time.Duration, cleared bool) scale.Heard {
	return scale.Heard{Pool: "worker", Alert: name, Since: Noon.Add(since), Cleared: cleared, At: Noon}
}

// ofAlert is an operation of an alert, which was accepted so many seconds after noon. Its firing began so long after
// noon.
func ofAlert(n int, alert string, since time.Duration, cleared bool) queue.Operation {
	op := Accepted(n, "worker", fmt.Sprint("key ", n))
	op.AcceptedAt = Noon.Add(time.Duration(n) * time.Second)
	op.Intent.Delta, op.Intent.Signal = nil, &scale.Signal{Identity: alert, Since: Noon.Add(since), Cleared: cleared}
	return op
}

// heardAfter is alertAt, heard so many seconds after noon.
func heardAfter(n int, alert string, since time.Duration, cleared bool) scale.Heard {
	h := alertAt(alert, since, cleared)
	h.At = Noon.Add(time.Duration(n) * time.Second)
	return h
}

func testHeard(t *testing.T, r *rig) {
	if _, ok, err := r.journal.Recall("worker", "a"); ok || err != nil {
		t.Errorf("something was heard: %v, %v", ok, err)
	}
	remember := func(heard ...scale.Heard) {
		t.Helper()
		if err := r.journal.Remember(heard); err != nil {
			t.Fatal(err)
		}
	}
	remember(alertAt("a", time.Minute, true), alertAt("b", 0, true))
	r.add(ofAlert(1, "c", 0, false))
	for range 2 {
		r.recalls(alertAt("a", time.Minute, true))
		r.recalls(alertAt("b", 0, true))
		r.recalls(heardAfter(1, "c", 0, false))
		if _, ok, _ := r.journal.Recall("web", "a"); ok {
			t.Error("it was heard of another pool")
		}
		r.reopen()
	}
	remember(alertAt("a", 0, true), heardAfter(2, "c", 0, true))
	for range 2 {
		r.recalls(alertAt("a", time.Minute, true))
		r.recalls(heardAfter(2, "c", 0, true))
		r.reopen()
	}
}

func testTold(_ *testing.T, r *rig) {
	r.add(ofAlert(1, "a", time.Minute, false), ofAlert(2, "a", 0, true), ofAlert(3, "a", time.Hour, false), ofAlert(4, "b", 0, false))
	// The end of the earlier firing came before the latest one, which goes on, whatever is read again from operations.
	want := []scale.Heard{heardAfter(3, "a", time.Hour, false), heardAfter(4, "b", 0, false)}
	for range 2 {
		for _, h := range want {
			r.recalls(h)
		}
		r.reopen()
	}
	r.update(Done(ofAlert(3, "a", time.Hour, false), Noon.Add(time.Hour)))
	r.add(ofAlert(5, "b", 0, true))
	for range 2 {
		r.recalls(want[0])
		r.recalls(heardAfter(5, "b", 0, true))
		r.reopen()
	}
}

func testToldAndForgotten(t *testing.T, r *rig) {
	op := ofAlert(1, "a", 0, true)
	op.Intent.Key = ""
	r.add(op)
	r.update(Done(op, Noon))
	if err := r.journal.Prune(Noon.Add(queue.KeepDone + time.Second/2)); err != nil { // the alert was heard of a second after noon
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.journal.Get(op.ID); err == nil {
			t.Error("the operation is kept")
		}
		r.recalls(heardAfter(1, "a", 0, true))
		r.reopen()
	}
}

func testHeardForgotten(t *testing.T, r *rig) {
	if err := r.journal.Remember([]scale.Heard{alertAt("a", 0, true), heardAfter(1, "b", 0, true)}); err != nil {
		t.Fatal(err)
	}
	if err := r.journal.Prune(Noon.Add(queue.KeepDone + 1)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, ok, err := r.journal.Recall("worker", "a"); ok || err != nil {
			t.Errorf("it is kept for longer than a day, %v", err)
		}
		r.recalls(heardAfter(1, "b", 0, true))
		r.reopen()
	}
}

// sample is what a look found, so long after noon.
func sample(metric string, after time.Duration, value float64) scale.Sample {
	return scale.Sample{Metric: metric, Value: value, At: Noon.Add(after)}
}

// values are those of a pool, as in "00:01 queue 3".
func (r *rig) values(pool string, since time.Time) string {
	r.t.Helper()
	samples, err := r.journal.Samples(pool, since)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, s := range samples {
		out = append(out, fmt.Sprintf("%s %s %v", s.At.Format("15:04"), s.Metric, s.Value))
	}
	return strings.Join(out, ", ")
}

func testSamples(t *testing.T, r *rig) {
	for _, s := range []scale.Sample{
		sample("queue", 0, 1), sample("queue", 59*time.Second, 2), sample("queue", 30*time.Second, 9), sample("busy", time.Minute, 0.5),
		sample("queue", 61*time.Minute, -3), {Metric: "queue", Problem: "gone", At: Noon.Add(2 * time.Minute)},
		sample("queue", 3*time.Minute, math.NaN()), sample("queue", 3*time.Minute, math.Inf(1)),
	} {
		r.journal.KeepSample("worker", s)
	}
	r.journal.KeepSample("work", sample("er", 0, 7))
	const want = "12:00 queue 2, 12:01 busy 0.5, 13:01 queue -3"
	for range 2 { // before it is written, and after
		if got := r.values("worker", Noon); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := r.values("worker", Noon.Add(time.Minute)); got != "12:01 busy 0.5, 13:01 queue -3" {
			t.Errorf("since a minute after noon: %s", got)
		}
		if got := r.values("work", Noon); got != "12:00 er 7" {
			t.Errorf("of a pool whose name begins the other's: %s", got)
		}
		if got := r.values("api", Noon); got != "" {
			t.Errorf("of another pool: %s", got)
		}
		r.reopen()
	}
	r.journal.KeepSample("worker", sample("queue", 59*time.Second, 5))
	r.reopen()
	if got := r.values("worker", Noon); got != strings.Replace(want, "queue 2", "queue 5", 1) {
		t.Errorf("a later value of a minute that is written: %s", got)
	}
}

func testOldSamples(t *testing.T, r *rig) {
	for _, after := range []time.Duration{-9 * 24 * time.Hour, -7 * 24 * time.Hour, 0, 1000 * time.Hour} {
		r.journal.KeepSample("worker", sample("queue", after, 1))
	}
	r.reopen()
	if err := r.journal.Prune(Noon); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := r.values("worker", time.Time{}.Add(time.Hour)); got != "12:00 queue 1, 12:00 queue 1" {
			t.Errorf("left are %s", got)
		}
		r.reopen()
	}
}

func testProbe(t *testing.T, r *rig) {
	r.add(Accepted(1, "worker", "a"))
	if err := r.journal.Probe(); err != nil {
		t.Error(err)
	}
	r.reopen()
	if open, recent := r.opened(), r.recent("", 10); open != "1" || recent != "" {
		t.Errorf("open are %q, recent %q", open, recent)
	}
}

func testError(t *testing.T, r *rig) {
	if r.place.Break == nil {
		t.Skip("its errors cannot be provoked")
	}
	r.add(Accepted(1, "worker", "a"))
	mend := r.place.Break(t)
	_, addErr := r.journal.Add([]queue.Operation{Accepted(2, "worker", "b"), Accepted(3, "worker", "")})
	updateErr := r.journal.Update([]queue.Operation{Done(Accepted(1, "worker", "a"), Noon)})
	rememberErr := r.journal.Remember([]scale.Heard{alertAt("a", 0, true)})
	for what, err := range map[string]error{"add": addErr, "update": updateErr, "remember": rememberErr, "probe": r.journal.Probe()} {
		if !scale.IsA[*queue.JournalError](err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	mend()
	r.until("it can be written again", func() bool { return r.journal.Probe() == nil })
	r.until("nothing counts of what failed", func() bool {
		_, second := r.journal.Get("00000002")
		_, third := r.journal.Get("00000003")
		return scale.IsA[*queue.UnknownOperationError](second) && scale.IsA[*queue.UnknownOperationError](third)
	})
	if got := ids(r.add(Accepted(4, "worker", "b"), Accepted(5, "worker", "a"))); got != "4 1" {
		t.Errorf("afterwards the keys stand for %s", got)
	}
	r.reopen()
	r.until("one is not there that failed", func() bool {
		ops, err := r.journal.Open()
		return err == nil && !slices.ContainsFunc(ops, func(op queue.Operation) bool { return op.ID == "00000002" || op.ID == "00000003" })
	})
	r.leadsTo("worker", "b", "4")
}

// until waits for something, and not for ever.
func (r *rig) until(what string, holds func() bool) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("in a minute it does not come to that: %s", what)
		}
	}
}

func testClose(t *testing.T, r *rig) {
	if err := errors.Join(r.journal.Close(), r.journal.Close()); err != nil {
		t.Fatal(err)
	}
	_, addErr := r.journal.Add([]queue.Operation{Accepted(1, "worker", "")})
	_, openErr := r.journal.Open()
	if err := cmp.Or(addErr, openErr); addErr == nil || openErr == nil || !scale.IsA[*queue.JournalError](err) {
		t.Errorf("after Close: %v, %v", addErr, openErr)
	}
	r.journal.KeepSample("worker", sample("queue", 0, 1))
	if got, err := r.journal.Samples("worker", Noon); err == nil {
		t.Errorf("after Close there are %v", got)
	}
}
