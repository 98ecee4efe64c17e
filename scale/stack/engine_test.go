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
	"github.com/pulumiscale/pulumiscale/scale/stack/cli/clitest"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// engineScript is a CLI that answers from files of its folder. These are export.json (before that, once, first.json;
// and meanwhile is run) and history1.json, or history2.json if more than 20 updates are asked for. For an update or a
// preview there are an event log, what it writes elsewhere, an exit code and what it prints. It writes down how it was
// called and which configuration it was given.
const engineScript = `
cd "$(dirname "$0")"
echo "$*" >>calls
case "$*" in
*"stack export"*) [ -e meanwhile ] && . ./meanwhile; if [ -e first.json ]; then cat first.json; rm first.json; else cat export.json; fi ;;
*"stack history"*) while [ $# -gt 0 ]; do [ "$1" = --page-size ] && size=$2; shift; done; if [ "$size" -gt 20 ]; then cat history2.json; else cat history1.json; fi ;;
*"stack --show-name"*) echo dev ;;
*" cancel "*) ;;
*)
	while [ $# -gt 0 ]; do
		[ "$1" = --event-log ] && log=$2
		[ "$1" = --config-file ] && cat "$2" >config
		[ "$1" = --save-plan ] && { cat plan 2>/dev/null || echo '{}'; } >"$2"
		shift
	done
	[ -e orderly ] && trap 'exit 255' INT
	cat events >"$log" 2>/dev/null
	[ -e writes ] && . ./writes
	[ -e stderr ] && cat stderr >&2
	exit "$(cat code 2>/dev/null || echo 0)" ;;
esac
`

// engine is a stack with such a CLI. [engine.put] makes its files.
type engine struct {
	*Stack
	clitest.Script
	t *testing.T
}

func newEngine(t *testing.T) engine {
	t.Helper()
	s := clitest.New(t, engineScript)
	project := demoProject()
	project.Dir = t.TempDir()
	e := engine{t: t, Script: s, Stack: &Stack{
		name: "dev", command: s.Command, project: project, dir: statedir.Dir{Path: t.TempDir(), Stack: "dev", Program: project},
		file: configfile.File{Path: filepath.Join(project.Dir, "Pulumi.dev.yaml"), Project: project.Project},
	}}
	if _, err := e.StateDir(); err != nil {
		t.Fatal(err)
	}
	e.put("export.json", `{"deployment":{}}`)
	e.put("history1.json", `[]`)
	return e
}

// leftBehind are the files and folders in the stack's own folder of the state directory that do not belong to the
// folder itself.
func (e engine) leftBehind() []string {
	made := []string{".gitignore", "stack.json", "updates"}
	names := slices.DeleteFunc(files.Names(e.dir.Home()), func(name string) bool { return slices.Contains(made, name) })
	return append(names, files.Names(filepath.Join(e.dir.Home(), "updates"))...)
}

// kept is the path of a file in the stack's own folder.
func (e engine) kept(name string) string { return filepath.Join(e.dir.Home(), name) }

func (e engine) put(name, text string) {
	e.t.Helper()
	if err := os.WriteFile(filepath.Join(e.Dir, name), []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

// called are the calls of the CLI that contain a word.
func (e engine) called(word string) []string {
	calls, err := os.ReadFile(filepath.Join(e.Dir, "calls"))
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(string(calls)), "\n"), func(s string) bool { return !strings.Contains(s, word) })
}

const rulesOutput = `{"worker":{"urn":"urn:pulumi:dev::demo::a:b:C::w","configKey":"count","min":1,"max":9,"cooldown":"5m"}}`

func exportOf(rules string) string {
	return `{"version":3,"deployment":{"resources":[
		{"urn":"urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev","type":"pulumi:pulumi:Stack","outputs":{"pulumiscale":` + rules + `}},
		{"urn":"urn:pulumi:dev::demo::a:b:C::w","type":"a:b:C"}],
		"pending_operations":[{"resource":{"urn":"urn:pending"},"type":"creating"}]}}`
}

