//go:build !windows

package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli/clitest"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// workerChange is a change of the worker pool, and of other pools besides.
func workerChange(others ...string) scale.Change {
	c := aChange()
	c.ID, c.Pools = "pulumiscale/1", append([]string{"worker"}, others...)
	return c
}

// crashing is an engine that dies in the middle of an update, after these events.
func crashing(t *testing.T, events string) engine {
	t.Helper()
	e := newEngine(t)
	e.put("export.json", exportOf(rulesOutput))
	e.put("events", events)
	replaceIn(t, e.Script, `exit "$(cat code`, `[ -e crash ] && kill -9 $$; exit "$(cat code`)
	e.put("crash", "")
	return e
}

func replaceIn(t *testing.T, s clitest.Script, before, after string) {
	t.Helper()
	path := filepath.Join(s.Dir, "pulumi")
	if err := os.WriteFile(path, []byte(strings.Replace(filestest.Content(t, path), before, after, 1)), 0o700); err != nil {
		t.Fatal(err)
	}
}

// upToPrelude is the part of an event log in which the engine has begun and not done anything yet.
func upToPrelude(log string) string {
	at := strings.Index(log, `"preludeEvent"`)
	return log[:at+strings.Index(log[at:], "\n")+1]
}

func (e engine) unsettledPools(t *testing.T) []string {
	t.Helper()
	snap, err := e.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return snap.Unsettled
}

func TestCutOffUpdateLeavesItsPoolsUnsettled(t *testing.T) {
	events := string(eventLog(t, "scale"))
	prelude := upToPrelude(events)
	ours := func(result string) string { return past("update", result, 0, counted, "pulumiscale/1") }
	for _, c := range []struct {
		name    string
		events  string
		history []string
		want    []string
	}{
		{"it died at work", events, nil, []string{"worker"}},
		{"it died before the first step, as far as is known", prelude, nil, []string{"worker"}},
		{"it died before it began", "", nil, nil},
		{"it succeeded after all", events, []string{ours("succeeded")}, nil},
		{"it failed at work", events, []string{ours("failed")}, []string{"worker"}},
		{"it failed before the first step", prelude, []string{ours("failed")}, nil},
		{"somebody else's update succeeded", events, []string{past("update", "succeeded", 0, counted, "cli")}, []string{"worker"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := crashing(t, c.events)
			if _, err := e.Update(context.Background(), workerChange("gone"), scale.Unobserved); err == nil {
				t.Fatal("no error")
			}
			e.put("history1.json", history(c.history...))
			if diff := cmp.Diff(c.want, e.unsettledPools(t)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			other := &Stack{command: e.command, project: e.project, dir: e.dir, file: e.file}
			other.setName("prod")
			if snap, err := other.Read(context.Background()); err != nil || len(snap.Unsettled) > 0 {
				t.Errorf("another stack: %v, error %v", snap.Unsettled, err)
			}
		})
	}
}

func TestNextUpdateSettles(t *testing.T) {
	for _, c := range []struct {
		name  string
		pools []string
		fails bool
		want  []string
		left  int
	}{
		{"all pools", []string{"api", "worker"}, false, nil, 0},
		{"some of the pools", []string{"api"}, false, []string{"worker"}, 1},
		{"some, and fails itself", []string{"api"}, true, []string{"api", "worker"}, 2},
		{"all, and fails itself", []string{"api", "worker"}, true, []string{"api", "worker"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := crashing(t, string(eventLog(t, "scale")))
			rules := strings.Replace(rulesOutput, `{"worker"`, `{"api":{"urn":"urn:pulumi:dev::demo::a:b:C::api","configKey":"api","min":0,"max":1},"worker"`, 1)
			e.put("export.json", exportOf(rules))
			if _, err := e.Update(context.Background(), workerChange("api"), scale.Unobserved); err == nil {
				t.Fatal("no error")
			}
			if err := os.Remove(filepath.Join(e.Dir, "crash")); err != nil {
				t.Fatal(err)
			}
			if c.fails {
				e.put("code", "1")
			}
			next := aChange()
			next.ID, next.Pools, next.Targets = "pulumiscale/2", c.pools, []string{loggedPool}
			if _, err := e.Update(context.Background(), next, scale.Unobserved); (err != nil) != c.fails {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, e.unsettledPools(t)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if left := e.dir.Records(); len(left) != c.left {
				t.Errorf("%d records", len(left))
			}
		})
	}
}

func TestRunningUpdateIsNotUnsettled(t *testing.T) {
	e := crashing(t, string(eventLog(t, "scale")))
	replaceIn(t, e.Script, `[ -e crash ]`, `echo begun >told; read -r _ <tell; [ -e crash ]`)
	ended := make(chan error, 1)
	go func() {
		_, err := e.Update(context.Background(), workerChange(), scale.Unobserved)
		ended <- err
	}()
	e.Told(t)
	if got := e.unsettledPools(t); len(got) > 0 {
		t.Errorf("while it runs: %v", got)
	}
	e.Tell(t, "on")
	if err := <-ended; err == nil {
		t.Error("no error")
	}
	if diff := cmp.Diff([]string{"worker"}, e.unsettledPools(t)); diff != "" {
		t.Errorf("after it: -want +got:\n%s", diff)
	}
}

func TestPluginOfADeadEngineIsWaitedFor(t *testing.T) {
	e := crashing(t, string(eventLog(t, "scale")))
	if _, err := e.Update(context.Background(), workerChange(), scale.Unobserved); err == nil {
		t.Fatal("no error")
	}
	if err := os.Remove(filepath.Join(e.Dir, "crash")); err != nil {
		t.Fatal(err)
	}
	// What an engine has started outlives it, and holds what it has inherited.
	plugin := clitest.New(t, `cd "$(dirname "$0")"; echo begun >told; read -r _ <tell`)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _, _, _ = plugin.Do(context.Background(), cli.Call{Dir: plugin.Dir, Tie: e.dir.Records()[0].Tie()})
	}()
	plugin.Told(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*lingerInterval)
	defer cancel()
	if _, err := e.Update(ctx, workerChange(), scale.Unobserved); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it was not waited for: %v", err)
	}
	if n := len(e.called(" up ")); n != 1 {
		t.Errorf("%d updates", n)
	}
	// But not for ever.
	long := time.Now().Add(-lingerTime)
	if err := os.Chtimes(filepath.Join(e.dir.Records()[0].Dir, statedir.EventFile), long, long); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Update(context.Background(), workerChange(), scale.Unobserved); err != nil {
		t.Errorf("after its end: %v", err)
	}
	select {
	case <-ended:
		t.Error("it was ended, although it is no plugin")
	default:
	}
	plugin.Tell(t, "end")
	<-ended
}

