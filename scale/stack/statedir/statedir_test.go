package statedir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
)

// dirOf is the state directory at a path, as a stack of the program demo sees it.
func dirOf(t *testing.T, path, stack, backend string) Dir {
	t.Helper()
	t.Setenv("PULUMI_BACKEND_URL", "") // else it counts, and not the program's
	program := demoProject()
	program.Dir, program.Backend = t.TempDir(), &workspace.ProjectBackend{URL: backend}
	return Dir{Path: path, Named: true, Stack: stack, Program: program}
}

func TestOnlyWhatBearsTheMarkIsRemoved(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, dir string) error
		gone bool
	}{
		"a folder of ours": {func(t *testing.T, dir string) error {
			made, err := newFolder(filepath.Dir(dir))
			if err != nil {
				return err
			}
			filestest.WriteAll(t, map[string]string{filepath.Join(made, "below", "file"): "x"})
			return os.Rename(made, dir)
		}, true},
		"a folder of a name like ours": {func(_ *testing.T, dir string) error { return os.Mkdir(dir, 0o700) }, false},
		"a folder with a record": {func(t *testing.T, dir string) error {
			filestest.WriteAll(t, map[string]string{filepath.Join(dir, recordFile): "{}"})
			return nil
		}, false},
		"a mark that says something else": {func(t *testing.T, dir string) error {
			filestest.WriteAll(t, map[string]string{filepath.Join(dir, markFile): "mine\n"})
			return nil
		}, false},
		"a mark that is a link": {func(t *testing.T, dir string) error {
			mark := filepath.Join(filepath.Dir(dir), "mark")
			filestest.WriteAll(t, map[string]string{mark: markText, filepath.Join(dir, "file"): "x"})
			return os.Symlink(mark, filepath.Join(dir, markFile))
		}, false},
		"a link to a folder of ours": {func(_ *testing.T, dir string) error {
			made, err := newFolder(filepath.Dir(dir))
			if err != nil {
				return err
			}
			return os.Symlink(made, dir)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), copyPrefix+"1")
			if err := c.make(t, dir); err != nil {
				t.Skip(err)
			}
			removeFolder(dir)
			(&Record{Dir: dir}).Remove()
			if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) != c.gone {
				t.Errorf("gone %v, want %v", err, c.gone)
			}
		})
	}
}

func TestOneStackIsTheSameHoweverItIsCalled(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "backend")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(folder, link); err != nil {
		t.Skip(err)
	}
	for name, c := range map[string][4]string{
		"a backend's folder through a link":   {"dev", "file://" + folder, "dev", "file://" + link},
		"and with what does not tell":         {"dev", "file://" + folder, "dev", "file://" + folder + "/?no_tmp_dir=true"},
		"and by escapes":                      {"dev", "file://" + folder, "dev", "file://" + strings.ReplaceAll(folder, "b", "%62")},
		"with its project":                    {"dev", "file://" + folder, "organization/demo/dev", "file://" + folder},
		"with another password":               {"dev", "postgres://me:one@host/db?sslmode=disable", "dev", "postgres://you:two@HOST/db"},
		"a bucket's region":                   {"dev", "s3://bucket", "dev", "s3://bucket/?region=eu-central-1&awssdk=v2"},
		"with the organisation that it is of": {"dev", "https://api.pulumi.com", "org/demo/dev", "https://api.pulumi.com/"},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			one, other := dirOf(t, state, c[0], c[1]), dirOf(t, state, c[2], c[3])
			if err := one.makeFolders(); err != nil {
				t.Fatal(err)
			}
			if one.Home() != other.Home() || !one.Identity().Is(other.Identity()) {
				t.Errorf("%+v\n%+v", one.Identity(), other.Identity())
			}
			if strings.Contains(one.Identity().Backend, "one") {
				t.Errorf("it tells a password: %s", one.Identity().Backend)
			}
		})
	}
}

