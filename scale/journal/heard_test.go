package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// alertAt is what is heard at noon of an alert of the pool worker that began so long after noon.
func alertAt(name string, since time.Duration, cleared bool) scale.Heard {
	return scale.Heard{Pool: "worker", Alert: name, Since: noon.Add(since), Cleared: cleared, At: noon}
}

func recalls(t *testing.T, j *Journal, want scale.Heard) {
	t.Helper()
	got, ok, err := j.Recall(want.Pool, want.Alert)
	if diff := cmp.Diff(want, got); !ok || err != nil || diff != "" {
		t.Errorf("of %s: %v, %v\n%s", want.Alert, ok, err, diff)
	}
}

func TestWhatIsNoNewsIsNotWritten(t *testing.T) {
	j := open(t, t.TempDir())
	if err := j.Remember([]scale.Heard{alertAt("a", time.Minute, true), alertAt("c", 0, true)}); err != nil {
		t.Fatal(err)
	}
	before := transactions(t, j)
	if err := j.Remember([]scale.Heard{alertAt("a", 0, true), alertAt("c", 0, true)}); err != nil || transactions(t, j) != before {
		t.Errorf("no news is written down, %v", err)
	}
}

// ofAlert is an operation of an alert, which was accepted so many seconds after noon. Its firing began so long after
// noon.
func ofAlert(n int, alert string, since time.Duration, cleared bool) queue.Operation {
	op := accepted(n, fmt.Sprint("key ", n))
	op.AcceptedAt = noon.Add(time.Duration(n) * time.Second)
	op.Intent.Delta, op.Intent.Signal = nil, &scale.Signal{Identity: alert, Since: noon.Add(since), Cleared: cleared}
	return op
}

// heardAfter is alertAt, heard so many seconds after noon.
func heardAfter(n int, alert string, since time.Duration, cleared bool) scale.Heard {
	h := alertAt(alert, since, cleared)
	h.At = noon.Add(time.Duration(n) * time.Second)
	return h
}

