package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// stamp is what a file backend has of the stack: its state's file, which is replaced whenever something is written, and its history's newest file,
// which an update adds before it gives its lock back. What is in them only the CLI is asked. Other backends tell nothing without it.
func (s *Stack) stamp() scale.Stamp {
	dir, ok := s.project.folder(s.project.currentBackend())
	if !ok {
		return scale.Stamp{}
	}
	dir = filepath.Join(dir, ".pulumi")
	place, state, ok := s.stateFile(dir)
	if !ok {
		return scale.Stamp{}
	}
	dir = filepath.Join(dir, "history", place)
	updates, newest, err := historyFiles(dir)
	if err != nil {
		return scale.Stamp{}
	}
	return scale.Stamp{
		State:   fmt.Sprint(dir, " ", inode(state), " ", state.Size(), " ", state.ModTime().UnixNano()),
		History: fmt.Sprint(dir, " ", updates, " ", newest),
	}
}

// stateFile finds the file with the stack's state, and the stack's place below the folders of states and of histories: with the project in it
// and, in old backends, without. ok is false where there is not just one, as for a moment while it is replaced.
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

// historyFiles counts the updates in a folder of the history, and names the newest: their names begin with the stack's and end with the time.
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
		if strings.Contains(name, ".history.json") {
			updates, newest = updates+1, max(newest, name)
		}
	}
	return updates, newest, err
}
