package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// open opens a journal that the test closes.
func open(t testing.TB, dir string) *Journal {
	t.Helper()
	j, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func reopen(t testing.TB, j *Journal, dir string) *Journal {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

// accepted is an operation with an id that sorts by n.
func accepted(n int, pool, key string) queue.Operation {
	intent := scale.Intent{Pool: pool, Delta: new(1), Source: "http", Key: key}
	return queue.Operation{
		ID: fmt.Sprintf("%08d", n), Intent: intent, State: queue.Accepted, AcceptedAt: noon,
		Decision: scale.Decision{Intent: intent, Outcome: scale.Scale, To: 4}, To: new(4),
	}
}

func done(op queue.Operation, at time.Time) queue.Operation {
	op.State, op.Result, op.EndedAt = queue.Done, queue.FinalScaled, at
	return op
}

func add(t testing.TB, j *Journal, ops ...queue.Operation) []queue.Operation {
	t.Helper()
	stored, err := j.Add(ops)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func ids(ops []queue.Operation) string {
	var out []string
	for _, op := range ops {
		out = append(out, strings.TrimLeft(op.ID, "0"))
	}
	return strings.Join(out, " ")
}

func openIDs(t testing.TB, j *Journal) string {
	t.Helper()
	ops, err := j.Open()
	if err != nil {
		t.Fatal(err)
	}
	return ids(ops)
}

func recentIDs(t testing.TB, j *Journal, pool string, limit int) string {
	t.Helper()
	ops, err := j.Recent(pool, limit)
	if err != nil {
		t.Fatal(err)
	}
	return ids(ops)
}

func TestOperationsOutliveTheJournal(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	first, second := accepted(1, "worker", "a"), accepted(2, "api", "")
	add(t, j, second)
	add(t, j, first)
	j = reopen(t, j, dir)
	got, err := j.Open()
	if diff := cmp.Diff([]queue.Operation{first, second}, got); err != nil || diff != "" {
		t.Errorf("open, oldest first: %v\n%s", err, diff)
	}

	if err := j.Update([]queue.Operation{done(first, noon)}); err != nil {
		t.Fatal(err)
	}
	j = reopen(t, j, dir)
	if got := openIDs(t, j); got != "2" {
		t.Errorf("open after one is done: %s", got)
	}
	op, err := j.Get(first.ID)
	if diff := cmp.Diff(done(first, noon), op); err != nil || diff != "" {
		t.Errorf("the done one: %v\n%s", err, diff)
	}
	var unknown *queue.UnknownOperationError
	if _, err := j.Get("3"); !errors.As(err, &unknown) {
		t.Errorf("one that never was: %v", err)
	}
}

func TestAddReturnsTheFirstOfAKey(t *testing.T) {
	j := open(t, t.TempDir())
	first := accepted(1, "worker", "a")
	add(t, j, first)
	if err := j.Update([]queue.Operation{done(first, noon)}); err != nil {
		t.Fatal(err)
	}
	stored := add(t, j, accepted(2, "worker", "a"), accepted(3, "api", "a"), accepted(4, "worker", ""), accepted(5, "worker", ""),
		accepted(6, "worker", "b"), accepted(7, "worker", "b"))
	if got := ids(stored); got != "1 3 4 5 6 6" {
		t.Errorf("stored %s", got)
	}
	if stored[0].State != queue.Done {
		t.Errorf("the first is %s", stored[0].State)
	}
	if got := openIDs(t, j); got != "3 4 5 6" {
		t.Errorf("open are %s", got)
	}
	for _, c := range []struct{ pool, key, want string }{{"worker", "a", "1"}, {"api", "a", "3"}, {"api", "b", ""}, {"worker", "", ""}} {
		op, ok, err := j.Find(c.pool, c.key)
		if err != nil || ok != (c.want != "") || ids([]queue.Operation{op}) != c.want {
			t.Errorf("key %q of %s is %q, %v, %v", c.key, c.pool, op.ID, ok, err)
		}
	}
}

func TestDuplicatesAtTheSameTimeAreAddedOnce(t *testing.T) {
	j := open(t, t.TempDir())
	const senders, events = 16, 25
	got := make([][events]string, senders)
	var wait sync.WaitGroup
	for s := range senders {
		wait.Go(func() {
			for e := range events {
				stored, err := j.Add([]queue.Operation{accepted(s*events+e, "worker", fmt.Sprint("event ", e))})
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
	if ops, err := j.Open(); len(ops) != events || err != nil {
		t.Errorf("%d are open, %v", len(ops), err)
	}
}

// What is accepted while a large batch is replaced waits for only a part of it.
func TestALargeUpdateIsWrittenInParts(t *testing.T) {
	j := open(t, t.TempDir())
	var ops []queue.Operation
	for i := range 2*updateLimit + 1 {
		ops = append(ops, accepted(i, "worker", ""))
	}
	add(t, j, ops...)
	before := lastTransaction(t, j)
	for i, op := range ops {
		ops[i] = done(op, noon)
	}
	if err := j.Update(ops); err != nil {
		t.Fatal(err)
	}
	if parts := lastTransaction(t, j) - before; parts != 3 {
		t.Errorf("it took %d transactions", parts)
	}
	recent, err := j.Recent("", len(ops)+1)
	if err != nil || len(recent) != len(ops) || openIDs(t, j) != "" {
		t.Errorf("%d of %d are done, open are %q, %v", len(recent), len(ops), openIDs(t, j), err)
	}
}

// lastTransaction is the number of the last one that changed something.
func lastTransaction(t *testing.T, j *Journal) (id int) {
	t.Helper()
	if err := j.view(func(tx *bolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAnOperationIsListedOnceWhateverBecomesOfIt(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	first, second := accepted(1, "worker", "a"), accepted(2, "worker", "")
	add(t, j, first, second)
	for _, c := range []struct {
		name         string
		op           queue.Operation
		open, recent string
	}{
		{"begun", first, "1 2", ""},
		{"done", done(first, noon), "2", "1"},
		{"done at another time", done(first, noon.Add(time.Hour)), "2", "1"},
		{"open again", first, "1 2", ""},
		{"the other is done", done(second, noon), "1", "2"},
	} {
		if err := j.Update([]queue.Operation{c.op}); err != nil {
			t.Fatal(err)
		}
		j = reopen(t, j, dir)
		recent, err := j.Recent("", 10)
		if err != nil || openIDs(t, j) != c.open || ids(recent) != c.recent {
			t.Errorf("%s: open are %q, recent %q, %v", c.name, openIDs(t, j), ids(recent), err)
		}
		if found, ok, err := j.Find("worker", "a"); !ok || err != nil || found.ID != first.ID {
			t.Errorf("%s: its key finds %q, %v", c.name, found.ID, err)
		}
	}
}

func TestRecent(t *testing.T) {
	j := open(t, t.TempDir())
	add(t, j, done(accepted(1, "worker", ""), noon.Add(2*time.Second)), done(accepted(2, "api", ""), noon.Add(time.Second)),
		done(accepted(3, "worker", ""), noon), accepted(4, "worker", ""))
	for _, c := range []struct {
		pool  string
		limit int
		want  string
	}{{"", 10, "1 2 3"}, {"", 2, "1 2"}, {"worker", 10, "1 3"}, {"api", 1, "2"}, {"other", 1, ""}, {"", 0, ""}} {
		if got := recentIDs(t, j, c.pool, c.limit); got != c.want {
			t.Errorf("%d of %q are %q, want %q", c.limit, c.pool, got, c.want)
		}
	}
}

func TestPrune(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	many := func(n int, key string, at time.Time) []queue.Operation {
		out := make([]queue.Operation, n)
		for i := range out {
			out[i] = done(accepted(1000+i, "worker", ""), at)
			if key != "" {
				out[i].Intent.Key = fmt.Sprint(key, i)
			}
		}
		return out
	}
	cases := []struct {
		name string
		ops  []queue.Operation
		// kept is how many are left, without the one that is open.
		kept int
	}{
		{"a day is kept", []queue.Operation{done(accepted(1, "worker", "a"), ago(24*time.Hour)), done(accepted(2, "worker", "b"), ago(24*time.Hour+1))}, 1},
		{"the newest are kept", many(keepMost+5, "", ago(time.Minute)), keepMost},
		{"a key is kept as long as a sender may retry", many(keepMost+5, "k", ago(time.Hour)), keepMost + 5},
		{"but not for ever", many(keepMost+5, "k", ago(KeepKeyed+1)), keepMost},
		{"and costs nobody the outcome that has just been told", append(many(keepMost+5, "k", ago(time.Hour)), done(accepted(1, "worker", ""), ago(time.Second))), keepMost + 6},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			j := open(t, t.TempDir())
			running := accepted(9, "worker", "open")
			running.AcceptedAt = ago(100 * time.Hour)
			add(t, j, append(c.ops, running)...)
			if err := j.Prune(noon); err != nil {
				t.Fatal(err)
			}
			left, err := j.Recent("", 1_000_000)
			if err != nil || len(left) != c.kept {
				t.Errorf("%d are kept and not %d, %v", len(left), c.kept, err)
			}
			if got := openIDs(t, j); got != "9" {
				t.Errorf("open are %q", got)
			}
			if _, ok, err := j.Find("worker", "b"); ok || err != nil {
				t.Errorf("the key of a forgotten operation is still there, %v", err)
			}
		})
	}
}

func TestOneProcessAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		j := open(t, dir)
		_, err := Open(context.Background(), dir)
		var setup *scale.SetupError
		if !errors.As(err, &setup) || !strings.Contains(setup.Problem, "another `pulumiscale serve`") || setup.Hint == "" {
			t.Errorf("a second one: %v", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := Open(ctx, dir); !errors.Is(err, context.Canceled) {
			t.Errorf("a second one that is called off: %v", err)
		}
		go func() {
			time.Sleep(lockTimeout / 2)
			_ = j.Close()
		}()
		open(t, dir)
	})
}

func TestClosed(t *testing.T) {
	j := open(t, t.TempDir())
	if err := errors.Join(j.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	_, addErr := j.Add([]queue.Operation{accepted(1, "worker", "")})
	_, openErr := j.Open()
	for _, err := range []error{addErr, openErr} {
		if _, ok := errors.AsType[*queue.JournalError](err); !ok {
			t.Errorf("after Close: %v", err)
		}
	}
}

// If the last wait for the disk fails, bbolt has written all of the transaction.
func TestWhatIsInDoubtIsNotThere(t *testing.T) {
	j := open(t, t.TempDir())
	op := accepted(1, "worker", "a")
	record, err := encode(op)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.db.Update(func(tx *bolt.Tx) error { return put(tx, op, record) }); err != nil {
		t.Fatal(err)
	}
	j.doubtful[op.ID] = true
	_, getErr := j.Get(op.ID)
	_, found, findErr := j.Find("worker", "a")
	if getErr == nil || found || findErr != nil || openIDs(t, j) != "" {
		t.Errorf("it is there: %v, %v, %v", getErr, found, findErr)
	}
	if got := ids(add(t, j, accepted(2, "worker", "a"))); got != "2" {
		t.Errorf("its key stands for %s", got)
	}
	if got := openIDs(t, j); got != "2" || len(j.doubtful) > 0 {
		t.Errorf("open are %s, in doubt %v", got, j.doubtful)
	}
}

func TestTheFileIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	dir := filepath.Join(t.TempDir(), "state")
	open(t, dir)
	for _, name := range []string{fileName, lockName} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestAStateDirectoryThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var setup *scale.SetupError
	if _, err := Open(context.Background(), file); !errors.As(err, &setup) || setup.Hint == "" {
		t.Error(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, fileName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), dir); !errors.As(err, &setup) {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*damaged*")); len(left) > 0 {
		t.Error("what is no damage was moved aside")
	}
}

func TestInUseSaysWhetherSomebodyHasTheJournalOpen(t *testing.T) {
	dir := t.TempDir()
	check := func(want bool) {
		t.Helper()
		if got, err := InUse(dir); got != want || err != nil {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
	}
	check(false)
	if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
		t.Errorf("it made %v, %v", made, err)
	}
	j, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	check(true)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	check(false)
}

func TestTheJournalOfAVersionBeforeIsTakenOver(t *testing.T) {
	former, dir := t.TempDir(), filepath.Join(t.TempDir(), "stack")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	old := open(t, former)
	waiting := accepted(1, "worker", "key")
	add(t, old, waiting)
	// As long as a server of that version has it open, it belongs to that server.
	if err := Adopt(context.Background(), dir, former); !errors.As(err, new(*scale.SetupError)) {
		t.Errorf("taken from a server that runs: %v", err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is taken over is not looked for again
		if err := Adopt(context.Background(), dir, former); err != nil {
			t.Fatal(err)
		}
	}
	j := open(t, dir)
	if got, err := j.Open(); err != nil || len(got) != 1 || got[0].ID != waiting.ID {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(former, fileName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there twice: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	// If there is a journal already, the former one is not touched.
	open(t, former)
	if err := Adopt(context.Background(), dir, former); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(former, fileName)); err != nil {
		t.Errorf("it is gone: %v", err)
	}
	if err := Adopt(context.Background(), dir, ""); err != nil {
		t.Error(err)
	}
}