func TestLockOfADeadEngineOfOursIsRemoved(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		// holders are the lines of the locks, of the dead engine's number.
		holders func(pid int) []string
		want    bool
	}{
		{"ours", func(pid int) []string { return []string{holder(host, pid, 0)} }, true},
		{"of another machine", func(pid int) []string { return []string{holder("elsewhere", pid, 0)} }, false},
		{"of another process", func(int) []string { return []string{holder(host, os.Getpid(), 0)} }, false},
		{"of another dead process", func(pid int) []string { return []string{holder(host, pid+1, 0)} }, false},
		{"ours and another one", func(pid int) []string { return []string{holder(host, pid, 0), holder("elsewhere", 7, 0)} }, false},
		{"of a process before ours with its number", func(pid int) []string { return []string{holder(host, pid, -time.Hour)} }, false},
		{"of a process long after ours with its number", func(pid int) []string { return []string{holder(host, pid, time.Hour)} }, false},
		{"of nobody known", func(int) []string { return nil }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := crashing(t, string(eventLog(t, "scale")))
			if _, err := e.Update(context.Background(), workerChange(), scale.Unobserved); err == nil {
				t.Fatal("no error")
			}
			if err := os.Remove(filepath.Join(e.Dir, "crash")); err != nil {
				t.Fatal(err)
			}
			e.put("events", "")
			e.put("code", "1")
			e.put("stderr", "error: the stack is currently locked by 1 lock(s). Either wait\n"+strings.Join(c.holders(e.dir.Records()[0].PID), ""))
			var told []scale.Event
			_, err := e.Update(context.Background(), workerChange(), func(event scale.Event) { told = append(told, event) })
			var locked *scale.LockedError
			if !errors.As(err, &locked) || locked.Removed != c.want {
				t.Errorf("got %#v", err)
			}
			if n := len(e.called(" cancel --yes --stack dev")); n > 1 || (n == 1) != c.want {
				t.Errorf("%d times `pulumi cancel`", n)
			}
			if slices.ContainsFunc(told, func(e scale.Event) bool { _, ok := e.(scale.LockRemoved); return ok }) != c.want {
				t.Errorf("told %v", told)
			}
			if diff := cmp.Diff([]string{"worker"}, e.unsettledPools(t)); diff != "" {
				t.Errorf("the record of the dead engine: -want +got:\n%s", diff)
			}
		})
	}
}

