package git

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
)

// The modes of a commit's entries, as git writes them.
const (
	modeFile    = "100644"
	modeLink    = "120000"
	modeModule  = "160000"
	modeFolder  = "040000"
	modeProgram = "100755"
)

// Read returns the contents of a file in a commit, byte for byte: no filter of the machine's git has changed the line
// ends. The path is relative to the repository's root, with slashes. The error is [fs.ErrNotExist] if the commit has no
// such path, and a [*PathError] if the path is no file, lies beyond a link or lies in a submodule. The clone must have
// the commit. If the clone lacks the file, git asks the remote.
func (r *Repository) Read(ctx context.Context, commit, path string) (content []byte, err error) {
	e, err := r.entry(ctx, commit, path)
	if err != nil {
		return nil, err
	}
	return r.blob(ctx, e.hash)
}

// blob returns the contents of a file by their hash. If the clone has fetched the commit without its files, git asks
// the remote.
func (r *Repository) blob(ctx context.Context, hash string) ([]byte, error) {
	content, err := r.remote(ctx, "cat-file", "blob", hash)
	if err != nil {
		return nil, r.remoteError(err)
	}
	return content, nil
}

// entry is what a commit has at a path.
type entry struct{ mode, hash string }

// entry returns the mode and the hash of the file at a path of a commit. Its errors are the errors of
// [Repository.Read].
func (r *Repository) entry(ctx context.Context, commit, path string) (entry, error) {
	if !isHash.MatchString(commit) {
		return entry{}, fmt.Errorf("read %s: %q is not the whole hash of a commit", path, commit)
	}
	if !fs.ValidPath(path) || path == "." {
		return entry{}, &fs.PathError{Op: "read", Path: path, Err: fs.ErrInvalid}
	}
	for at := range prefixes(path) {
		e, is, err := r.lookUp(ctx, commit, at)
		if err != nil {
			return entry{}, fmt.Errorf("look up %s in commit %s: %w", path, commit, err)
		}
		if !is {
			return entry{}, &fs.PathError{Op: "read", Path: path + " in commit " + commit, Err: fs.ErrNotExist}
		}
		what := map[string]string{modeLink: "a symbolic link", modeModule: "a submodule"}[e.mode]
		if e.mode == modeFolder && at == path {
			what = "a folder"
		}
		if what != "" {
			return entry{}, &PathError{Commit: commit, Path: path, At: at, Is: what}
		}
		if at == path {
			return e, nil
		}
	}
	return entry{}, fs.ErrNotExist
}

// prefixes yields the folders above a path, from the outermost on, and the path itself.
func prefixes(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i, r := range path {
			if r == '/' && !yield(path[:i]) {
				return
			}
		}
		yield(path)
	}
}

// lookUp returns what a commit has at a path. is says whether the commit has the path.
func (r *Repository) lookUp(ctx context.Context, commit, path string) (e entry, is bool, err error) {
	out, err := r.remote(ctx, "ls-tree", "-z", "--full-tree", commit, "--", path)
	if err != nil {
		return entry{}, false, r.remoteError(err)
	}
	for line := range strings.SplitSeq(string(out), "\x00") {
		about, name, _ := strings.Cut(line, "\t")
		if fields := strings.Fields(about); name == path && len(fields) == 3 {
			return entry{mode: fields[0], hash: fields[2]}, true, nil
		}
	}
	return entry{}, false, nil
}
