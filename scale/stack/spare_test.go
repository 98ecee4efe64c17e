//go:build !windows

package stack

import (
	"context"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// The file is on disk before the update has ended, and is used if it is still the right one.
func TestWriteAfterAnUpdate(t *testing.T) {
	const doc = "config:\n  demo:count: 3 # n\n"
	for _, c := range []struct {
		name, meanwhile string
		write           []scale.Setting
		want            string
		spare           bool
	}{
		{"of the same settings", doc, set("count", "5"), "config:\n  demo:count: 5 # n\n", true},
		{"of others", doc, set("count", "6"), "config:\n  demo:count: 6 # n\n", false},
		{"of a file that was edited meanwhile", doc + "  demo:b: 1\n", set("count", "5"), "config:\n  demo:count: 5 # n\n  demo:b: 1\n", false},
		{"of a file that has the count already", "config:\n  demo:count: 5\n", set("count", "5"), "config:\n  demo:count: 5\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			save := func(text string) {
				if err := os.WriteFile(e.file.path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			save(doc)
			e.put("events", string(eventLog(t, "scale")))
			unlock, err := e.Lock(context.Background(), scale.Unobserved)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Update(context.Background(), aChange(), scale.Unobserved); err != nil {
				t.Fatal(err)
			}
			made := e.spare.Load()
			<-made.done
			save(c.meanwhile)
			ready, err := os.Stat(made.path)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Write(c.write); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, content(t, e.file.path)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if now, err := os.Stat(e.file.path); err != nil || os.SameFile(ready, now) != c.spare {
				t.Errorf("the file that was made is taken: %v, error %v", os.SameFile(ready, now), err)
			}
			if left := e.folders(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if _, err := e.Update(context.Background(), aChange(), scale.Unobserved); err != nil {
				t.Fatal(err)
			}
			unlock()
			if left := e.folders(); len(left) > 0 {
				t.Errorf("left behind by an update without a write: %v", left)
			}
		})
	}
}