func holder(host string, pid int, age time.Duration) string {
	return fmt.Sprintf("  file:///locks/a.json: created by me@%s (pid %d) at %s\n", host, pid, time.Now().Add(age).UTC().Format(time.RFC3339))
}

func TestEngineThatCouldNotRemoveItsLockIsRemembered(t *testing.T) {
	e := crashing(t, string(eventLog(t, "scale")))
	if err := os.Remove(filepath.Join(e.Dir, "crash")); err != nil {
		t.Fatal(err)
	}
	e.put("stderr", "error: there was a problem deleting the lock at file:///a, manual clean up may be required: gone\n")
	if _, err := e.Update(context.Background(), workerChange(), scale.Unobserved); err != nil {
		t.Fatal(err)
	}
	if got := e.dir.Records(); len(got) != 1 || got[0].PID == 0 {
		t.Errorf("got %+v", got)
	}
	e.put("history1.json", history(past("update", "succeeded", 0, counted, "pulumiscale/1")))
	if got := e.unsettledPools(t); len(got) > 0 {
		t.Errorf("unsettled %v", got)
	}
}

func TestUpdateThatChangedNothingIsForgotten(t *testing.T) {
	prelude := upToPrelude(string(eventLog(t, "scale")))
	for name, events := range map[string]string{"before it began": "", "before its first step": prelude} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t)
			e.put("events", events)
			e.put("code", "1")
			if _, err := e.Update(context.Background(), workerChange(), scale.Unobserved); err == nil {
				t.Fatal("no error")
			}
			if left := e.leftBehind(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestRecordThatIsNotThereIsNoUpdate(t *testing.T) {
	e := newEngine(t)
	for name, text := range map[string]string{"empty": "", "broken": "{"} {
		dir := filepath.Join(e.dir.Path, "pulumiscale-"+name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "update.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := e.dir.Records(); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
}

// An engine may outlive its PulumiScale; one that is only prepared does nothing.
func TestReadTellsOfTheEnginesAtWork(t *testing.T) {
	e := newEngine(t)
	e.put("export.json", exportOf(rulesOutput))
	e.put("events", string(eventLog(t, "scale")))
	replaceIn(t, e.Script, `exit "$(cat code`, `while [ -e hold ]; do sleep 0.02; done; exit "$(cat code`)
	e.put("hold", "")
	at := func() []scale.LockHolder {
		snap, err := e.Read(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return snap.Busy
	}
	end := e.Prepare(workerChange())
	if busy := at(); len(busy) > 0 {
		t.Errorf("a prepared engine is at work: %v", busy)
	}
	end()
	updated := make(chan error)
	go func() {
		_, err := e.Update(context.Background(), workerChange(), scale.Unobserved)
		updated <- err
	}()
	for deadline := time.Now().Add(10 * time.Second); len(at()) != 1; time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-updated:
			t.Fatalf("it has ended: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("no engine is at work")
		}
	}
	if busy := at(); busy[0].PID == 0 || busy[0].Host == "" || busy[0].User == "" {
		t.Errorf("at work is %+v", busy)
	}
	if err := os.Remove(filepath.Join(e.Dir, "hold")); err != nil {
		t.Fatal(err)
	}
	if err := <-updated; err != nil {
		t.Fatal(err)
	}
	if busy := at(); len(busy) > 0 {
		t.Errorf("an engine that has ended is at work: %v", busy)
	}
}

// A failure before any target is touched leaves nothing of a pool in between, so there is no way back.
func TestAFailureElsewhereLeavesNoDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		target string
		want   int
	}{
		"of a target":    {loggedPool, 1},
		"of a neighbour": {"urn:pulumi:dev::worker-pool::localcloud:index:Pool::another", 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t)
			e.put("events", string(eventLog(t, "scale")))
			e.put("code", "1")
			change := aChange()
			change.Targets = []string{c.target}
			if _, err := e.Update(context.Background(), change, scale.Unobserved); err == nil {
				t.Fatal("no error")
			}
			if left := e.dir.Records(); len(left) != c.want {
				t.Errorf("%d records, want %d", len(left), c.want)
			}
		})
	}
}
