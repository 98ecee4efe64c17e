//go:build !windows

package stack

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

const (
	loggedPool = "urn:pulumi:dev::worker-pool::localcloud:index:Pool::worker-pool"
	// loggedRules are the rules before the update of the event log "scale", except for the count.
	loggedRules = `{"worker-pool":{"configKey":"workerCount","cooldown":"0s","current":%d,"max":50,"min":1,"strategy":{"down":1,"type":"step","up":2},"urn":"` + loggedPool + `"}}`
)

func loggedExport(count int) string {
	return strings.Replace(exportOf(fmt.Sprintf(loggedRules, count)), `{"resource":{"urn":"urn:pending"},"type":"creating"}`, "", 1)
}

// ownPast is an update of ours in the history.
func ownPast(count int, id, after string) string {
	return past("update", succeeded, 0, fmt.Sprintf(`{"demo:workerCount":{"value":"%d","secret":false}}`, count), id+" after="+after+" pools=worker-pool")
}

// somebodys is an update of somebody else's.
var somebodys = past("update", succeeded, time.Hour, `{"demo:workerCount":{"value":"2","secret":false}}`, "")

// scaling is a stack in a folder that is about to be scaled from 3 to 5, by the event log "scale".
func scaling(t *testing.T) (engine, folder, scale.Change) {
	t.Helper()
	f := inFolder(t)
	e := newEngine(t)
	e.put("export.json", loggedExport(3))
	e.put("history1.json", history(ownPast(3, "pulumiscale/3", ""), somebodys))
	e.put("events", string(eventLog(t, "scale")))
	e.put("writes", f.writes("dev-$(date +%s%N)"))
	snap, err := e.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return e, f, scale.Change{
		ID: "pulumiscale/5", Head: snap.Head, Output: snap.Output, History: snap.Stamp.History, Pools: []string{"worker-pool"}, Targets: []string{loggedPool},
		Settings: set("workerCount", "5"), Message: "pulumiscale: worker-pool 3 -> 5",
	}
}

// writes are the commands by which an update with such a name in the history writes what the CLI's does, in that order.
// It waits until the lock was seen.
func (f folder) writes(name string) string {
	return "sleep 0.1; cd '" + f.dir + "/.pulumi'; echo '{ }' >new; mv new stacks/demo/dev.json; sleep 0.02; name=history/demo/dev/" + name + `.history.json; echo {} >$name.attrs; echo {} >$name; cd "$OLDPWD"` + "\n"
}

func TestReadKnowsWhatAnUpdateOfOursLeft(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(e engine, f folder, change *scale.Change)
		// known says that the stack is not read again. expected says that it is known at least well enough to start an
		// engine.
		known, expected bool
	}{
		{"and nobody else has written", func(engine, folder, *scale.Change) {}, true, true},
		{"in resources that came or went", func(e engine, _ folder, _ *scale.Change) {
			e.put("events", strings.ReplaceAll(string(eventLog(t, "scale")), `"op":"update"`, `"op":"create"`))
		}, false, true},
		{"of a pool that is a pattern", func(e engine, _ folder, _ *scale.Change) {
			before, after, _ := strings.Cut(string(eventLog(t, "scale")), `"current":5`)
			e.put("events", before+`"current":5`+strings.ReplaceAll(after, `"urn":"`+loggedPool+`"}}}`, `"urn":"**::worker-pool"}}}`))
		}, false, true},
		{"in what was refreshed", func(_ engine, _ folder, c *scale.Change) { c.Refresh = true }, false, true},
		{"and another update has ended since", func(e engine, f folder, _ *scale.Change) {
			e.put("writes", f.writes("dev-$(date +%s%N)")+f.writes("dev-$(date +%s%N)"))
		}, false, false},
		{"and somebody has written the state since", func(e engine, f folder, _ *scale.Change) {
			e.put("writes", f.writes("dev-$(date +%s%N)")+"sleep 0.02; echo '{  }' >'"+f.dir+"/.pulumi/stacks/demo/dev.json'\n")
		}, false, false},
		{"and somebody had written the state before", func(_ engine, f folder, _ *scale.Change) { f.put("stacks/demo/dev.json", "{}") }, false, false},
		{"and the history does not tell", func(e engine, _ folder, _ *scale.Change) { e.put("writes", "") }, false, false},
		{"and the time in the history is not told", func(e engine, f folder, _ *scale.Change) { e.put("writes", f.writes("dev-x")) }, false, false},
		{"which was decided on something else", func(_ engine, _ folder, c *scale.Change) { c.Head = "h" }, false, false},
		{"with other pools now", func(e engine, _ folder, _ *scale.Change) {
			log := string(eventLog(t, "scale"))
			at := strings.LastIndex(log, `"configKey":"workerCount"`) // in what the program has told last
			e.put("events", log[:at]+strings.Replace(log[at:], "workerCount", "another", 1))
		}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, f, change := scaling(t)
			c.edit(e, f, &change)
			if _, err := e.Update(context.Background(), change, scale.Unobserved); err != nil {
				t.Fatal(err)
			}
			expected, certain := e.Expected()
			if is := expected != nil; is != c.expected || certain != c.known {
				t.Errorf("expected: %v, for certain: %v", is, certain)
			}
			e.put("export.json", loggedExport(5))
			e.put("history1.json", history(ownPast(5, "pulumiscale/5", change.Head), ownPast(3, "pulumiscale/3", ""), somebodys))
			before := len(e.called("stack"))
			got, err := e.Read(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if known := len(e.called("stack")) == before; known != c.known {
				t.Errorf("known: %v", known)
			}
			if old := e.Stack; c.known { // the next process knows it too, and what it knows is what it would have read
				e.Stack = &Stack{name: old.name, command: old.command, project: old.project, dir: old.dir, file: old.file}
				e.last.Store(e.dir.Recall())
				recalled, err := e.Read(context.Background())
				if diff := cmp.Diff(got, recalled, cmpopts.IgnoreFields(scale.Snapshot{}, "DependsOn")); diff != "" || err != nil || len(e.called("stack")) > before {
					t.Errorf("error %v, -known +recalled:\n%s", err, diff)
				}
				e.last.Store(nil)
				read, err := e.Read(context.Background())
				if err != nil || len(e.called("stack")) == before {
					t.Fatal(err)
				}
				if diff := cmp.Diff(read, got, cmpopts.EquateApproxTime(3*time.Second), cmpopts.IgnoreFields(scale.Update{}, "Message")); diff != "" {
					t.Errorf("-read +known:\n%s", diff)
				}
			}
		})
	}
}

