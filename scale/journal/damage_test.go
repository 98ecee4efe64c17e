package journal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/queue"
)

func TestADamagedFileIsMovedAside(t *testing.T) {
	const count = 300
	cases := []struct {
		name   string
		damage func([]byte) []byte
		// saved is the least number of operations that must be saved.
		saved int
	}{
		{"something else", func([]byte) []byte { return bytes.Repeat([]byte("something else\n"), 2000) }, 0},
		{"something short", func([]byte) []byte { return []byte("something") }, 0},
		{"both heads gone", func(b []byte) []byte { clear(b[:2*os.Getpagesize()]); return b }, 0},
		{"cut in half", func(b []byte) []byte { return b[:len(b)/2] }, 0},
		{"one changed byte in a record", func(b []byte) []byte {
			at := bytes.Index(b, []byte(`"id":"00000150"`))
			b[at+7]++
			return b
		}, count - 1},
		{"zeros in the middle", func(b []byte) []byte {
			clear(b[len(b)/2 : len(b)/2+os.Getpagesize()])
			return b
		}, 0},
		{"noise in the middle", func(b []byte) []byte {
			at := b[len(b)/2 : len(b)/2+os.Getpagesize()]
			for i := range at {
				at[i] = byte(i*7 + 255)
			}
			return b
		}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			j := open(t, dir)
			var ops []queue.Operation
			for i := range count {
				ops = append(ops, accepted(i, fmt.Sprint(i)))
			}
			add(t, j, ops...)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			sound, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			broken := c.damage(bytes.Clone(sound))
			if err := os.WriteFile(path, broken, 0o600); err != nil {
				t.Fatal(err)
			}

			j = open(t, dir)
			damage := j.Damage()
			if damage == nil {
				t.Fatal("nothing is said of the damage")
			}
			if aside, err := os.ReadFile(damage.Aside); err != nil || !bytes.Equal(aside, broken) {
				t.Errorf("%s is not the damaged file, %v", damage.Aside, err)
			}
			kept, err := j.Open()
			if err != nil || len(kept) != damage.Saved || damage.Saved < c.saved || damage.Saved >= count {
				t.Errorf("%d are there, and %d of at least %d are said to be saved, %v", len(kept), damage.Saved, c.saved, err)
			}
			add(t, j, accepted(1000, "new"))
			if j = reopen(t, j, dir); j.Damage() != nil {
				t.Errorf("still damaged: %v", j.Damage())
			}
			if op, _, _ := j.Find("worker", "new"); op.ID != "00001000" {
				t.Error("what was added afterwards is gone")
			}
		})
	}
}

func TestASoundFileIsNotDamaged(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	for i := range 50 {
		add(t, j, accepted(i, fmt.Sprint(i)))
		if err := j.Update([]queue.Operation{done(accepted(i, fmt.Sprint(i)), noon.Add(time.Duration(i)))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Prune(noon.Add(25 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if j = reopen(t, j, dir); j.Damage() != nil {
		t.Error(j.Damage())
	}
}

func TestOpenGivesFreeSpaceBack(t *testing.T) {
	dir := t.TempDir()
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, fileName))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	j := open(t, dir)
	var ops []queue.Operation
	for i := range 5000 {
		ops = append(ops, done(accepted(i, fmt.Sprint(i)), noon))
	}
	add(t, j, ops...)
	add(t, j, accepted(9000, "kept"))
	if err := j.Prune(noon.Add(25 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	full := size()
	j = reopen(t, j, dir)
	if now := size(); now > full/10 {
		t.Errorf("the file has %d bytes of %d", now, full)
	}
	if got := openIDs(t, j); got != "9000" {
		t.Errorf("open are %q", got)
	}
	if got := recentIDs(t, j, "", 10); got != "" {
		t.Errorf("done are %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*compact*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAnInterruptedCompactionIsForgotten(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName+".compact"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
