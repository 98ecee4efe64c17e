//go:build !windows

package stack

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
)

// What an engine with a gate reads before its configuration, and how much of that its gate can hand over.
const (
	unfinishedConfig = "%YAML 1.1\n"
	finishedConfig   = unfinishedConfig + "---\n"
	mostInAPipe      = 32 << 10
)

// toFive is a change of the worker pool.
func toFive() scale.Change {
	return scale.Change{
		ID: "pulumiscale/5", Pools: []string{"worker"}, Targets: []string{"urn:w"}, Message: "to five",
		Settings: []scale.Setting{{Key: "count", Value: new("5")}},
	}
}

// eventually waits for something to be so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not so: " + what)
		}
	}
}

// folders are those of records in the state directory.
func (e engine) folders() []string {
	updates := filepath.Join(e.dir.Home(), "updates")
	var found []string
	for _, name := range files.Names(updates) {
		found = append(found, filepath.Join(updates, name))
	}
	return found
}

// prepare prepares a change and waits until the engine has been started, and has come as far as it can.
func (e engine) prepare(change scale.Change) (end func()) {
	end = e.Prepare(change)
	eventually(e.t, "the engine waits for its configuration", func() bool {
		text, err := os.ReadFile(filepath.Join(e.Dir, "config"))
		return err == nil && string(text) == unfinishedConfig
	})
	return end
}

func TestPreparedEngineDoesTheVeryChange(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"of a file as it is when the update begins", "config:\n  demo:other: 2 # kept\n", "config:\n  demo:count: \"5\"\n  demo:other: 2 # kept\n"},
		{"of no file", "", "config:\n  demo:count: \"5\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			end := e.prepare(toFive())
			defer end()
			if c.file != "" {
				if err := os.WriteFile(e.file.Path, []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := e.Update(context.Background(), toFive(), scale.Unobserved); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, strings.TrimPrefix(filestest.Content(t, filepath.Join(e.Dir, "config")), finishedConfig)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if calls := e.called("up"); len(calls) != 1 || !strings.Contains(calls[0], "--exec-agent pulumiscale/5 after= pools=worker") {
				t.Errorf("the engine was called so: %q", calls)
			}
			if left := e.folders(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// What an update of ours should have done is known before it is read. The change that is decided then is the same.
func TestPreparedEngineDoesTheChangeOfALaterReading(t *testing.T) {
	e := newEngine(t)
	defer e.prepare(toFive())()
	change := toFive()
	change.History = "read since"
	if _, err := e.Update(context.Background(), change, scale.Unobserved); err != nil || len(e.called("up")) != 1 {
		t.Errorf("error %v, the engine was called so: %q", err, e.called("up"))
	}
}

func TestPreparedEngineEndsUnused(t *testing.T) {
	other := toFive()
	other.Message = "to another five"
	for _, c := range []struct {
		name string
		file string
		play func(e engine, end func()) error
		// config is what the engine of the update was given; empty if there was none.
		config string
	}{
		{name: "when it is no longer wanted", play: func(_ engine, end func()) error {
			end()
			end()
			return nil
		}},
		{name: "when another change is updated", play: func(e engine, _ func()) error {
			_, err := e.Update(context.Background(), other, scale.Unobserved)
			return err
		}, config: "config:\n  demo:count: \"5\"\n"},
		{name: "when the configuration begins with a marker of its own", file: "---\nconfig:\n  demo:count: 3\n", play: func(e engine, _ func()) error {
			_, err := e.Update(context.Background(), toFive(), scale.Unobserved)
			return err
		}, config: "---\nconfig:\n  demo:count: 5\n"},
		{name: "when the configuration is larger than a pipe", file: "config:\n  demo:count: 3 # " + strings.Repeat("x", mostInAPipe) + "\n",
			play: func(e engine, _ func()) error {
				_, err := e.Update(context.Background(), toFive(), scale.Unobserved)
				return err
			}, config: "config:\n  demo:count: 5 # " + strings.Repeat("x", mostInAPipe) + "\n"},
		{name: "when another one is prepared", play: func(e engine, _ func()) error {
			e.Prepare(other)()
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			if c.file != "" {
				if err := os.WriteFile(e.file.Path, []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			end := e.prepare(toFive())
			waiting := e.dir.Records()[0]
			if err := c.play(e, end); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the engine has ended", func() bool { return !process.IsAlive(waiting.PID) })
			if left := e.folders(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			// The engine that waited has read what there was.
			got := strings.TrimPrefix(filestest.Content(t, filepath.Join(e.Dir, "config")), unfinishedConfig)
			if diff := cmp.Diff(c.config, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPreparedEngineThatHasDiedIsReplaced(t *testing.T) {
	e := newEngine(t)
	defer e.prepare(toFive())()
	waiting := e.dir.Records()[0]
	if err := syscall.Kill(-waiting.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the engine has ended", func() bool { return !process.IsAlive(waiting.PID) })
	if _, err := e.Update(context.Background(), toFive(), scale.Unobserved); err != nil {
		t.Fatal(err)
	}
	if calls, left := e.called("up"), e.folders(); len(calls) != 2 || len(left) > 0 {
		t.Errorf("the engine was called so: %q; left behind: %v", calls, left)
	}
}

func TestPrepareLeavesAloneWhatItCannotPrepare(t *testing.T) {
	unnamed := toFive()
	unnamed.ID = ""
	for _, c := range []struct {
		name   string
		change scale.Change
		file   string
	}{
		{"a change without a mark", unnamed, "Pulumi.dev.yaml"},
		{"a configuration in JSON, which knows no directives", toFive(), "Pulumi.dev.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			e.file.Path = filepath.Join(e.project.Dir, c.file)
			e.Prepare(c.change)()
			if calls, left := e.called("up"), e.folders(); len(calls)+len(left) > 0 {
				t.Errorf("called %q, left %v", calls, left)
			}
		})
	}
}