// These are records that a version before has left in the state directory itself.
func TestRecordsOfAVersionBeforeAreFound(t *testing.T) {
	const old = `{"stack":"dev","id":"x","pools":["worker"],"host":"gone","started":"2026-01-01T00:00:00Z","doubted":["worker"]}`
	event := func(project string) string {
		return `{"resourcePreEvent":{"metadata":{"urn":"urn:pulumi:dev::` + project + `::a:b:C::w"}}}` + "\n"
	}
	for name, c := range map[string]struct {
		folder string
		files  map[string]string
		beside map[string]string
		found  bool
	}{
		"of this program":                       {"pulumiscale-12", map[string]string{recordFile: old, EventFile: event("demo")}, nil, true},
		"of another program":                    {"pulumiscale-12", map[string]string{recordFile: old, EventFile: event("other")}, nil, false},
		"of a stack of another name":            {"pulumiscale-12", map[string]string{recordFile: strings.Replace(old, "dev", "prod", 1)}, nil, false},
		"that tells no program":                 {"pulumiscale-12", map[string]string{recordFile: old, pidFile: "1", tieFile: "x", "Pulumi.dev.yaml": "config: {}"}, nil, true},
		"that tells none, beside another's":     {"pulumiscale-12", map[string]string{recordFile: old}, map[string]string{"last-dev.json": `{"stack":"dev","backend":"file:///other"}`}, false},
		"that tells none, beside what is ours":  {"pulumiscale-12", map[string]string{recordFile: old}, map[string]string{"proof-dev.json": `{"stack":"dev","backend":"file:///b?x"}`}, true},
		"in a folder that holds something else": {"pulumiscale-12", map[string]string{recordFile: old, "main.go": "package main"}, nil, false},
		"in a folder that holds a folder":       {"pulumiscale-12", map[string]string{recordFile: old, ".git/HEAD": "x"}, nil, false},
		"in a folder of another name":           {"pulumiscale-prod", map[string]string{recordFile: old}, nil, false},
		"that is none":                          {"pulumiscale-12", map[string]string{recordFile: "{"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := dirOf(t, t.TempDir(), "dev", "file:///b")
			if err := d.makeFolders(); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(d.Path, c.folder)
			files := map[string]string{}
			for name, text := range c.files {
				files[filepath.Join(dir, name)] = text
			}
			for name, text := range c.beside {
				files[filepath.Join(d.Path, name)] = text
			}
			filestest.WriteAll(t, files)
			d.removeLeftovers()
			records := d.Records()
			if (len(records) == 1 && records[0].HasEnded() && cmp.Diff([]string{"worker"}, records[0].Doubted) == "") != c.found {
				t.Errorf("found %v, want %v", records, c.found)
			}
			if told := d.Unclaimed(); (len(told) > 0) == c.found {
				t.Errorf("told of %v", told)
			}
			for _, r := range records {
				r.Remove()
			}
			for path := range files {
				if _, err := os.Stat(path); err != nil && (filepath.Dir(path) != dir || !c.found) {
					t.Errorf("removed: %v", err)
				}
			}
			if _, err := os.Stat(dir); (err != nil) != c.found {
				t.Errorf("the folder: %v", err)
			}
		})
	}
}

