package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

// traces are what a file backend has of the stack: its state's file, which is replaced whenever something is written,
// and its history's newest file. An update adds the latter after all that it writes of the state, and before it gives
// its lock back. Only the CLI is asked what is in them.
type traces struct {
	history string
	state   fs.FileInfo
	updates int
	newest  string
}

// traces finds them; ok is false for other backends, which tell nothing without the CLI, and for a moment while
// something is replaced.
func (s *Stack) traces() (_ traces, ok bool) {
	dir, ok := s.project.BackendFolder(s.project.CurrentBackend())
	if !ok {
		return traces{}, false
	}
	dir = filepath.Join(dir, ".pulumi")
	place, state, ok := s.stateFile(dir)
	if !ok {
		return traces{}, false
	}
	t := traces{history: filepath.Join(dir, "history", place), state: state}
	var err error
	t.updates, t.newest, err = historyFiles(t.history)
	return t, err == nil
}

// stamp is the stack's stamp; zero if there are no traces.
func (s *Stack) stamp() scale.Stamp {
	t, ok := s.traces()
	if !ok {
		return scale.Stamp{}
	}
	return t.stamp()
}

func (t traces) stamp() scale.Stamp {
	return scale.Stamp{
		State:   fmt.Sprint(t.history, " ", files.Inode(t.state), " ", t.state.Size(), " ", t.state.ModTime().UnixNano()),
		History: fmt.Sprint(t.history, " ", t.updates, " ", t.newest),
	}
}

// added is when the newest update was added to the history, by the name of its file; ok is false if the name does not
// tell.
func (t traces) added() (at time.Time, ok bool) {
	name, _, _ := strings.Cut(t.newest, historySuffix)
	n, err := strconv.ParseInt(name[strings.LastIndexByte(name, '-')+1:], 10, 64)
	return time.Unix(0, n), err == nil
}

// stateFile finds the file with the stack's state, and the stack's place below the folders of states and of histories:
// with the project in it or, in old backends, without. ok is false if there is not exactly one such file, as for a
// moment while it is replaced.
func (s *Stack) stateFile(dir string) (place string, state fs.FileInfo, ok bool) {
	project, stack := string(s.project.Name), s.name
	if parts := strings.Split(s.name, "/"); len(parts) > 1 {
		stack = parts[len(parts)-1]
		if len(parts) > 2 { //nolint:mnd // organisation, project and stack
			project = parts[1]
		}
	}
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

// historySuffix ends the names of updates in the history, before what says how they are compressed. attributes ends the
// names of the files that Go Cloud's storage in a folder writes beside them.
const (
	historySuffix = ".history.json"
	attributes    = ".attrs"
)

// historyFiles counts the updates in a folder of the history, and names the newest: their names begin with the stack's
// and end with the time.
func historyFiles(dir string) (updates int, newest string, err error) {
	folder, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, "", nil
	}
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = folder.Close() }()
	names, err := folder.Readdirnames(-1)
	for _, name := range names {
		if strings.Contains(name, historySuffix) && !strings.HasSuffix(name, attributes) {
			updates, newest = updates+1, max(newest, name)
		}
	}
	return updates, newest, err
}

// Glance is when the folder of the stack's history was changed last, as every update does at its end; empty for
// backends that are no folder.
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
