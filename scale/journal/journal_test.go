package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

// accepted is an operation of the pool worker with an id that sorts by n.
func accepted(n int, key string) queue.Operation {
	intent := scale.Intent{Pool: "worker", Delta: new(1), Source: "http", Key: key}
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

// What is accepted while a large batch is replaced waits for only a part of it.
func TestALargeUpdateIsWrittenInParts(t *testing.T) {
	j := open(t, t.TempDir())
	var ops []queue.Operation
	for i := range 2*updateLimit + 1 {
		ops = append(ops, accepted(i, ""))
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

func TestPrune(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	many := func(n int, key string, at time.Time) []queue.Operation {
		out := make([]queue.Operation, n)
		for i := range out {
			out[i] = done(accepted(1000+i, ""), at)
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
		{"the newest are kept", many(keepMost+5, "", ago(time.Minute)), keepMost},
		{"a key is kept as long as a sender may retry", many(keepMost+5, "k", ago(time.Hour)), keepMost + 5},
		{"but not for ever", many(keepMost+5, "k", ago(KeepKeyed+1)), keepMost},
		{"and costs nobody the outcome that has just been told", append(many(keepMost+5, "k", ago(time.Hour)), done(accepted(1, ""), ago(time.Second))), keepMost + 6},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			j := open(t, t.TempDir())
			running := accepted(9, "open")
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

// If the last wait for the disk fails, bbolt has written all of the transaction.
func TestWhatIsInDoubtIsNotThere(t *testing.T) {
	j := open(t, t.TempDir())
	op := accepted(1, "a")
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
	if got := ids(add(t, j, accepted(2, "a"))); got != "2" {
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
	waiting := accepted(1, "key")
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
