//go:build !windows

package stack

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

// read is a stack as it was read, with such a newest update.
func read(head string, updates ...scale.Update) *scale.Snapshot {
	return &scale.Snapshot{
		Rules: leastRule("count", false), Head: head, Updates: append([]scale.Update{{Kind: kindUpdate, Succeeded: true, Head: head}}, updates...),
		Stamp: scale.Stamp{State: "state", History: "history"}, Config: map[string]string{},
	}
}

// afterOurs is that stack after a scaling of ours.
func afterOurs(head string, before *scale.Snapshot) *scale.Snapshot {
	snap := read(head, before.Updates...)
	snap.Updates[0].Pools = []string{"worker"}
	return snap
}

var nothing = map[string]scale.PoolProof{"worker": {}}

func pendingOutput() map[string]scale.PoolProof {
	return map[string]scale.PoolProof{"worker": {Pending: []scale.PendingChange{{Op: "output", Name: "url"}}}}
}

// keeps asks for the proof, does something while it is made, and keeps it.
func (e engine) keeps(snap *scale.Snapshot, pools map[string]scale.PoolProof, lasting bool, meanwhile ...func()) bool {
	e.t.Helper()
	proof, err := e.Proof(snap)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, do := range meanwhile {
		do()
	}
	return e.KeepProof(snap, &scale.Proof{Head: snap.Head, Basis: proof.Basis, Pools: pools}, lasting)
}

// knows says whether the stack is proved.
func (e engine) knows(snap *scale.Snapshot) bool {
	e.t.Helper()
	proof, err := e.Proof(snap)
	if err != nil {
		e.t.Fatal(err)
	}
	if proof.Pools == nil && proof.Basis == "" {
		e.t.Error("a proof without a basis")
	}
	return proof.Pools != nil
}

// next is the stack in the next process.
func (e engine) next() engine {
	old := e.Stack
	e.Stack = &Stack{name: old.name, command: old.command, project: old.project, dir: old.dir, file: old.file}
	return e
}

// proofOf is an engine whose stack is proved: nothing is pending.
func proofOf(t *testing.T) (engine, *scale.Snapshot) {
	t.Helper()
	e, snap := ground(t), read("1")
	if e.knows(snap) {
		t.Fatal("proved from the start")
	}
	if !e.keeps(snap, nothing, true) || !e.knows(snap) {
		t.Fatal("it was not kept")
	}
	return e, snap
}

func TestHowLongAProofHolds(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(e engine, snap *scale.Snapshot) *scale.Snapshot
		want bool
	}{
		{"as long as nothing changes", func(_ engine, s *scale.Snapshot) *scale.Snapshot { return s }, true},
		{"over scalings of ours", func(_ engine, s *scale.Snapshot) *scale.Snapshot { return afterOurs("2", s) }, true},
		{"not over somebody's update", func(_ engine, s *scale.Snapshot) *scale.Snapshot { return read("2", s.Updates...) }, false},
		{"not over an edit of the program", func(e engine, s *scale.Snapshot) *scale.Snapshot { e.write("index.ts", "x"); return s }, false},
		{"not over an edit of the state, which leaves no update", func(_ engine, s *scale.Snapshot) *scale.Snapshot {
			edited := *s
			edited.Stamp.State = "edited"
			return &edited
		}, false},
		{"where the backend does not tell of that, it is not seen", func(_ engine, s *scale.Snapshot) *scale.Snapshot {
			silent := *s
			silent.Stamp = scale.Stamp{}
			return &silent
		}, true},
		{"not under another deployed configuration", func(_ engine, s *scale.Snapshot) *scale.Snapshot {
			other := *s
			other.Config = map[string]string{"demo:a": `"x"`}
			return &other
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, snap := proofOf(t)
			snap = c.then(e, snap)
			if got := e.knows(snap); got != c.want {
				t.Errorf("proved: %v", got)
			}
			if got := e.next().knows(snap); got != c.want {
				t.Errorf("in the next process: %v", got)
			}
		})
	}
}

func TestOnlyItsOwnProofIsRecalled(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(t *testing.T, e engine)
		want bool
	}{
		{"as it was left", func(*testing.T, engine) {}, true},
		{"of another stack", func(_ *testing.T, e engine) { e.setName("other/dev") }, false},
		{"of another backend", func(t *testing.T, _ engine) { t.Setenv("PULUMI_BACKEND_URL", "file:///elsewhere") }, false},
		{"of another version", func(t *testing.T, e engine) { e.replaceInProof(`"format":1`, `"format":0`) }, false},
		{"torn", func(t *testing.T, e engine) { e.replaceInProof(`}`, ``) }, false},
		{"empty", func(t *testing.T, e engine) { e.replaceInProof(filestest.Content(t, e.kept("proof.json")), "") }, false},
		{"not there", func(t *testing.T, e engine) {
			if err := os.Remove(e.kept("proof.json")); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, snap := proofOf(t)
			e = e.next()
			c.edit(t, e)
			// What the environment says is part of the basis too; this is about whose the file is.
			e.proofs.mu.Lock()
			got := e.keptProof() != nil
			e.proofs.mu.Unlock()
			if got != c.want {
				t.Errorf("recalled: %v", got)
			}
			if known := e.knows(snap); known != c.want {
				t.Errorf("proved: %v", known)
			}
		})
	}
}

