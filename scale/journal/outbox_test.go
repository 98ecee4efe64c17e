package journal

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// inOutbox is what the outbox has under a prefix.
func inOutbox(t *testing.T, j *Journal, prefix string) map[string]string {
	t.Helper()
	got := map[string]string{}
	if err := j.Outbox(prefix, func(key string, record []byte) { got[key] = string(record) }); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTheOutboxOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := inOutbox(t, j, ""); len(got) > 0 {
		t.Errorf("a new journal has %v", got)
	}
	put := func(records map[string][]byte) {
		t.Helper()
		if err := j.PutOutbox(records); err != nil {
			t.Fatal(err)
		}
	}
	put(map[string][]byte{"a/1": []byte("one"), "a/2": []byte("two"), "b/1": []byte("other"), "a/3": {}})
	put(map[string][]byte{"a/1": nil, "never": nil})
	want := map[string]string{"a/2": "two", "a/3": ""}
	if diff := cmp.Diff(want, inOutbox(t, j, "a/")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, err = Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if diff := cmp.Diff(want, inOutbox(t, j, "a/")); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}

func TestTheOutboxTakesNoRecordThatIsTooLarge(t *testing.T) {
	j, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	for name, records := range map[string]map[string][]byte{
		"no key":         {"": []byte("x")},
		"a long key":     {strings.Repeat("k", longestOutboxKey+1): []byte("x")},
		"a large record": {"k": make([]byte, largestOutboxRecord+1)},
	} {
		records = maps.Clone(records)
		records["fine"] = []byte("x")
		if err := j.PutOutbox(records); !scale.IsA[*queue.JournalError](err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := inOutbox(t, j, ""); len(got) > 0 {
		t.Errorf("all or none, and there is %v", got)
	}
}

// A record that cannot be read is passed over, and what can be read is saved from a damaged file.
func TestADamagedOutboxIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	j, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.PutOutbox(map[string][]byte{"good": []byte("x"), "bad": []byte("y")}); err != nil {
		t.Fatal(err)
	}
	change := func(do func(*bolt.Tx) error) {
		t.Helper()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		db, err := openBolt(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(do); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if j, err = Open(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	change(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(bucketOutbox)).Put([]byte("bad"), []byte{1, 2, 3, 4, 5, 6})
	})
	if got := inOutbox(t, j, ""); len(got) != 1 || got["good"] != "x" || j.Damage() != nil {
		t.Errorf("got %v, damage %v", got, j.Damage())
	}
	change(func(tx *bolt.Tx) error { return tx.Bucket([]byte(bucketOpen)).Put([]byte("nobody"), nil) })
	defer func() { _ = j.Close() }()
	if got := inOutbox(t, j, ""); len(got) != 1 || j.Damage() == nil {
		t.Errorf("from a damaged file: %v, damage %v", got, j.Damage())
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