func TestHoldsOfAVersionBeforeHold(t *testing.T) {
	d := dirOf(t, t.TempDir(), "dev", "file:///b")
	old := filepath.Join(d.Path, "hold-dev.json")
	filestest.WriteAll(t, map[string]string{old: `{"format":1,"holds":[{"pool":"a","since":"2026-01-01T00:00:00Z","until":"2099-01-01T00:00:00Z"}]}`})
	holds := func() int {
		t.Helper()
		found, err := d.Holds()
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if holds() != 1 {
		t.Error("the hold is lost")
	}
	if err := d.ChangeHolds(func(h scale.Holds) scale.Holds { return h.With(scale.Hold{Pool: "b"}) }); err != nil || holds() != 2 {
		t.Errorf("%d holds, %v", holds(), err)
	}
	if err := d.ChangeHolds(func(scale.Holds) scale.Holds { return nil }); err != nil || holds() != 0 {
		t.Errorf("it holds again: %d, %v", holds(), err)
	}
	if _, err := os.Stat(old); err != nil {
		t.Errorf("it may be another program's: %v", err)
	}
}

// An engine of another container, on the same volume, is not dead because no process here has its number.
func TestAnEngineElsewhereLivesAsLongAsItHoldsItsFile(t *testing.T) {
	const nobody = 1 << 22
	host, _ := os.Hostname()
	for name, c := range map[string]struct {
		host, space string
		held, ended bool
	}{
		"here, and gone":                              {host, process.Space(), false, true},
		"here, and gone, and its plugin is left":      {host, process.Space(), true, true},
		"of a container that is gone":                 {"before", "other", false, true},
		"of a container that runs":                    {"beside", "other", true, false},
		"of one of this name that runs":               {host, "other", true, false},
		"of a version before, elsewhere, and it runs": {"beside", "", true, false},
		"of a version before, elsewhere, and is gone": {"before", "", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.held && os.PathSeparator == '\\' || c.space == "" && process.Space() == "" && c.host == host {
				t.Skip("it cannot be told here")
			}
			dir := t.TempDir()
			r := &Record{Dir: dir, Host: c.host, Space: c.space, PID: nobody, Started: time.Now()}
			if c.held {
				defer tie(t, r.Tie())()
			}
			if got := r.HasEnded(); got != c.ended {
				t.Errorf("ended %v, want %v", got, c.ended)
			}
			if owns := r.Owns(scale.LockHolder{Host: c.host, PID: nobody, Since: time.Now()}); owns != c.ended {
				t.Errorf("its lock would be removed: %v, want %v", owns, c.ended)
			}
		})
	}
}

func TestARecordThatCannotBeBelievedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *Record) error
		want   string
	}{
		"one of ours":                 {func(*Record) error { return nil }, ""},
		"of another program":          {func(r *Record) error { r.Project = "other"; return r.Save() }, "it is about an update of stack dev of project other"},
		"of another backend":          {func(r *Record) error { r.Backend = "file:///other"; return r.Save() }, "in file:///other"},
		"one that is cut off":         {func(r *Record) error { return os.Truncate(filepath.Join(r.Dir, recordFile), 5) }, "its record cannot be read"},
		"a folder without one":        {func(r *Record) error { return os.Remove(filepath.Join(r.Dir, recordFile)) }, ""},
		"a link in a record's place":  {func(r *Record) error { return relink(r.Dir) }, "it is a file or a link"},
		"a link in its folder's":      {func(r *Record) error { return relink(filepath.Dir(r.Dir)) }, "it is a link"},
		"a link in all the stacks'":   {func(r *Record) error { return relink(filepath.Dir(filepath.Dir(filepath.Dir(r.Dir)))) }, "it is a link"},
		"a link to another directory": {func(r *Record) error { return relink(stateDirOf(r)) }, ""},
		"a link to nothing":           {func(r *Record) error { return errors.Join(relink(stateDirOf(r)), os.RemoveAll(stateDirOf(r)+"-moved")) }, "not there"},
		"a file": {func(r *Record) error {
			return errors.Join(os.RemoveAll(stateDirOf(r)), os.WriteFile(stateDirOf(r), nil, 0o600))
		}, "it is not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			d := dirOf(t, filepath.Join(t.TempDir(), "state"), "dev", "file:///b")
			r, err := d.NewRecord("id", []string{"worker"})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.change(r); err != nil {
				t.Skip(err)
			}
			unlock, err := d.Lock(context.Background(), func(string) {})
			if err == nil {
				unlock()
			}
			if setup, ok := errors.AsType[*scale.SetupError](err); ok != (c.want != "") || ok && (!strings.Contains(err.Error(), c.want) || setup.Hint == "") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func stateDirOf(r *Record) string {
	return filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(r.Dir))))
}

// relink moves a folder away, and puts a link to it in its place.
func relink(dir string) error {
	moved := dir + "-moved"
	if filepath.Base(filepath.Dir(dir)) == updatesFolder {
		moved = filepath.Join(filepath.Dir(filepath.Dir(dir)), "moved")
	}
	return errors.Join(os.Rename(dir, moved), os.Symlink(moved, dir))
}
