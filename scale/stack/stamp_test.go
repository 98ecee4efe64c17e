//go:build !windows

package stack

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// folder is a file backend with the files of one stack.
type folder struct {
	t   *testing.T
	dir string
}

// inFolder makes an engine's backend a folder, laid out as the CLI does it.
func inFolder(t *testing.T) folder {
	t.Helper()
	f := folder{t, t.TempDir()}
	t.Setenv("PULUMI_BACKEND_URL", "file://"+f.dir)
	f.put("stacks/demo/dev.json", "{}")
	f.put("history/demo/dev/dev-1700000000000000001.history.json", "{}")
	f.put("history/demo/dev/dev-1700000000000000001.checkpoint.json", "{}")
	return f
}

// put replaces a file as the CLI does: by renaming another one.
func (f folder) put(name, text string) {
	f.t.Helper()
	path := filepath.Join(f.dir, ".pulumi", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path+".tmp", []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		f.t.Fatal(err)
	}
}

func (f folder) remove(name string) {
	f.t.Helper()
	if err := os.RemoveAll(filepath.Join(f.dir, ".pulumi", filepath.FromSlash(name))); err != nil {
		f.t.Fatal(err)
	}
}

func TestStampTellsWhatWasWritten(t *testing.T) {
	for _, c := range []struct {
		name              string
		write             func(f folder)
		same, sameHistory bool
		none              bool
	}{
		{name: "nothing", write: func(folder) {}, same: true, sameHistory: true},
		{name: "the same state again", write: func(f folder) { f.put("stacks/demo/dev.json", "{}") }, sameHistory: true},
		{name: "an update", write: func(f folder) { f.put("history/demo/dev/dev-1700000000000000002.history.json", "{}") }},
		{name: "an update by a clock that is behind", write: func(f folder) { f.put("history/demo/dev/dev-1600000000000000000.history.json", "{}") }},
		{name: "an update's copy of the state", write: func(f folder) { f.put("history/demo/dev/dev-1.checkpoint.json", "{}") }, same: true, sameHistory: true},
		{name: "another stack", write: func(f folder) {
			f.put("stacks/demo/prod.json", "{}")
			f.put("history/demo/prod/prod-1.history.json", "{}")
		}, same: true, sameHistory: true},
		{name: "no history any more", write: func(f folder) { f.remove("history") }},
		{name: "no state for a moment", write: func(f folder) { f.remove("stacks/demo/dev.json") }, none: true},
		{name: "the state compressed, and not yet taken away", write: func(f folder) { f.put("stacks/demo/dev.json.gz", "") }, none: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := inFolder(t)
			e := newEngine(t)
			before := e.stamp(context.Background())
			if before.State == "" || before.History == "" {
				t.Fatalf("the backend tells nothing: %+v", before)
			}
			c.write(f)
			after := e.stamp(context.Background())
			if (after == before) != c.same || (after.History == before.History) != c.sameHistory || (after == scale.Stamp{}) != c.none {
				t.Errorf("it was %+v and is %+v", before, after)
			}
		})
	}
}

func TestStampIsOfTheStackThatTheCLIUses(t *testing.T) {
	for _, c := range []struct{ name, stack, state string }{
		{"by its short name", "dev", "stacks/demo/dev.json"},
		{"by its whole name", "organization/other/dev", "stacks/other/dev.json"},
		{"by organisation and name", "organization/dev", "stacks/demo/dev.json"},
		{"compressed", "dev", "stacks/demo/dev.json.gz"},
		{"in an old backend", "dev", "stacks/dev.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := inFolder(t)
			f.remove("stacks")
			e := newEngine(t)
			e.setName(c.stack)
			if got := e.stamp(context.Background()); got != (scale.Stamp{}) {
				t.Errorf("there is no stack: %+v", got)
			}
			f.put(c.state, "{}")
			if got := e.stamp(context.Background()); got == (scale.Stamp{}) {
				t.Error("the stack is not found")
			}
		})
	}
}

// The CLI is asked for what no stamp can tell.
func TestOnlyAFolderHasAStamp(t *testing.T) {
	inFolder(t)
	for _, address := range []string{"https://api.pulumi.com", "s3://bucket", "file:///nowhere"} {
		t.Setenv("PULUMI_BACKEND_URL", address)
		if got := newEngine(t).stamp(context.Background()); got != (scale.Stamp{}) {
			t.Errorf("%s: %+v", address, got)
		}
	}
}