func (e engine) replaceInProof(old, with string) {
	e.t.Helper()
	text := filestest.Content(e.t, e.kept("proof.json"))
	if !strings.Contains(text, old) {
		e.t.Fatalf("no %s in %s", old, text)
	}
	if err := os.WriteFile(e.kept("proof.json"), []byte(strings.ReplaceAll(text, old, with)), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

func TestAProofThatIsNotLastingIsForThisProcessAlone(t *testing.T) {
	e, snap := ground(t), read("1")
	if !e.keeps(snap, nothing, false) || !e.knows(snap) {
		t.Error("it was not kept")
	}
	if left := e.leftBehind(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A proof whose file cannot be written is made again by the next process, and that is all.
func TestAProofThatCannotBeSavedIsKept(t *testing.T) {
	e, snap := ground(t), read("1")
	e.dir.Path = filepath.Join(e.dir.Path, "nowhere")
	if !e.keeps(snap, nothing, true) || !e.knows(snap) || e.next().knows(snap) {
		t.Error("it was not kept, or by the next process too")
	}
}

func TestWhatIsEditedWhileAProofIsMade(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(e engine)
		// first says whether the proof is kept, and second whether it is kept when the same happens again.
		first, second bool
	}{
		{"nothing", func(engine) {}, true, true},
		{"a source, which is never taken for what updates write", func(e engine) { e.write("index.ts", "x") }, false, false},
		{"a file that updates write", func(e engine) { e.write("out.bin", "x") }, false, false},
		{"the configuration", func(e engine) { e.write("Pulumi.dev.yaml", "environment: [x]\n"); e.write("Pulumi.yaml", "x") }, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, snap := ground(t), read("1")
			e.write("out.bin", "x")
			do := func() { c.do(e) }
			if got := e.keeps(snap, nothing, true, do); got != c.first {
				t.Errorf("kept at first: %v", got)
			}
			if got := e.keeps(snap, nothing, true, do); got != c.second {
				t.Errorf("kept then: %v", got)
			}
		})
	}
}

// Programs write files too. A file that has changed while an engine worked is recognised as one of those if the next
// proof finds nothing pending.
func TestFilesThatUpdatesWriteAreLearnt(t *testing.T) {
	const file = "out.bin"
	touch := func(e engine) func() { return func() { e.write(file, "x") } }
	for _, c := range []struct {
		name  string
		learn func(e engine, snap *scale.Snapshot)
		// path changes during the next proof. kept says whether that is passed over.
		path string
		kept bool
	}{
		{"not known before", func(engine, *scale.Snapshot) {}, file, false},
		{"known after a proof in which nothing was pending", func(e engine, s *scale.Snapshot) { e.keeps(s, nothing, true, touch(e)); e.keeps(s, nothing, true) }, file, true},
		{"not after one in which something was", func(e engine, s *scale.Snapshot) {
			e.keeps(s, nothing, true, touch(e))
			e.keeps(s, pendingOutput(), true)
		}, file, false},
		{"not for another file", func(e engine, s *scale.Snapshot) { e.keeps(s, nothing, true, touch(e)); e.keeps(s, nothing, true) }, "other.bin", false},
		{
			"a folder in which files come and go is known as one", func(e engine, s *scale.Snapshot) {
				e.keeps(s, nothing, true, func() { e.write("tmp/1.bin", "x") })
				e.keeps(s, nothing, true)
			}, "tmp/2.bin", true,
		},
		{
			"a source that comes into it is not passed over", func(e engine, s *scale.Snapshot) {
				e.keeps(s, nothing, true, func() { e.write("tmp/1.bin", "x") })
				e.keeps(s, nothing, true)
			}, "tmp/2.ts", false,
		},
		{
			"a source that is edited and taken back stays a source", func(e engine, s *scale.Snapshot) {
				e.keeps(s, nothing, true, func() { e.write("index.ts", "edited") })
				e.write("index.ts", "config: {}\n")
				e.keeps(s, nothing, true)
			}, "index.ts", false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, snap := ground(t), read("1")
			for _, path := range []string{file, "other.bin", "tmp/0.bin"} {
				e.write(path, "x")
			}
			c.learn(e, snap)
			if got := e.keeps(snap, nothing, true, func() { e.write(c.path, "y") }); got != c.kept {
				t.Errorf("kept: %v", got)
			}
			e.write(c.path, "z")
			if e.knows(snap) {
				t.Error("while no update runs, it is a file like any other")
			}
		})
	}
}

// An update writes what it writes, and the proof holds on.
func TestAProofIsCarriedOverAnUpdate(t *testing.T) {
	const written = "out.bin"
	for _, c := range []struct {
		name     string
		learnt   bool
		during   string
		outside  string
		failed   bool
		foreign  bool
		want     bool
		suspects []string
	}{
		{name: "of ours", want: true},
		{name: "that failed", failed: true, want: true},
		{name: "that wrote what is known to be written", learnt: true, during: written, want: true},
		{name: "that wrote something else", during: written, suspects: []string{written}},
		{name: "during which the program was edited", during: "index.ts", suspects: []string{"index.ts"}},
		{name: "before which the program was edited", outside: "index.ts"},
		{name: "over which somebody has deployed", foreign: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, snap := ground(t), read("1")
			e.write(written, "x")
			if c.learnt {
				e.keeps(snap, nothing, true, func() { e.write(written, "y") })
			}
			if !e.keeps(snap, nothing, true) {
				t.Fatal("it was not kept")
			}
			if c.outside != "" {
				e.write(c.outside, "edited")
			}
			change := scale.Change{ID: "pulumiscale/2", Settings: set("count", "5"), Config: snap.Config}
			before := e.looks(change)
			if c.during != "" {
				e.write(c.during, "edited")
			}
			head, next := ownHead("pulumiscale/2", succeeded), afterOurs(ownHead("pulumiscale/2", succeeded), snap)
			if c.failed {
				head, next = "", afterOurs(ownHead("pulumiscale/2", "failed"), snap)
				next.Updates[0].Succeeded = false
			}
			e.carryProof(head, "", before, e.looks(change))
			if c.foreign {
				next = read("3", next.Updates...)
			}
			if got := e.knows(next); got != c.want {
				t.Errorf("proved: %v", got)
			}
			if got := e.next().knows(next); got != c.want {
				t.Errorf("in the next process: %v", got)
			}
			if diff := cmp.Diff(c.suspects, e.proofs.kept.Suspected); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// After an update, the size that the state had does not count any more. A later edit of the state is still seen.
func TestWhatAnUpdateTakesFromTheProof(t *testing.T) {
	e, snap := ground(t), read("1")
	if !e.keeps(snap, map[string]scale.PoolProof{"worker": {Size: new(7)}}, true) {
		t.Fatal("it was not kept")
	}
	basis := e.looks(snap.Unchanged())
	e.carryProof("2", "", basis, basis)
	after := afterOurs("2", snap)
	proof, err := e.Proof(after)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&scale.Proof{Head: "2", Basis: basis.digest(), Pools: nothing}, proof); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	edited := *after
	edited.Stamp.State = "edited"
	if e.knows(&edited) {
		t.Error("an edit of the state was not seen")
	}
}

// An edit of the state is seen even if nobody has read the stack between the update and the edit.
func TestAnEditRightAfterAnUpdateIsSeen(t *testing.T) {
	e, snap := ground(t), read("1")
	e.keeps(snap, nothing, true)
	basis := e.looks(snap.Unchanged())
	e.carryProof("2", "state", basis, basis)
	after := afterOurs("2", snap)
	edited := *after
	edited.Stamp.State = "edited"
	if e.knows(&edited) || e.next().knows(&edited) {
		t.Error("an edit of the state was not seen")
	}
	if !e.knows(after) || !e.next().knows(after) {
		t.Error("what the update left is not proved")
	}
}

// If two updates write one file after the other, both files are learnt.
func TestTwoUpdatesThatWriteFilesAreLearntTogether(t *testing.T) {
	e, snap := ground(t), read("1")
	e.write("a.bin", "x")
	e.write("b.bin", "x")
	e.keeps(snap, nothing, true)
	for _, path := range []string{"a.bin", "b.bin"} {
		before := e.looks(snap.Unchanged())
		e.write(path, "y")
		e.carryProof("", "", before, e.looks(snap.Unchanged()))
	}
	e = e.next() // what is suspected outlives the process
	if !e.keeps(snap, nothing, true) {
		t.Fatal("it was not kept")
	}
	got := e.proofs.kept
	slices.Sort(got.Written)
	if diff := cmp.Diff([]string{"a.bin", "b.bin"}, got.Written); diff != "" || got.Suspected != nil {
		t.Errorf("suspected %v, -want +got:\n%s", got.Suspected, diff)
	}
}

// Without any proof an update leaves what it has seen, and no file that means something else.
func TestCarryingNoProofOn(t *testing.T) {
	e, snap := ground(t), read("1")
	e.write("a.bin", "x")
	basis := e.looks(snap.Unchanged())
	e.carryProof("2", "", basis, basis)
	if e.next().knows(snap) || e.knows(snap) {
		t.Error("it is proved")
	}
	e.write("a.bin", "y")
	e.carryProof("3", "", basis, e.looks(snap.Unchanged()))
	if e.next().knows(snap) || e.knows(snap) {
		t.Error("it is proved then")
	}
	if diff := cmp.Diff([]string{"a.bin"}, e.proofs.kept.Suspected); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhichFilesPeopleWrite(t *testing.T) {
	for path, want := range map[string]bool{
		"Pulumi.yaml": true, "lib/pool.ts": true, "INDEX.JS": true, "go.mod": true, "a/b.tf": true, ".env": true,
		"out.bin": false, "state.log": false, "cache.db": false, "Makefile": false, "": false,
	} {
		if got := isSource(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}
