//go:build !windows

package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// The commits of the tests.
var (
	commitA = strings.Repeat("a", 40)
	commitB = strings.Repeat("b", 40)
)

// source keeps a program in a folder, whose files are those of commits in memory.
type source struct {
	t       *testing.T
	dir, at string
	commits map[string]map[string]string
	err     error
	syncs   int
}

func (s *source) Dir() string    { return s.dir }
func (s *source) Commit() string { return s.at }

func (s *source) Sync(ctx context.Context, commit string, moving func(), _ scale.Observe) error {
	s.t.Helper()
	s.syncs++
	if s.err != nil || ctx.Err() != nil {
		return errors.Join(s.err, ctx.Err())
	}
	if s.at == commit {
		return nil
	}
	moving()
	s.at = ""
	if err := os.RemoveAll(s.dir); err != nil {
		s.t.Fatal(err)
	}
	for path, text := range s.commits[commit] {
		path = filepath.Join(s.dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	s.at = commit
	return nil
}

func (s *source) Read(_ context.Context, commit, path string) ([]byte, error) {
	text, is := s.commits[commit][path]
	if !is {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

const (
	projectFile = "name: demo\nruntime: yaml\n"
	three       = "config:\n  demo:count: \"3\"\n"
	seven       = "config:\n  demo:count: \"7\"\n"
)

// newKept is a stack in a checkout with count 4, whose program is kept below it, as by default.
func newKept(t *testing.T) (engine, *source) {
	t.Helper()
	e := newEngine(t)
	e.put("export.json", exportOf(rulesOutput))
	e.write("Pulumi.yaml", projectFile)
	e.write("Pulumi.dev.yaml", "config:\n  demo:count: \"4\"\n")
	s := &source{t: t, dir: filepath.Join(e.project.Dir, ".pulumiscale", "worktree"), commits: map[string]map[string]string{
		commitA: {"Pulumi.yaml": projectFile, "Pulumi.dev.yaml": three},
		commitB: {"Pulumi.yaml": projectFile + "stackConfigDir: config\n", "config/Pulumi.dev.yaml": seven},
	}}
	e.options.Source = func(string) Source { return s }
	e.openSource()
	return e, s
}

// atCommit is an update that was run from a commit.
func atCommit(entry, commit string, dirty bool) string {
	return strings.Replace(entry, `"git.author":"me"`, fmt.Sprintf(`"git.author":"me","git.head":%q,"git.dirty":"%v"`, commit, dirty), 1)
}

// sync reads a stack that was deployed so, and syncs its program.
func (e engine) sync(entries ...string) (*scale.Snapshot, []scale.Event, error) {
	e.t.Helper()
	e.put("history1.json", history(entries...))
	snap, err := e.Read(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	var events []scale.Event
	err = e.SyncProgram(e.t.Context(), snap, func(event scale.Event) { events = append(events, event) })
	return snap, events, err
}

func TestTheEngineRunsTheProgramThatIsDeployed(t *testing.T) {
	e, s := newKept(t)
	if e.program() != nil {
		t.Error("there is a program before it was brought")
	}
	if _, err := e.Preview(t.Context(), scale.Change{}, scale.Unobserved); !errors.Is(err, errNoProgram) {
		t.Errorf("previewed without it: %v", err)
	}
	snap, events, err := e.sync(atCommit(deployed(counted), commitA, false))
	if err != nil {
		t.Fatal(err)
	}
	if !e.IsSynced(snap) || !snap.Synced || snap.Commit != "" {
		t.Errorf("synced %v, snapshot %v at %q", e.IsSynced(snap), snap.Synced, snap.Commit)
	}
	if len(events) != 2 || events[0] != (scale.ProgramMoving{To: commitA}) {
		t.Errorf("told %+v", events)
	}
	if at := e.program(); at.project.Dir != s.dir || at.file.Path != filepath.Join(s.dir, "Pulumi.dev.yaml") || e.ConfigFile() != filepath.Join(e.project.Dir, "Pulumi.dev.yaml") {
		t.Errorf("runs %s with %s", at.project.Dir, at.file.Path)
	}
	if _, events, err = e.sync(atCommit(deployed(counted), commitA, false)); err != nil || len(events) > 0 {
		t.Errorf("again: %+v, %v", events, err)
	}

	// The next deploy has the file elsewhere.
	snap, events, err = e.sync(atCommit(deployed(counted), commitB, false), atCommit(deployed(counted), commitA, false))
	if err != nil {
		t.Fatal(err)
	}
	if moved, ok := events[len(events)-1].(scale.ProgramMoved); !ok || moved.From != commitA || moved.To != commitB || !e.IsSynced(snap) || snap.Commit != commitA {
		t.Errorf("told %+v", events)
	}
	if at := e.program(); at.file.Path != filepath.Join(s.dir, "config", "Pulumi.dev.yaml") {
		t.Errorf("with %s", at.file.Path)
	}
}

func TestAConfigurationThatIsInNoCommitIsTheCheckouts(t *testing.T) {
	e, s := newKept(t)
	delete(s.commits[commitA], "Pulumi.dev.yaml")
	if _, _, err := e.sync(atCommit(deployed(counted), commitA, false)); err != nil {
		t.Fatal(err)
	}
	if at := e.program(); at.file.Path != e.ConfigFile() || at.project.Dir != s.dir {
		t.Errorf("runs %s with %s", at.project.Dir, at.file.Path)
	}
}

func TestAProgramThatCannotBeHad(t *testing.T) {
	broken := errors.New("pushed nowhere")
	changed := strings.Replace(counted, `"x"`, `"y"`, 1)
	ours := past("update", succeeded, 0, counted, "pulumiscale/2 after=x pools=worker")
	for name, c := range map[string]struct {
		change  func(*source)
		entries []string
		// want is why; empty if it is available.
		want string
	}{
		"no commit is known":    {nil, []string{deployed(counted)}, "has no commit"},
		"nothing was deployed":  {nil, []string{ours}, "has no commit"},
		"the commit is nowhere": {func(s *source) { s.err = broken }, []string{atCommit(deployed(counted), commitA, false)}, "pushed nowhere"},
		"another project is in its place": {
			func(s *source) { s.commits[commitA]["Pulumi.yaml"] = "name: other\nruntime: yaml\n" }, []string{atCommit(deployed(counted), commitA, false)}, "of project other",
		},
		"none is, and that of the checkout is above": {
			func(s *source) { delete(s.commits[commitA], "Pulumi.yaml") }, []string{atCommit(deployed(counted), commitA, false)}, "there is no program any more",
		},
		"a dirty deploy whose counts are the commit's": {nil, []string{atCommit(deployed(counted), commitA, true)}, "with changes that were not committed"},
		"so is one with another key":                   {nil, []string{atCommit(deployed(changed), commitA, true)}, "with changes that were not committed"},
		"a restored count explains it":                 {nil, []string{atCommit(deployed(counted), commitB, true)}, ""},
		"also behind scalings of ours":                 {nil, []string{ours, atCommit(deployed(counted), commitB, true)}, ""},
		"and if the commit has none": {
			func(s *source) { s.commits[commitA]["Pulumi.dev.yaml"] = "config: {}\n" }, []string{atCommit(deployed(counted), commitA, true)}, "",
		},
		"but not the count of the deploy before": {
			nil, []string{atCommit(deployed(counted), commitA, true), atCommit(deployed(strings.Replace(counted, `"3"`, `"9"`, 1)), commitA, true)}, "with changes that were not committed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, s := newKept(t)
			if c.change != nil {
				c.change(s)
			}
			snap, _, err := e.sync(c.entries...)
			refused, is := errors.AsType[*scale.ProgramError](err)
			switch {
			case c.want == "" && (err != nil || !e.IsSynced(snap)):
				t.Errorf("synced %v, got %v", e.IsSynced(snap), err)
			case c.want != "" && (!is || !strings.Contains(refused.Reason, c.want)):
				t.Errorf("got %v, want %s", err, c.want)
			case c.want != "" && e.IsSynced(snap):
				t.Error("nobody would look again")
			}
		})
	}
}

// A deploy of the commit that is here already may be dirty, too.
func TestADirtyDeployOfTheCommitThatIsHere(t *testing.T) {
	e, s := newKept(t)
	if _, _, err := e.sync(atCommit(deployed(counted), commitA, false)); err != nil {
		t.Fatal(err)
	}
	snap, _, err := e.sync(atCommit(past("update", succeeded, time.Minute, counted, ""), commitA, true), atCommit(deployed(counted), commitA, false))
	if !scale.IsA[*scale.ProgramError](err) || e.IsSynced(snap) || s.syncs != 2 {
		t.Errorf("synced %v, %d times, got %v", e.IsSynced(snap), s.syncs, err)
	}
}

func TestTheEndOfACallIsNoReason(t *testing.T) {
	e, _ := newKept(t)
	e.put("history1.json", history(atCommit(deployed(counted), commitA, false)))
	snap, err := e.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.SyncProgram(ctx, snap, scale.Unobserved); !errors.Is(err, context.Canceled) || scale.IsA[*scale.ProgramError](err) {
		t.Errorf("got %v", err)
	}
}

func TestWithoutACheckoutTheFileIsThatOfTheDeploy(t *testing.T) {
	e, s := newKept(t)
	s.dir, e.options.Managed = e.project.Dir, true // the stack was opened there
	if err := s.Sync(t.Context(), commitA, func() {}, scale.Unobserved); err != nil {
		t.Fatal(err)
	}
	e.openSource()
	if err := e.takeFirstFile(); err != nil {
		t.Fatal(err)
	}
	has := func(want string) {
		t.Helper()
		text, err := os.ReadFile(e.ConfigFile())
		if err != nil || filepath.Dir(e.ConfigFile()) != e.dir.Home() {
			t.Errorf("the file %s: %v", e.ConfigFile(), err)
		}
		if diff := cmp.Diff(want, string(text)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	has(three)
	if _, _, err := e.sync(atCommit(deployed(counted), commitA, false)); err != nil {
		t.Fatal(err)
	}
	if err := e.Write(set("count", "5")); err != nil {
		t.Fatal(err)
	}
	five := strings.Replace(three, "3", "5", 1)
	if _, _, err := e.sync(atCommit(deployed(counted), commitA, false)); err != nil {
		t.Fatal(err)
	}
	has(five) // as long as the same commit is deployed
	if _, _, err := e.sync(atCommit(deployed(counted), commitB, false)); err != nil {
		t.Fatal(err)
	}
	has(seven)
	// A job restored the count before it deployed the commit, which has one of before.
	s.at, s.commits[commitA]["Pulumi.dev.yaml"] = "", seven
	before := past("update", succeeded, 2*time.Hour, strings.Replace(counted, `"3"`, `"7"`, 1), "")
	if _, _, err := e.sync(atCommit(deployed(counted), commitA, true), before); err != nil {
		t.Fatal(err)
	}
	has(strings.Replace(seven, "7", "3", 1))
	s.at = ""
	s.commits[commitA] = map[string]string{"Pulumi.yaml": projectFile}
	if err := os.Remove(e.takenFrom()); err != nil {
		t.Fatal(err)
	}
	snap, _, err := e.sync(atCommit(deployed(counted), commitA, false))
	if err == nil || !strings.Contains(err.Error(), "it has no Pulumi.dev.yaml") || e.IsSynced(snap) {
		t.Errorf("synced %v, got %v", e.IsSynced(snap), err)
	}
}