func TestReadAsksNothingWhereNothingWasWritten(t *testing.T) {
	broken := strings.Replace(rulesOutput, `"min":1`, `"min":10`, 1)
	for _, c := range []struct {
		name  string
		rules string
		play  func(e engine, f folder)
		asked bool
	}{
		{"nothing", rulesOutput, func(engine, folder) {}, false},
		{"the state", rulesOutput, func(_ engine, f folder) { f.put("stacks/demo/dev.json", "{}") }, true},
		{"an update", rulesOutput, func(_ engine, f folder) { f.put("history/demo/dev/dev-2.history.json", "{}") }, true},
		{"something, for a moment", rulesOutput, func(_ engine, f folder) { f.remove("stacks/demo/dev.json") }, true},
		{"nothing, but an update of ours was cut off", rulesOutput, func(e engine, f folder) {
			if _, err := e.dir.NewRecord("pulumiscale/1", []string{"worker"}); err != nil {
				f.t.Fatal(err)
			}
		}, true},
		{"nothing, and there are no valid rules", broken, func(engine, folder) {}, true},
	} {
		for how, read := range map[string]func(engine, *scale.Snapshot) (*scale.Snapshot, error){
			"Read": func(e engine, _ *scale.Snapshot) (*scale.Snapshot, error) { return e.Read(context.Background()) },
			"ReadSince": func(e engine, known *scale.Snapshot) (*scale.Snapshot, error) {
				return e.ReadSince(context.Background(), known)
			},
		} {
			t.Run(how+" "+c.name, func(t *testing.T) {
				f := inFolder(t)
				e := newEngine(t)
				e.options.KeepRules = true
				e.put("export.json", exportOf(rulesOutput))
				if _, err := e.Read(context.Background()); err != nil {
					t.Fatal(err)
				}
				e.put("export.json", exportOf(c.rules))
				f.put("stacks/demo/dev.json", "{}")
				known, err := e.Read(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				c.play(e, f)
				if err := os.WriteFile(e.file.Path, []byte("config:\n  demo:count: 7\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				before := len(e.called(""))
				got, err := read(e, known)
				if err != nil {
					t.Fatal(err)
				}
				if asked := len(e.called("")) > before; asked != c.asked {
					t.Errorf("the CLI was asked: %v", asked)
				}
				if count := got.File["worker"]; count == nil || *count != "7" {
					t.Errorf("the config file is not read: %v", count)
				}
				if diff := cmp.Diff(known.Resources, got.Resources); diff != "" {
					t.Errorf("-known +got:\n%s", diff)
				}
			})
		}
	}
}

// The stamp of a reading must not cover an update that was written while the stack was read.
func TestReadTakesTheStampBeforeItReads(t *testing.T) {
	f := inFolder(t)
	e := newEngine(t)
	before := e.stamp(context.Background())
	e.put("export.json", exportOf(rulesOutput))
	late := filepath.Join(f.dir, ".pulumi", "history", "demo", "dev", "dev-2.history.json")
	e.put("meanwhile", "echo {} >'"+late+"'")
	got, err := e.Read(context.Background())
	if err != nil || got.Stamp != before {
		t.Errorf("error %v, the stamp is %+v and not %+v", err, got.Stamp, before)
	}
	if e.stamp(context.Background()) == before {
		t.Error("nothing was written meanwhile")
	}
}

func TestUpdateIsNotCheckedByTheCLIWhereTheBackendTells(t *testing.T) {
	known := past("update", "succeeded", time.Hour, counted, "")
	for _, c := range []struct {
		name         string
		write        func(f folder)
		asked, stale bool
	}{
		{"no update since", func(folder) {}, false, false},
		{"another state since", func(f folder) { f.put("stacks/demo/dev.json", "{}") }, false, false},
		{"an update since", func(f folder) { f.put("history/demo/dev/dev-2.history.json", "{}") }, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := inFolder(t)
			e := newEngine(t)
			e.put("events", untilTheStack(t))
			e.put("writes", "sleep 0.5\n")
			e.put("history1.json", history(past("update", "succeeded", time.Minute, counted, "x"), known))
			change := aChange()
			change.Head, change.History = headOf(t, known), e.stamp(context.Background()).History
			c.write(f)
			_, err := e.Update(context.Background(), change, scale.Unobserved)
			if stale := errors.As(err, new(*scale.StaleError)); stale != c.stale || !stale && err != nil {
				t.Errorf("the error is %v", err)
			}
			if asked := len(e.called("stack history")) > 0; asked != c.asked {
				t.Errorf("the CLI was asked: %v", asked)
			}
		})
	}
}
