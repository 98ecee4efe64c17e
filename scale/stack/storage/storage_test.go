package storage

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"gocloud.dev/blob/fileblob"
)

// inFolder is a storage in a bucket that is a folder, with objects by their keys, in their order.
func inFolder(t *testing.T, keys ...string) *Storage {
	t.Helper()
	b, err := fileblob.OpenBucket(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	for _, key := range keys {
		if err := b.WriteAll(context.Background(), key, []byte(filepath.Base(key)), nil); err != nil {
			t.Fatal(err)
		}
	}
	return &Storage{store: bucket{b}, state: ".pulumi/stacks/p/dev.json", history: ".pulumi/history/p/dev/dev-"}
}

// update is the key of an update that was added so long ago.
func update(ago time.Duration) string {
	return fmt.Sprintf(".pulumi/history/p/dev/dev-%d.history.json", time.Now().Add(-ago).UnixNano())
}

func TestLook(t *testing.T) {
	first, second, third := update(time.Hour), update(time.Minute), update(time.Second)
	checkpoint := ".pulumi/history/p/dev/dev-9999999999999999999.checkpoint.json"
	s := inFolder(t, first, second, third, checkpoint, ".pulumi/stacks/p/dev.json", ".pulumi/stacks/p/dev.json.bak", ".pulumi/stacks/p/dev.jsonx")
	for name, c := range map[string]struct {
		known string
		since int
	}{
		"nothing is known":           {"", 1},
		"the newest is known":        {third, 0},
		"the one before":             {second, 1},
		"one that was long ago":      {first, 2},
		"one that has been removed":  {update(30 * time.Minute), 2},
		"one of before the first":    {update(2 * time.Hour), 3},
		"one whose name has no time": {".pulumi/history/p/dev/dev-.history.json", 3},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Look(context.Background(), c.known)
			if err != nil || got.Newest != third || got.Since != c.since || got.State == "" || got.WrittenAt.IsZero() || got.AddedAt.IsZero() != (c.since == 0) {
				t.Errorf("%+v, error %v", got, err)
			}
		})
	}
}

// A stack that is renamed loses its history piece by piece. What was known to be the newest update is not the newest one
// any more, and comes back with the name.
func TestTheNewestKnownUpdateHasGone(t *testing.T) {
	first, second, gone := update(time.Hour), update(time.Minute), update(time.Second)
	s := inFolder(t, first, second, ".pulumi/stacks/p/dev.json")
	got, err := s.Look(context.Background(), gone)
	if err != nil || got.Newest != second || got.AddedAt.IsZero() || got.Since != 0 {
		t.Errorf("%+v, error %v", got, err)
	}
	none := inFolder(t, ".pulumi/stacks/p/dev.json")
	if got, err := none.Look(context.Background(), gone); err != nil || got.Newest != "" || got.Since != 0 {
		t.Errorf("%+v, error %v", got, err)
	}
}

func TestAStateThatCannotBeTold(t *testing.T) {
	for name, keys := range map[string][]string{
		"none": {update(time.Hour)}, "two": {".pulumi/stacks/p/dev.json", ".pulumi/stacks/p/dev.json.gz"},
	} {
		t.Run(name, func(t *testing.T) {
			if look, err := inFolder(t, keys...).Look(context.Background(), ""); err == nil {
				t.Errorf("got %+v", look)
			}
		})
	}
}

// The newest come first, however far back they are, and it is known whether there are others.
func TestNewest(t *testing.T) {
	names := []string{update(30 * 24 * time.Hour), update(25 * time.Hour), update(5 * time.Hour), update(time.Minute)}
	s := inFolder(t, names...)
	for n, complete := range map[int]bool{1: false, 2: false, 3: false, 4: true, 9: true, 0: true} {
		got, all, err := s.Newest(context.Background(), n)
		if err != nil || all != complete && n != 4 {
			t.Errorf("%d: complete %v, error %v", n, all, err)
		}
		var want []string
		for i := len(names) - 1; i >= 0 && (n == 0 || len(want) < n); i-- {
			want = append(want, filepath.Base(names[i]))
		}
		var found []string
		for _, text := range got {
			found = append(found, string(text))
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("%d: -want +got:\n%s", n, diff)
		}
	}
}

func TestAddedAt(t *testing.T) {
	if at, ok := AddedAt(".pulumi/history/p/a-b/a-b-1795947124304459045.history.json.gz"); !ok || at.UnixNano() != 1795947124304459045 {
		t.Errorf("%v, %v", at, ok)
	}
	if at, ok := AddedAt("dev-now.history.json"); ok {
		t.Errorf("%v", at)
	}
}

func TestCompressed(t *testing.T) {
	var zipped, squeezed bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("{}"))
	_ = z.Close()
	e, err := zstd.NewWriter(&squeezed)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = e.Write([]byte("{}"))
	_ = e.Close()
	for name, text := range map[string][]byte{"plain": []byte("{}"), "gzip": zipped.Bytes(), "zstd": squeezed.Bytes()} {
		if got, err := decompressed(text); err != nil || string(got) != "{}" {
			t.Errorf("%s: %q, error %v", name, got, err)
		}
	}
	if got, err := decompressed([]byte{0x1f, 0x8b, 0}); err == nil {
		t.Errorf("%q", got)
	}
}

func TestWhichStorageIsLookedAt(t *testing.T) {
	for _, address := range []string{"file:///b", "https://api.pulumi.com", "gs://b", "", "s3:// \x7f"} {
		if _, err := Open(context.Background(), address, "p", "dev"); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: error %v", address, err)
		}
	}
	s, err := Open(context.Background(), "postgres://u:p@127.0.0.1:1/state?sslmode=disable", "p", "dev")
	if err != nil {
		t.Fatal(err)
	}
	if s.state != "state/.pulumi/stacks/p/dev.json" || s.history != "state/.pulumi/history/p/dev/dev-" {
		t.Errorf("%s, %s", s.state, s.history)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheSchemeOfAnS3Server(t *testing.T) {
	for query, want := range map[string]string{
		"endpoint=minio:9000":                         "endpoint=https%3A%2F%2Fminio%3A9000",
		"endpoint=minio:9000&disableSSL=true":         "endpoint=http%3A%2F%2Fminio%3A9000",
		"endpoint=http://minio:9000&disableSSL=false": "endpoint=http%3A%2F%2Fminio%3A9000",
		"region=us-east-1":                            "region=us-east-1",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := withScheme(values).Encode(); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

func TestQuoted(t *testing.T) {
	for name, want := range map[string]string{
		"pulumi_state": `"pulumi_state"`, "ops.State": `"ops"."state"`, `a"; DROP TABLE b; --`: `"a""; drop table b; --"`,
	} {
		if got := quoted(name); got != want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