func written(t *testing.T, j *Journal) (n int) {
	t.Helper()
	err := j.view(func(tx *bolt.Tx) error {
		all, err := allHeard(tx)
		n = len(all)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatOperationsTellOfAlertsIsWrittenDownLater(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	add(t, j, ofAlert(1, "a", time.Minute, false), ofAlert(2, "a", 0, true), ofAlert(3, "a", time.Hour, false), ofAlert(4, "b", 0, false))
	// The end of the earlier firing came before the latest one, which goes on, whatever is read again from operations.
	want := []scale.Heard{heardAfter(3, "a", time.Hour, false), heardAfter(4, "b", 0, false)}
	check := func(inBucket int) {
		t.Helper()
		for _, h := range want {
			recalls(t, j, h)
		}
		if got := written(t, j); got != inBucket {
			t.Errorf("%d alerts are in the bucket, and not %d", got, inBucket)
		}
	}
	check(0)
	j = reopen(t, j, dir)
	check(0)
	if err := j.Prune(noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	check(2)
	j = reopen(t, j, dir)
	check(2)
	add(t, j, ofAlert(5, "b", 0, true))
	want[1] = heardAfter(5, "b", 0, true)
	check(2)
	j = reopen(t, j, dir)
	check(2)
}

func TestManyAlertsAreWrittenDownTogether(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	for n := range mostUnwritten {
		j.unwritten[string(heardKey("worker", fmt.Sprint(n)))] = heardAfter(n, fmt.Sprint(n), 0, false)
	}
	const last = mostUnwritten
	for n := range (mostUnwritten-1)/writtenAtOnce + 2 { // one more than is needed
		add(t, j, ofAlert(last+n, "last", time.Duration(n), false))
		all := min((n+1)*writtenAtOnce, mostUnwritten)
		if got := written(t, j); got != all || len(j.unwritten) != mostUnwritten-all+1 {
			t.Fatalf("after %d transactions, %d are written down and %d are not", n+1, got, len(j.unwritten))
		}
		recalls(t, j, heardAfter(7, "7", 0, false))
		recalls(t, j, heardAfter(last+n, "last", time.Duration(n), false))
	}
}

// What ends without an operation is on disk at once, even if older news is written down in the same transaction.
func TestAnEndIsOnDiskWhateverElseIsWrittenDown(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	add(t, j, ofAlert(1, "a", 0, false))
	end := heardAfter(2, "a", 0, true)
	failures := make(chan error, 2)
	j.writeGroup([]*write{
		{apply: func(tx *bolt.Tx) error {
			now, _, err := j.hear(tx, end)
			return errors.Join(err, writeHeard(tx, now))
		}, err: failures},
		{apply: func(tx *bolt.Tx) error { return j.writeDown(tx, []string{string(heardKey("worker", "a"))}) }, err: failures},
	})
	if err := errors.Join(<-failures, <-failures); err != nil {
		t.Fatal(err)
	}
	recalls(t, j, end)
	recalls(t, reopen(t, j, dir), end)
}

func TestWhatATransactionHeardIsForgottenIfItFails(t *testing.T) {
	j := open(t, t.TempDir())
	full := errors.New("the disk is full")
	err := j.commit(func(tx *bolt.Tx) error {
		_, _, err := j.hear(tx, alertAt("a", 0, true))
		return errors.Join(err, full)
	})
	if !errors.Is(err, full) {
		t.Fatal(err)
	}
	if _, ok, err := j.Recall("worker", "a"); ok || err != nil {
		t.Errorf("it is known: %v, %v", ok, err)
	}
}

func TestPruneForgetsWhatWasHeard(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	var heard []scale.Heard
	for i := range 6 {
		h := alertAt(string(rune('f'-i)), 0, true)
		h.At = noon.Add(time.Duration(i) * time.Second)
		heard = append(heard, h)
	}
	if err := j.Remember(heard); err != nil {
		t.Fatal(err)
	}
	err := j.view(func(tx *bolt.Tx) error {
		old, err := outdatedHeard(tx, noon, 4)
		if want := [][]byte{[]byte("worker\x00e"), []byte("worker\x00f")}; !cmp.Equal(want, old) {
			t.Errorf("of six, four of which are kept, %q are forgotten", old)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	last := heard[len(heard)-1]
	if err := j.Prune(last.At.Add(keepFor)); err != nil {
		t.Fatal(err)
	}
	recalls(t, j, last)
	if err := j.Prune(last.At.Add(keepFor + 1)); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := j.Recall(last.Pool, last.Alert); ok {
		t.Error("it is kept for longer than a day")
	}
}

func TestWhatWasHeardIsSavedFromADamagedFile(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	add(t, j, accepted(1, "1"), accepted(2, "2"))
	if err := j.Remember([]scale.Heard{alertAt("a", 0, true)}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	damageRecord(t, filepath.Join(dir, fileName), `"id":"00000002"`)
	j = open(t, dir)
	if d := j.Damage(); d == nil || d.Saved != 1 {
		t.Fatalf("the damage is %v", d)
	}
	recalls(t, j, alertAt("a", 0, true))
}

func TestWhatWasHeardIsChecked(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	add(t, j, accepted(1, "1"))
	if err := j.Remember([]scale.Heard{alertAt("a", 0, true)}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	damageRecord(t, filepath.Join(dir, fileName), `{"since":"2026`)
	j = open(t, dir)
	if d := j.Damage(); d == nil || d.Saved != 1 {
		t.Fatalf("the damage is %v", d)
	}
	if _, ok, err := j.Recall("worker", "a"); ok || err != nil {
		t.Errorf("a damaged record is believed: %v", err)
	}
}

// damageRecord changes the byte before the last one of a text, wherever the text stands.
func damageRecord(t *testing.T, path, text string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for at := 0; at+len(text) <= len(content); at++ {
		if string(content[at:at+len(text)]) == text {
			content[at+len(text)-2]++
			found = true
		}
	}
	if !found {
		t.Fatalf("%q is not in the file", text)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// An attempt whose disk has failed is not there, and its key leads to what it tried again.
func TestAKeyIsGivenBackByWhatIsInDoubt(t *testing.T) {
	j := open(t, t.TempDir())
	again := accepted(4, "k")
	again.Previous = "00000005"
	add(t, j, accepted(5, "k"))
	add(t, j, again)
	j.doubtful["00000004"] = true
	add(t, j, accepted(9, "other"))
	if op, ok, err := j.Find("worker", "k"); !ok || err != nil || op.ID != "00000005" {
		t.Errorf("the key leads to %q, %v", op.ID, err)
	}
}
