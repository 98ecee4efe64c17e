package stack

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/natefinch/atomic"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

// Source keeps the program that is deployed, in a directory of its own.
type Source interface {
	// Dir is the program's directory. It need not exist yet.
	Dir() string
	// Commit returns the commit that the directory is at; empty if there is none. It starts no process.
	Commit() string
	// Sync brings the directory to a commit and prepares the program. It calls moving before it changes anything in the
	// directory. The error says why the program cannot be brought there, in words for people and without credentials,
	// or is the error of ctx.
	Sync(ctx context.Context, commit string, moving func(), observe scale.Observe) error
	// Read reads a file of a commit, by its path in the directory. The error is [fs.ErrNotExist] if the commit has no
	// such file.
	Read(ctx context.Context, commit, path string) ([]byte, error)
}

// place is where a program is, with the configuration file that belongs to it.
type place struct {
	project *project.Project
	file    configfile.File
}

// errNoProgram says that the program that is deployed has not been brought here yet.
var errNoProgram = errors.New("the program that is deployed is not here yet")

// program returns the program that the engine runs; nil if it has not been brought here yet.
func (s *Stack) program() *place {
	if s.source != nil {
		return s.kept.Load()
	}
	return &place{project: s.project, file: s.file}
}

// copyIn is the path of the private copy of the configuration in an update's folder.
func (s *Stack) copyIn(dir string) string {
	if at := s.program(); at != nil {
		return at.file.CopyIn(dir)
	}
	return s.file.CopyIn(dir)
}

// openSource makes the source if the options ask for one. It then finds the program that an earlier process has kept in
// the source.
func (s *Stack) openSource() {
	if s.options.Source == nil {
		return
	}
	s.source = s.options.Source(s.name)
	if s.options.Managed {
		s.file.Path = filepath.Join(s.dir.Home(), filepath.Base(s.file.Path))
	}
	if s.source.Commit() != "" {
		_ = s.findProgram() // a program that cannot be read is brought here anew
	}
}

// findProgram finds the kept program in the source's directory, with its own project file and configuration file. If
// the commit has no configuration file for the stack, the stack's present file stays in use.
func (s *Stack) findProgram() error {
	found, err := project.Find(s.source.Dir())
	if err != nil {
		return err
	}
	// [project.Find] also looks above the directory. A program that it finds above is not the kept one: the state
	// directory may be in a checkout.
	isThere := isFolder(found.Dir, s.source.Dir()) || s.options.Managed && isFolder(found.Dir, s.project.Dir)
	if !isThere {
		return &scale.ProgramError{Reason: "there is no program any more in the folder of the repository in which it was"}
	}
	if found.Name != s.project.Name {
		return &scale.SetupError{Problem: "the program that is deployed is of project " + string(found.Name) + ", and not of " + string(s.project.Name)}
	}
	file := configfile.File{Path: found.ConfigFile(s.name), Project: found.Project}
	if !files.IsFile(file.Path) {
		file.Path = s.file.Path
	}
	s.kept.Store(&place{project: found, file: file})
	return nil
}

// isFolder says whether two paths lead to the same folder.
func isFolder(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// elsewhere returns the variables that an engine needs if its program is not in the stack's directory. The address of a
// backend in a folder may be relative to the stack's directory, so the engine is given the absolute path. The result is
// nil if no variable is needed.
func (s *Stack) elsewhere(at *place) []string {
	address := s.project.BackendURL()
	dir, isFolder := s.project.BackendFolder(address)
	if at.project.Dir == s.project.Dir || !isFolder {
		return nil
	}
	if rest := strings.TrimPrefix(address, "file://"); strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "~") {
		return nil
	}
	return []string{"PULUMI_BACKEND_URL=file://" + filepath.ToSlash(dir)}
}

// IsSynced says whether the program is at the commit of the last deploy, so that SyncProgram has nothing to do.
func (s *Stack) IsSynced(snap *scale.Snapshot) bool {
	deploy := snap.Deploy
	if s.source == nil {
		return true
	}
	if s.program() == nil || deploy == nil || deploy.Commit == "" || deploy.Commit != s.source.Commit() {
		return false
	}
	if s.options.Managed && !s.hasTakenFile(deploy.Commit) {
		return false
	}
	explained := s.explained.Load()
	return !deploy.Dirty || explained != nil && *explained == deploy.Head
}

// SyncProgram brings the program to the commit of the last deploy.
func (s *Stack) SyncProgram(ctx context.Context, snap *scale.Snapshot, observe scale.Observe) error {
	if s.source == nil {
		return nil
	}
	deploy, updates, err := s.lastDeploy(ctx, snap)
	if err != nil {
		return err
	}
	if deploy == nil || deploy.Commit == "" {
		return &scale.ProgramError{Reason: "the stack's history has no commit for the last deploy: deploy from a git checkout"}
	}
	from, started := s.source.Commit(), time.Now()
	moved := s.program() == nil
	err = s.source.Sync(ctx, deploy.Commit, func() {
		moved = true
		s.prepared.take(nil).end() // the prepared engine was started with a different program
		s.kept.Store(nil)
		observe(scale.ProgramMoving{From: from, To: deploy.Commit})
	}, observe)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && moved {
		err = s.findProgram()
	}
	if err == nil {
		err = s.explainDirt(ctx, snap.Rules, deploy, updates)
	}
	if err == nil {
		s.explained.Store(&deploy.Head)
	}
	if err == nil && s.options.Managed {
		err = s.takeConfigFile(ctx, snap, deploy.Commit)
	}
	if err != nil {
		return programError(err)
	}
	if moved {
		observe(scale.ProgramMoved{From: from, To: deploy.Commit, Took: time.Since(started)})
	}
	return nil
}

