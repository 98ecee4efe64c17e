package git

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// file is the file that a commit replaces, and its new contents.
type file struct {
	path    string
	content []byte
}

// buildCommit makes a commit with the files of the commit t.edit, and with f in place of the file at f's path. The
// contents are written byte for byte, and the file keeps its mode; a missing file is made. buildCommit returns "" if
// the edit changes nothing, or if the branch has the same files already. It uses no worktree.
func (r *Repository) buildCommit(ctx context.Context, c Commit, t tips, f file, message string) (string, error) {
	old, err := r.entry(ctx, t.edit, f.path)
	if errors.Is(err, os.ErrNotExist) {
		old, err = entry{mode: modeFile}, nil
	}
	if err != nil {
		return "", err
	}
	write := call{args: []string{"hash-object", "-w", "--stdin", "--no-filters"}, input: bytes.NewReader(f.content)}
	out, err := r.run(ctx, write)
	if err != nil {
		return "", err
	}
	blob := firstLine(out)
	if done, err := r.isDone(ctx, t, f, old, blob); done || err != nil {
		return "", err
	}
	tree, err := r.buildTree(ctx, t.edit, f.path, entry{mode: old.mode, hash: blob})
	if err != nil {
		return "", err
	}
	if t.merged {
		if has, err := r.line(ctx, "rev-parse", "--verify", t.branch+"^{tree}"); err != nil || has == tree {
			return "", err
		}
	}
	return r.commitTree(ctx, c, tree, t.parents, message)
}

// isDone says whether the edit changes nothing: the file has the new contents in the commit t.edit and, if the branch
// exists already, on the branch. blob is the hash of the new contents, and old is the file's entry in t.edit.
func (r *Repository) isDone(ctx context.Context, t tips, f file, old entry, blob string) (bool, error) {
	if old.hash != blob {
		return false, nil
	}
	if t.branch == "" || t.branch == t.edit {
		return true, nil
	}
	there, err := r.entry(ctx, t.branch, f.path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return there.hash == blob, err
}

// buildTree makes the tree of a commit with e in place of the entry at path. It uses an index of its own.
func (r *Repository) buildTree(ctx context.Context, commit, path string, e entry) (tree string, err error) {
	temp, err := os.MkdirTemp(r.dir, temporary)
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	for _, args := range [][]string{
		{"read-tree", commit},
		{"update-index", "--add", "--cacheinfo", e.mode + "," + e.hash + "," + path},
		{"write-tree", "--missing-ok"}, // the clone may lack files, which the remote has
	} {
		out, err := r.run(ctx, call{
			args: args, env: []string{"GIT_INDEX_FILE=" + filepath.Join(temp, "index")}, silence: r.options.Timeout,
		})
		if err != nil {
			return "", err
		}
		tree = firstLine(out)
	}
	return tree, nil
}

// commitTree makes a commit, signed if the machine's git signs commits.
func (r *Repository) commitTree(
	ctx context.Context, c Commit, tree string, parents []string, message string,
) (commit string, err error) {
	env, err := r.identity(ctx, c.Author)
	if err != nil {
		return "", err
	}
	args := []string{"commit-tree", tree, "-F", "-"}
	for _, parent := range parents {
		args = append(args, "-p", parent)
	}
	signs, err := r.signs(ctx)
	if err != nil {
		return "", err
	}
	if signs {
		args = append(args, "-S")
	}
	if !strings.HasSuffix(message, "\n") {
		message += "\n"
	}
	out, err := r.run(ctx, call{args: args, env: env, input: strings.NewReader(message), silence: r.options.Timeout})
	if err != nil {
		return "", commitError(err, signs)
	}
	return firstLine(out), nil
}

// commitError turns an error of commit-tree into a [*PushError] if git has no identity for the commit or cannot sign
// it. signs says that git was to sign the commit: any failure that is not about the identity then counts as a failure
// to sign. Any other error is returned unchanged.
func commitError(err error, signs bool) error {
	failed, is := errors.AsType[*CommandError](err)
	switch {
	case is && identity.MatchString(failed.Output):
		return &PushError{Kind: KindIdentity, Reason: reasonOf(failed), Err: err}
	case is && signs:
		return &PushError{Kind: KindSigning, Reason: reasonOf(failed), Err: err}
	}
	return err
}
