package git

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// change is one path at which the worktree differs from its commit.
type change struct {
	path string
	// untracked says that git does not track the file. folder says that the path is a repository that somebody has put
	// there.
	untracked, folder bool
	// module says that the path is a submodule; inside says that files in the submodule are changed, not only the
	// commit that it is at.
	module, inside bool
}

// Edited returns the files that somebody has edited: the files of the worktree that differ from its commit, or that git
// neither knows nor ignores. Edited leaves out files that the preparation has made, files that an unfinished move has
// written, and the paths in except with all that is below them. Paths are relative to the worktree, with slashes, and
// sorted. If there is no worktree, Edited returns none.
func (w *Worktree) Edited(ctx context.Context, except []string) ([]string, error) {
	ctx, unlock, err := w.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	changes, err := w.edits(ctx, except)
	if err != nil {
		return nil, fmt.Errorf("look for edits in the worktree %s: %w", w.dir, err)
	}
	return pathsOf(changes), nil
}

// edits returns the changes that somebody has made: see [Worktree.Edited]. The caller has the worktree's lock.
func (w *Worktree) edits(ctx context.Context, except []string) ([]change, error) {
	about, is := w.about()
	if !is {
		return nil, nil
	}
	if _, err := os.Lstat(filepath.Join(about, "index")); err != nil {
		return nil, nil //nolint:nilerr // the worktree's first move was cut short: no file is known to be edited
	}
	changes, err := w.changes(ctx, "all")
	if err != nil {
		return nil, err
	}
	changes = slices.DeleteFunc(changes, func(c change) bool { return isBelow(c.path, except) })
	if target := readLine(filepath.Join(about, movingFile)); isHash.MatchString(target) {
		if changes, err = w.withoutMoved(ctx, changes, target); err != nil {
			return nil, err
		}
	}
	return w.withoutMade(ctx, changes)
}

// changes returns all paths at which the worktree differs from its commit. untracked is "all" or "normal": with
// "normal", a folder without tracked files is one path.
func (w *Worktree) changes(ctx context.Context, untracked string) ([]change, error) {
	out, err := w.git(ctx, 10, "--no-optional-locks", "status", "--porcelain=v2", "-z", "--no-renames",
		"--ignore-submodules=none", "--untracked-files="+untracked)
	if err != nil {
		return nil, err
	}
	var changes []change
	for line := range strings.SplitSeq(string(out), "\x00") {
		if c, is := parseChange(line); is {
			changes = append(changes, c)
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return strings.Compare(a.path, b.path) })
	return changes, nil
}

// parseChange reads one entry of `git status --porcelain=v2 -z --no-renames`. The result is false if the entry is not
// a change to the worktree's files.
func parseChange(line string) (c change, is bool) {
	kind, rest, _ := strings.Cut(line, " ")
	fields := map[string]int{"1": 8, "u": 10}[kind]
	switch {
	case kind == "?":
		return change{path: rest, untracked: true, folder: strings.HasSuffix(rest, "/")}, true
	case fields == 0:
		return change{}, false
	}
	words := strings.SplitN(rest, " ", fields)
	if len(words) != fields {
		return change{}, false
	}
	module := words[1] // "N...", or "S" with what has changed: the commit, tracked files, untracked files
	c = change{path: words[fields-1], module: module[0] == 'S'}
	c.inside = c.module && len(module) == 4 && module[2] == 'M'
	if c.module && words[0] == ".M" && module[1] == '.' && !c.inside {
		return change{}, false // only untracked files in the submodule, which a move leaves alone
	}
	return c, true
}

// withoutMoved returns the changes without the submodules, and without the files that are the same as in the commit
// target. A move to target that was cut short has written these submodules and files.
func (w *Worktree) withoutMoved(ctx context.Context, changes []change, target string) ([]change, error) {
	out, err := w.git(ctx, 1, "ls-tree", "-r", "-z", "--full-tree", target)
	if err != nil {
		return nil, err
	}
	blobs := map[string]string{}
	for line := range strings.SplitSeq(string(out), "\x00") {
		about, path, _ := strings.Cut(line, "\t")
		if fields := strings.Fields(about); len(fields) == 3 {
			blobs[path] = fields[2]
		}
	}
	hashes, err := w.hashes(ctx, changes)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(changes, func(c change) bool { return c.module || hashes[c.path] == blobs[c.path] }), nil
}

// hashes returns, by path, the hash that git would give each changed file that exists. A link counts as the file that
// it links to.
func (w *Worktree) hashes(ctx context.Context, changes []change) (map[string]string, error) {
	var paths []string
	for _, c := range changes {
		info, err := os.Stat(w.path(c.path))
		if err == nil && info.Mode().IsRegular() && !strings.ContainsAny(c.path, "\n\r") {
			paths = append(paths, c.path)
		}
	}
	hashes := map[string]string{}
	if len(paths) == 0 {
		return hashes, nil
	}
	input := strings.NewReader(strings.Join(paths, "\n") + "\n")
	out, err := w.repository.run(ctx, call{args: []string{"hash-object", "--stdin-paths"}, dir: w.dir, input: input})
	if err != nil {
		return nil, err
	}
	for i, hash := range bytes.Fields(out) {
		hashes[paths[i]] = string(hash)
	}
	return hashes, nil
}

func (w *Worktree) path(relative string) string {
	return filepath.Join(w.dir, filepath.FromSlash(relative))
}

// isBelow says whether a path is one of the paths in some, or lies below one of them.
func isBelow(path string, some []string) bool {
	return slices.ContainsFunc(some, func(s string) bool {
		s = strings.TrimSuffix(filepath.ToSlash(s), "/")
		return strings.TrimSuffix(path, "/") == s || strings.HasPrefix(path, s+"/")
	})
}

func pathsOf(changes []change) []string {
	var paths []string
	for _, c := range changes {
		paths = append(paths, c.path)
	}
	return paths
}