func programError(err error) error {
	if scale.IsA[*scale.ProgramError](err) {
		return err
	}
	return &scale.ProgramError{Reason: err.Error(), Err: err}
}

// lastDeploy returns the newest deploy, and updates that include it. If snap does not have both, it reads the whole
// history.
func (s *Stack) lastDeploy(ctx context.Context, snap *scale.Snapshot) (*scale.Deploy, []scale.Update, error) {
	if snap.Deploy != nil && slices.ContainsFunc(snap.Updates, func(u scale.Update) bool { return u.Head == snap.Deploy.Head }) || snap.Complete {
		return snap.Deploy, snap.Updates, nil
	}
	entries, _, err := s.readHistory(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	updates, err := s.updates(entries, snap.Rules)
	return deployOf(entries), updates, err
}

// explainDirt returns an error if the deploy's checkout had uncommitted changes, unless the deploy's counts differ from
// the counts in its commit. `pulumiscale restore` writes the counts that were scaled to into the configuration file
// before a deploy, so such counts explain the uncommitted changes. If anything else was changed too, the proof shows
// that.
func (s *Stack) explainDirt(ctx context.Context, rules scale.Rules, deploy *scale.Deploy, updates []scale.Update) error {
	if !deploy.Dirty {
		return nil
	}
	at := s.program()
	committed, err := s.committedFile(ctx, at, deploy.Commit)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	counts, err := at.file.CountsIn(committed, rules)
	if err != nil {
		return err
	}
	for _, u := range updates {
		if u.Head != deploy.Head {
			continue
		}
		for pool := range rules {
			if was, is := counts[pool], u.Values[pool]; (was == nil) != (is == nil) || was != nil && *was != *is {
				return nil
			}
		}
	}
	return &scale.ProgramError{Reason: "the stack was deployed from " + deploy.String() + ": deploy from a clean checkout"}
}

// committedFile reads the configuration file of the program at the place, as a commit has it.
func (s *Stack) committedFile(ctx context.Context, at *place, commit string) ([]byte, error) {
	path, err := filepath.Rel(at.project.Dir, at.project.ConfigFile(s.name))
	if err != nil {
		return nil, err
	}
	return s.source.Read(ctx, commit, filepath.ToSlash(path))
}

// takeConfigFile copies the deployed program's configuration file over the stack's own file, once for each commit, and
// puts the counts of the last successful update into it.
func (s *Stack) takeConfigFile(ctx context.Context, snap *scale.Snapshot, commit string) error {
	if s.hasTakenFile(commit) {
		return nil
	}
	text, err := s.committedFile(ctx, s.program(), commit)
	if errors.Is(err, fs.ErrNotExist) {
		return &scale.ProgramError{Reason: "it has no " + filepath.Base(s.program().project.ConfigFile(s.name)) + ", and with that no configuration of the stack"}
	}
	if err != nil {
		return err
	}
	if _, err := s.dir.Make(); err != nil {
		return err
	}
	if err := atomic.WriteFile(s.file.Path, bytes.NewReader(text)); err != nil {
		return err
	}
	if err := s.writeCounts(snap); err != nil {
		return err
	}
	return atomic.WriteFile(s.takenFrom(), strings.NewReader(commit))
}

// writeCounts puts the counts of the last successful update into the stack's configuration file, which has been taken
// from a commit. The commit may have different counts: `pulumiscale restore` may have written the update's counts
// before the deploy, or a scaling may have changed the counts after it.
func (s *Stack) writeCounts(snap *scale.Snapshot) error {
	now := *snap
	if err := s.fillFile(&now); err != nil {
		return err
	}
	var settings []scale.Setting
	for _, d := range now.Drifts() {
		if !d.Edit && now.Forms[d.Pool] == "" {
			settings = append(settings, scale.Setting{Key: d.Key, Path: d.Path, Value: d.Configured})
		}
	}
	if len(settings) == 0 {
		return nil
	}
	return s.file.Write(settings)
}

// hasTakenFile says whether the stack's own configuration file exists and was taken from the commit.
func (s *Stack) hasTakenFile(commit string) bool {
	taken, err := os.ReadFile(s.takenFrom())
	return err == nil && string(taken) == commit && files.IsFile(s.file.Path)
}

// takeFirstFile copies the kept program's configuration file to the path of the stack's own file, if there is no file
// at that path yet. It cannot wait for the last deploy to be known, because the stack's own file is read before that.
func (s *Stack) takeFirstFile() error {
	at := s.program()
	if !s.options.Managed || at == nil || files.IsFile(s.file.Path) || at.file.Path == s.file.Path {
		return nil
	}
	text, err := at.file.Read()
	if err == nil {
		_, err = s.dir.Make()
	}
	if err == nil {
		err = atomic.WriteFile(s.file.Path, bytes.NewReader(text))
	}
	if err != nil {
		return &scale.SetupError{Problem: "cannot copy the stack's config file from the deployed program", Err: err}
	}
	return nil
}

// takenFrom is the file that says from which commit the configuration file was taken.
func (s *Stack) takenFrom() string { return s.file.Path + ".commit" }