// past is an entry of the history.
func past(kind, result string, age time.Duration, config, agent string) string {
	at := time.Now().Add(-age).UTC().Format(time.RFC3339)
	return fmt.Sprintf(`{"version":0,"kind":%q,"startTime":%q,"endTime":%q,"message":"m","result":%q,"config":%s,"environment":{"exec.agent":%q,"git.author":"me"}}`,
		kind, at, at, result, config, agent)
}

func history(entries ...string) string { return "[" + strings.Join(entries, ",") + "]" }

const counted = `{"demo:count":{"value":"3","secret":false},"demo:b":{"value":"x","secret":false}}`

func TestRead(t *testing.T) {
	e := newEngine(t)
	e.put("export.json", exportOf(rulesOutput))
	e.put("history1.json", history(past("update", "in-progress", 0, counted, ""), past("update", "succeeded", time.Hour, counted, "pulumiscale/1"),
		past("refresh", "failed", 2*time.Hour, `{"demo:count":{"value":"7","secret":true}}`, "")))
	if err := os.WriteFile(e.file.Path, []byte("config:\n  demo:count: 4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := e.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Updates) != 2 || got.Updates[0].End.IsZero() || len(got.Head) != 16 {
		t.Fatalf("updates %+v, head %q", got.Updates, got.Head)
	}
	for i := range got.Updates {
		got.Updates[i].Start, got.Updates[i].End = time.Time{}, time.Time{}
	}
	if diff := cmp.Diff(canonical(t, rulesOutput), string(got.Output)); diff != "" {
		t.Errorf("the output: -want +got:\n%s", diff)
	}
	for i := range got.Updates {
		if len(got.Updates[i].Head) != 16 {
			t.Errorf("the head of update %d is %q", i, got.Updates[i].Head)
		}
		got.Updates[i].Head = ""
	}
	got.Head, got.Rules, got.DependsOn, got.Dependencies, got.Output = "", nil, nil, nil, nil
	if got.Deploy == nil || got.Deploy.At.IsZero() {
		t.Errorf("deployed by %+v", got.Deploy)
	}
	got.Deploy = nil
	want := &scale.Snapshot{
		Resources: []string{"urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev", "urn:pulumi:dev::demo::a:b:C::w"}, Pending: []string{"urn:pending"},
		Updates: []scale.Update{
			{Kind: "update", Succeeded: true, Message: "m", By: "me", ID: "pulumiscale/1", Values: map[string]*string{"worker": new("3")}},
			{Kind: "refresh", Message: "m", By: "me", Values: map[string]*string{"worker": new("[secret]")}},
		},
		Complete: true, File: map[string]*string{"worker": new("4")},
		Config:  map[string]string{"demo:count": `"3"`, "demo:b": `"x"`},
		Program: scale.Program{ConfigDiffers: []string{"demo:b"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadReachesBackBehindTheCooldown(t *testing.T) {
	page := func(n int, age time.Duration) string {
		return history(slices.Repeat([]string{past("update", "succeeded", age, counted, "")}, n)...)
	}
	for _, c := range []struct {
		name  string
		pages []string
		// reads is how many pages are read, and updates how many updates are found.
		reads, updates int
		complete       bool
	}{
		{"a page that is not full is all there is", []string{page(3, 0)}, 1, 3, true},
		{"a page that ends in the cooldown is not enough", []string{page(20, time.Minute), page(160, time.Hour)}, 2, 160, false},
		{"a page that ends before it is", []string{page(20, time.Hour)}, 1, 20, false},
		{"failures and refreshes do not count", []string{
			history(slices.Repeat([]string{past("update", "failed", time.Hour, counted, ""), past("refresh", "succeeded", time.Hour, counted, "")}, 10)...), page(21, 0),
		}, 2, 21, true},
		{"what was added since it was read first is not of that reading", []string{
			history(slices.Repeat([]string{past("update", "succeeded", time.Minute, counted, "pulumiscale/1 after=x pools=worker")}, 20)...),
			history(slices.Concat([]string{past("update", "succeeded", 0, counted, "pulumiscale/2 after=y pools=worker")},
				slices.Repeat([]string{past("update", "succeeded", time.Minute, counted, "pulumiscale/1 after=x pools=worker")}, 20),
				slices.Repeat([]string{past("update", "succeeded", time.Hour, counted, "")}, 5))...),
		}, 2, 25, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			e.put("export.json", exportOf(rulesOutput))
			for i, text := range c.pages {
				e.put(fmt.Sprintf("history%d.json", i+1), text)
			}
			got, err := e.Read(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if reads := len(e.called("history")); reads != c.reads || len(got.Updates) != c.updates || got.Complete != c.complete {
				t.Errorf("%d pages, %d updates, complete %v", reads, len(got.Updates), got.Complete)
			}
		})
	}
}

// As many are read as should be enough, because each process takes its time and all that it tells takes memory.
func TestMoreOfTheHistoryIsReadByHowDenseItIs(t *testing.T) {
	rules := scale.Rules{"worker": {Pool: "worker", Cooldown: scale.Cooldown{Down: 5 * time.Minute}}}
	for age, want := range map[time.Duration]int{
		time.Second: 160, time.Minute: 150, 2 * time.Minute: 75, 4 * time.Minute: 40, time.Hour: 160,
	} {
		if got := larger(20, []scale.Update{{End: time.Now()}, {End: time.Now().Add(-age)}}, rules); got > want || got < want-1 {
			t.Errorf("20 updates in %v, and then %d", age, got)
		}
	}
	if got := larger(160, nil, rules); got != 1280 {
		t.Errorf("after none of 160 updates %d", got)
	}
}

func TestReadOfAStackWithoutRules(t *testing.T) {
	var rules *scale.RulesError
	if _, err := newEngine(t).Read(context.Background()); !errors.As(err, &rules) {
		t.Errorf("got %v", err)
	}
}

func TestHistoryReadsAll(t *testing.T) {
	e := newEngine(t)
	e.put("history1.json", history(slices.Repeat([]string{past("update", "succeeded", 0, counted, "")}, 30)...))
	got, complete, err := e.History(context.Background(), leastRule("count", false), 0)
	if err != nil || len(got) != 30 || !complete {
		t.Errorf("%d updates, complete: %v, error %v", len(got), complete, err)
	}
	if calls := e.called("--page-size 0"); len(calls) != 1 {
		t.Errorf("calls %q", calls)
	}
}

// TestReadOfPulumiCloud reads a history in the service's form: it is numbered, and has updates that have not ended or
// not even begun.
func TestReadOfPulumiCloud(t *testing.T) {
	numbered := func(version int, entry string) string {
		return strings.Replace(entry, `"version":0`, fmt.Sprintf(`"version":%d`, version), 1)
	}
	seven := numbered(7, past("update", "succeeded", time.Hour, counted, "pulumiscale/1"))
	e := newEngine(t)
	e.put("export.json", exportOf(rulesOutput))
	e.put("history1.json", history(
		numbered(0, past("update", "not-started", 0, counted, "")), numbered(8, past("update", "in-progress", 0, counted, "")), seven))
	got, err := e.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Updates) != 1 || got.Updates[0].ID != "pulumiscale/1" || got.Head == "" {
		t.Fatalf("updates %+v, head %q", got.Updates, got.Head)
	}
	// The service may add to what it tells of an update that has ended.
	e.put("history1.json", history(strings.Replace(seven, `"message"`, `"resourceChanges":{"update":1},"message"`, 1)))
	again, err := e.Read(context.Background())
	if err != nil || again.Head != got.Head {
		t.Errorf("head %q and then %q, error %v", got.Head, again.Head, err)
	}
	e.put("history1.json", history(numbered(8, past("update", "failed", 0, counted, "")), seven))
	if later, err := e.Read(context.Background()); err != nil || later.Head == got.Head {
		t.Errorf("head %q still, error %v", got.Head, err)
	}
}

func TestReadGivesUpWaiting(t *testing.T) {
	e := newEngine(t)
	e.command = clitest.New(t, "exec sleep 60").Command
	e.options.BackendTimeout = 50 * time.Millisecond
	_, err := e.Read(context.Background())
	var unavailable *scale.UnavailableError
	if !errors.As(err, &unavailable) || !strings.Contains(unavailable.Detail, "no answer within 50ms") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := e.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller's own end: %v", err)
	}
}

// A backend that takes a connection and answers nothing keeps an engine from its lock, and so from anything.
func TestAnEngineWhoseBackendIsSilentIsGivenUp(t *testing.T) {
	const doc = "config:\n  demo:count: 3\n"
	for name, run := range map[string]func(engine) error{
		"an update": func(e engine) error {
			_, err := e.Update(context.Background(), aChange(), scale.Unobserved)
			return err
		},
		"a preview": func(e engine) error {
			_, err := e.Preview(context.Background(), aChange(), scale.Unobserved)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t)
			filestest.WriteAll(t, map[string]string{e.file.Path: doc})
			e.command = clitest.New(t, "exec sleep 60").Command
			e.options.BackendTimeout = 50 * time.Millisecond
			err := run(e)
			if found, ok := errors.AsType[*scale.UnavailableError](err); !ok || !strings.Contains(found.Detail, "no answer within 50ms") {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(doc, filestest.Content(t, e.file.Path)); diff != "" {
				t.Errorf("the file: -want +got:\n%s", diff)
			}
		})
	}
}

// Once there is an event log, the engine has its lock: however long it works, nobody gives it up.
func TestAnEngineThatHasBegunIsNotGivenUp(t *testing.T) {
	if testing.Short() {
		t.Skip("the engine works for a second and a half")
	}
	e := newEngine(t)
	e.put("export.json", exportOf(rulesOutput))
	e.put("events", string(eventLog(t, "scale")))
	e.put("writes", "sleep 1.5")
	e.options.BackendTimeout = time.Second
	if _, err := e.Update(context.Background(), workerChange(), scale.Unobserved); err != nil {
		t.Errorf("error %v", err)
	}
}

func aChange() scale.Change {
	return scale.Change{Settings: set("count", "5"), Targets: []string{"urn:a", "**::b"}, Message: "pulumiscale: worker 3 -> 5"}
}

func TestUpdate(t *testing.T) {
	e := newEngine(t)
	const doc = "config:\n  demo:count: 3 # n\n"
	if err := os.WriteFile(e.file.Path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	e.put("events", string(eventLog(t, "scale")))
	change := aChange()
	change.TargetDependents, change.Refresh, e.options.Parallel = true, true, 4
	got, err := e.Update(context.Background(), change, scale.Unobserved)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Steps) != 1 || !strings.HasPrefix(got.ID, "pulumiscale/") || got.Overtaken || got.Duration <= 0 || got.Output == nil {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff("config:\n  demo:count: 5 # n\n", filestest.Content(t, filepath.Join(e.Dir, "config"))); diff != "" {
		t.Errorf("the engine's configuration: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(doc, filestest.Content(t, e.file.Path)); diff != "" {
		t.Errorf("the stack's file: -want +got:\n%s", diff)
	}
	calls := e.called(" up ")
	if len(calls) != 1 {
		t.Fatalf("calls %q", calls)
	}
	for _, want := range []string{
		"--yes", "--skip-preview", "--message pulumiscale: worker 3 -> 5", "--exec-agent " + got.ID, "--stack dev", "--target urn:a --target **::b",
		"--target-dependents", "--refresh", "--parallel 4",
	} {
		if !strings.Contains(calls[0]+" ", want+" ") {
			t.Errorf("no %q in %q", want, calls[0])
		}
	}
	if left := e.folders(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUpdateThatFails(t *testing.T) {
	for _, c := range []struct {
		name, events, stderr string
		check                func(error) bool
	}{
		{"at the lock", "", lockedText, func(err error) bool {
			var locked *scale.LockedError
			return errors.As(err, &locked) && len(locked.Holders) == 1
		}},
		{"in the provider", "failed", "", func(err error) bool {
			var engine *scale.EngineError
			return errors.As(err, &engine) && len(engine.Diagnostics) == 1 && !engine.Interrupted
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			const doc = "config:\n  demo:count: 3\n"
			if err := os.WriteFile(e.file.Path, []byte(doc), 0o600); err != nil {
				t.Fatal(err)
			}
			e.put("stderr", c.stderr)
			e.put("code", "1")
			if c.events != "" {
				e.put("events", string(eventLog(t, c.events)))
			}
			if _, err := e.Update(context.Background(), aChange(), scale.Unobserved); !c.check(err) {
				t.Errorf("got %#v", err)
			}
			if diff := cmp.Diff(doc, filestest.Content(t, e.file.Path)); diff != "" {
				t.Errorf("the stack's file: -want +got:\n%s", diff)
			}
		})
	}
}

func TestUpdateDoesNotStartWhereTheResultCannotBeWritten(t *testing.T) {
	e := newEngine(t)
	e.file.Path = filepath.Join(e.project.Dir, "nowhere", "Pulumi.dev.yaml")
	var setup *scale.SetupError
	if _, err := e.Update(context.Background(), aChange(), scale.Unobserved); !errors.As(err, &setup) {
		t.Errorf("got %v", err)
	}
	if calls := e.called(""); len(calls) > 0 {
		t.Errorf("calls %q", calls)
	}
}

func TestPreview(t *testing.T) {
	e := newEngine(t)
	e.put("events", string(eventLog(t, "replace")))
	e.put("plan", `{"resourcePlans":{
		"urn:a":{"goal":{"dependencies":["urn:c"],"propertyDependencies":{"tag":["urn:b"],"name":[]}}},
		"urn:b":{"goal":{}},
		"urn:gone":{"steps":["delete"]}}}`)
	got, err := e.Preview(context.Background(), aChange(), scale.Unobserved)
	if diff := cmp.Diff(map[string][]string{"urn:a": {"urn:b", "urn:c"}, "urn:b": nil}, got.Dependencies); diff != "" {
		t.Errorf("-want +got dependencies:\n%s", diff)
	}
	if err != nil || len(got.Steps) != 3 || got.ID != "" || got.Overtaken {
		t.Errorf("got %+v, error %v", got, err)
	}
	if calls := e.called(""); len(calls) != 1 || !strings.Contains(calls[0], " preview ") || strings.Contains(calls[0], "--yes") {
		t.Errorf("calls %q", calls)
	}
	if _, err := os.Stat(e.file.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a preview made the stack's file: %v", err)
	}
}

func TestOpen(t *testing.T) {
	s := clitest.New(t, `case "$*" in *version*) echo "${FAKE_VERSION:-v3.250.0}" ;; *"--show-name --fully-qualify-stack-names"*) echo "${FAKE_SELECTED:-organization/demo/selected}" ;; *) exit 9 ;; esac`)
	t.Setenv("PATH", s.Dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PULUMI_HOME", t.TempDir())
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), []byte("name: demo\nruntime: yaml\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name                 string
		options              Options
		stack, file, stateIn string
	}{
		{"the selected stack", Options{Dir: dir}, "selected", "Pulumi.selected.yaml", filepath.Join(dir, ".pulumiscale")},
		{"a stack by its name", Options{Dir: dir, Stack: "dev"}, "dev", "Pulumi.dev.yaml", filepath.Join(dir, ".pulumiscale")},
		{"a stack by its full name", Options{Dir: dir, Stack: "org/demo/dev"}, "org/demo/dev", "Pulumi.dev.yaml", filepath.Join(dir, ".pulumiscale")},
		{"a state directory of one's own, from where one stands", Options{Dir: dir, Stack: "dev", StateDir: "state"}, "dev", "Pulumi.dev.yaml", filepath.Join(here, "state")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Open(context.Background(), c.options)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{c.stack, filepath.Join(dir, c.file), c.stateIn}
			if diff := cmp.Diff(want, []string{got.Name(), got.ConfigFile(), got.dir.Path}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	t.Setenv("FAKE_SELECTED", "sister/demo/dev")
	if got, err := Open(context.Background(), Options{Dir: dir}); err != nil || got.Name() != "sister/demo/dev" ||
		got.ConfigFile() != filepath.Join(dir, "Pulumi.dev.yaml") {
		t.Errorf("the selected stack of another organisation of Pulumi Cloud: %v, error %v", got, err)
	}
	var setup *scale.SetupError
	if _, err := Open(context.Background(), Options{Dir: filepath.Join(dir, "nowhere")}); !errors.As(err, &setup) {
		t.Errorf("a directory that is not there: %v", err)
	}
	if _, err := Open(context.Background(), Options{Dir: here}); !errors.As(err, &setup) {
		t.Errorf("a directory without a project: %v", err)
	}
	t.Setenv("FAKE_VERSION", "v3.100.0")
	if _, err := Open(context.Background(), Options{Dir: dir}); err != nil {
		t.Errorf("a CLI that was found new enough is asked again: %v", err)
	}
	replaceIn(t, s, "exit 9", "exit 8; exit 9")
	if _, err := Open(context.Background(), Options{Dir: dir}); !errors.As(err, &setup) || !strings.Contains(setup.Hint, "3.200.0") {
		t.Errorf("a CLI that is too old: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Open(context.Background(), Options{Dir: dir}); !errors.As(err, &setup) || !strings.Contains(setup.Hint, "install") {
		t.Errorf("no CLI: %v", err)
	}
}

func TestAgentTellsWhatAnUpdateWasDecidedOn(t *testing.T) {
	e := newEngine(t)
	rules := strings.Replace(rulesOutput, `{"worker"`, `{"api":{"urn":"urn:pulumi:dev::demo::a:b:C::api","configKey":"api","min":0,"max":1},"worker"`, 1)
	e.put("export.json", exportOf(rules))
	before := past("update", "succeeded", time.Hour, counted, "cli")
	mark := func(head string) string {
		return agent("pulumiscale/1", scale.Change{Head: head, Pools: []string{"api", "worker"}})
	}
	for _, c := range []struct {
		name      string
		history   []string
		overtaken []bool
	}{
		{"the one before it", []string{past("update", "succeeded", 0, counted, mark(headOf(t, before))), before}, []bool{false, false}},
		{"an older one", []string{past("update", "succeeded", 0, counted, mark("0123456789abcdef")), before}, []bool{true, false}},
		{"none", []string{past("update", "succeeded", 0, counted, mark(""))}, []bool{false}},
		{"a failed one in between", []string{past("update", "succeeded", 0, counted, mark(headOf(t, before))), past("update", "failed", time.Minute, counted, "cli"), before}, []bool{true, false, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.put("history1.json", history(c.history...))
			snap, err := e.Read(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			var got []bool
			for _, u := range snap.Updates {
				got = append(got, u.Overtaken)
			}
			if diff := cmp.Diff(c.overtaken, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if u := snap.Updates[0]; u.ID != "pulumiscale/1" || !slices.Equal(u.Pools, []string{"api", "worker"}) {
				t.Errorf("got %+v", u)
			}
		})
	}
}