// What is known holds only for the stack and the backend that it was read from, and only as long as it means the same.
func TestOnlyItsOwnMemoryIsRecalled(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(e engine)
		want bool
	}{
		{"as it was left", func(engine) {}, true},
		{"of another stack", func(e engine) { e.setName("other/dev") }, false},
		{"of another backend", func(engine) { t.Setenv("PULUMI_BACKEND_URL", "file:///elsewhere") }, false},
		{"of another version", func(e engine) { e.replaceInMemory(`"format":5`, `"format":4`) }, false},
		{"cut off", func(e engine) { e.replaceInMemory(`}`, ``) }, false},
		{"with rules that are none", func(e engine) { e.replaceInMemory(`\"max\"`, `\"mux\"`) }, false},
		{"while an update runs, or was cut off", func(e engine) { e.dir.Forget() }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _, change := scaling(t)
			if _, err := e.Update(context.Background(), change, scale.Unobserved); err != nil {
				t.Fatal(err)
			}
			c.edit(e)
			if got := e.dir.Recall() != nil; got != c.want {
				t.Errorf("recalled: %v", got)
			}
		})
	}
}

func (e engine) replaceInMemory(old, with string) {
	e.t.Helper()
	text := filestest.Content(e.t, e.kept("last.json"))
	if !strings.Contains(text, old) {
		e.t.Fatalf("no %s in %s", old, text)
	}
	if err := os.WriteFile(e.kept("last.json"), []byte(strings.ReplaceAll(text, old, with)), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

// A server that need not read its stack would never let go of a list of updates that only grew.
func TestKnownUpdatesDoNotGrowWithoutEnd(t *testing.T) {
	e, _, change := scaling(t)
	e.put("events", string(eventLog(t, "scale")))
	snap := *e.last.Load()
	for i := range 30 {
		old := snap.Updates[0]
		old.ID, old.End = fmt.Sprint("pulumiscale/old", i), time.Now().Add(-time.Hour)
		snap.Updates = append(snap.Updates, old)
	}
	e.last.Store(&snap)
	if _, err := e.Update(context.Background(), change, scale.Unobserved); err != nil {
		t.Fatal(err)
	}
	got := e.last.Load()
	if got == nil || len(got.Updates) != pageSize || got.Complete || got.Updates[0].ID != change.ID {
		t.Errorf("got %+v", got)
	}
}

// A stack that is known from one update of ours to the next is never read again: what is known of its history must not
// grow with it.
func TestOfTheHistoryAsMuchIsKnownAsIsNeeded(t *testing.T) {
	ago := func(n int) []scale.Update {
		out := make([]scale.Update, n)
		for i := range out {
			out[i] = scale.Update{Kind: "update", Succeeded: true, End: time.Now().Add(-time.Duration(i) * time.Second)}
		}
		return out
	}
	for _, c := range []struct {
		name           string
		cooldown       time.Duration
		updates, wants int
	}{
		{"without a cooldown", 0, 500, pageSize},
		{"for a cooldown of a minute", time.Minute, 500, 80},
		{"for one that goes back further", time.Hour, 500, 500},
		{"of a history that has no more", 0, 5, 5},
	} {
		rules := scale.Rules{"worker": {Pool: "worker", Cooldown: scale.Cooldown{Up: c.cooldown}}}
		if got := len(needed(ago(c.updates), rules)); got != c.wants {
			t.Errorf("%s: %d updates", c.name, got)
		}
	}
}
