package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/storage"
)

// traces are what a self-managed backend has of the stack: its state, which is written anew whenever something changes,
// and the newest update of its history. An engine adds its update after all that it writes of the state, and before it
// gives its lock back. Both times are by the backend's clock; in a folder, addedAt is by the engine's.
type traces struct {
	// history is where the history is. updates is how many updates the history has; 0 if the backend is no folder,
	// because only a folder shows that at once.
	history string
	updates int
	newest  string
	// since is how many updates there are after the known one that was asked about.
	since int
	// state is a mark that changes whenever the state is written. written is when the state was last written, and
	// addedAt is when the newest update was added.
	state            string
	written, addedAt time.Time
}

// traces finds the stack's traces, and how many updates there are after a known one. ok is false if they cannot be
// found without the CLI, and for a moment while something is replaced.
func (s *Stack) traces(ctx context.Context, known string) (_ traces, ok bool) {
	dir, isFolder := s.project.BackendFolder(s.project.CurrentBackend())
	if !isFolder {
		return s.tracesElsewhere(ctx, known)
	}
	dir = filepath.Join(dir, ".pulumi")
	place, state, ok := s.stateFile(dir)
	if !ok {
		return traces{}, false
	}
	t := traces{
		history: filepath.Join(dir, "history", place), written: state.ModTime(),
		state: fmt.Sprint(files.Inode(state), " ", state.Size(), " ", state.ModTime().UnixNano()),
	}
	var err error
	if t.updates, t.newest, t.since, err = historyFiles(t.history, known); err != nil {
		return traces{}, false
	}
	t.addedAt, _ = storage.AddedAt(t.newest)
	return t, true
}

// isInFolder says whether the backend is a folder.
func (s *Stack) isInFolder() bool {
	_, ok := s.project.BackendFolder(s.project.CurrentBackend())
	return ok
}

// tracesElsewhere are the traces in a bucket, a container or a database.
func (s *Stack) tracesElsewhere(ctx context.Context, known string) (_ traces, ok bool) {
	kept := s.storage.open(ctx, s)
	if kept == nil {
		return traces{}, false
	}
	ctx, end := s.look(ctx)
	defer end()
	if known == "" {
		known = s.storage.newest()
	}
	look, err := kept.Look(ctx, known)
	if err != nil {
		s.storage.reopen()
		return traces{}, false
	}
	s.storage.remember(known, look.Newest)
	return traces{
		history: s.storage.where(), newest: look.Newest, since: look.Since, state: look.State, written: look.WrittenAt, addedAt: look.AddedAt,
	}, true
}

// stamp is the stack's stamp; zero if there are no traces.
func (s *Stack) stamp(ctx context.Context) scale.Stamp {
	t, ok := s.traces(ctx, "")
	if !ok {
		return scale.Stamp{}
	}
	return t.stamp()
}

func (t traces) stamp() scale.Stamp {
	return scale.Stamp{State: t.history + " " + t.state, History: fmt.Sprint(t.history, " ", t.updates, " ", t.newest)}
}

// stateFile finds the file with the stack's state. place is the stack's path below the folders of states and of
// histories: with the project in it or, in old backends, without. ok is false if there is not exactly one such file, as
// for a moment while it is replaced.
func (s *Stack) stateFile(dir string) (place string, state fs.FileInfo, ok bool) {
	id := s.dir.Identity()
	project, stack := id.Project, id.Stack
	for _, at := range []string{filepath.Join(project, stack), stack} {
		for _, compressed := range []string{"", ".gz", ".zst"} {
			info, err := os.Stat(filepath.Join(dir, "stacks", at+".json"+compressed))
			if err != nil {
				continue
			}
			if state != nil {
				return "", nil, false
			}
			place, state = at, info
		}
	}
	return place, state, state != nil
}

// attributes ends the names of the files that Go Cloud's storage in a folder writes beside the stored files.
const attributes = ".attrs"

// historyFiles counts the updates in a folder of the history, and those after a known one, and names the newest. The
// names sort by time: they begin with the stack's name and end with the time.
func historyFiles(dir, known string) (updates int, newest string, since int, err error) {
	folder, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, "", 0, nil
	}
	if err != nil {
		return 0, "", 0, err
	}
	defer func() { _ = folder.Close() }()
	names, err := folder.Readdirnames(-1)
	for _, name := range names {
		if storage.IsUpdate(name) && !strings.HasSuffix(name, attributes) {
			updates, newest = updates+1, max(newest, name)
			if name > known {
				since++
			}
		}
	}
	return updates, newest, since, err
}

// Glance returns when the folder of the stack's history was last changed. Every update changes the folder at its end.
// It is empty for backends that are no folder.
func (s *Stack) Glance() string {
	dir, ok := s.project.BackendFolder(s.project.CurrentBackend())
	if !ok {
		return ""
	}
	place, _, ok := s.stateFile(filepath.Join(dir, ".pulumi"))
	if !ok {
		return ""
	}
	info, err := os.Stat(filepath.Join(dir, ".pulumi", "history", place))
	if err != nil {
		return ""
	}
	return info.ModTime().String()
}
