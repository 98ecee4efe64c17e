package git

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// Root returns the root of the repository that a folder belongs to, and the folder's path in the repository, with
// slashes; the path "" is the root itself. If the folder is in no repository, the error says what git said.
func Root(ctx context.Context, dir string) (root, prefix string, err error) {
	out, err := inCheckout(ctx, dir, "rev-parse", "--show-toplevel", "--show-prefix")
	if err != nil {
		return "", "", fmt.Errorf("find the repository of %s: %w", dir, err)
	}
	root, prefix, _ = strings.Cut(out, "\n")
	prefix, _, _ = strings.Cut(prefix, "\n")
	return filepath.FromSlash(root), strings.TrimSuffix(prefix, "/"), nil
}

// Remote returns the URL of a checkout's remote: the remote of the current branch's upstream, or else origin, or else
// the only remote. The URL may hold credentials. A relative path is made absolute.
func Remote(ctx context.Context, checkout string) (url string, err error) {
	root, _, err := Root(ctx, checkout)
	if err != nil {
		return "", err
	}
	name, err := remoteName(ctx, root)
	if err != nil {
		return "", err
	}
	if url, err = inCheckout(ctx, root, "remote", "get-url", name); err != nil {
		return "", fmt.Errorf("read the URL of the remote %s of %s: %w", name, root, err)
	}
	url = firstLine([]byte(url))
	if !strings.Contains(url, ":") && !filepath.IsAbs(url) {
		url = filepath.Join(root, filepath.FromSlash(url))
	}
	return url, nil
}

func remoteName(ctx context.Context, root string) (string, error) {
	out, err := inCheckout(ctx, root, "remote")
	if err != nil {
		return "", fmt.Errorf("list the remotes of %s: %w", root, err)
	}
	names := strings.Fields(out)
	branch, _ := inCheckout(ctx, root, "symbolic-ref", "--quiet", "--short", "HEAD") // a detached HEAD has none
	upstream, _ := inCheckout(ctx, root, "config", "--get", "branch."+firstLine([]byte(branch))+".remote")
	for _, wanted := range []string{firstLine([]byte(upstream)), "origin"} {
		for _, name := range names {
			if name == wanted {
				return name, nil
			}
		}
	}
	if len(names) == 1 {
		return names[0], nil
	}
	return "", fmt.Errorf("the repository %s has %d remotes, and none of them is called origin", root, len(names))
}

// inCheckout runs git in a folder outside of our clone. The arguments must change nothing in that folder.
func inCheckout(ctx context.Context, dir string, args ...string) (string, error) {
	out, err := execute(ctx, call{args: args, dir: dir}, environment(), (*Repository)(nil).removeCredentials)
	return string(out), err
}

// Committed returns the hash of the commit that a file's checkout is at, and the file's contents in that commit. The
// hash is "" if the file is in no checkout, or if the checkout has no commit yet. The contents are nil if the commit
// has no such file. Committed changes nothing, and asks no remote.
func Committed(ctx context.Context, file string) (commit string, content []byte, err error) {
	look := func(args ...string) ([]byte, error) {
		c := call{args: args, dir: filepath.Dir(file), env: []string{"GIT_NO_LAZY_FETCH=1"}}
		return execute(ctx, c, environment(), (*Repository)(nil).removeCredentials)
	}
	head, err := look("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if hasEnded(err) {
		return "", nil, err
	}
	if err != nil {
		return "", nil, nil //nolint:nilerr // no checkout, or none with a commit
	}
	commit = firstLine(head)
	entry, err := look("ls-tree", "-z", commit, "--", filepath.Base(file))
	if err != nil || len(entry) == 0 {
		return commit, nil, err
	}
	content, err = look("cat-file", "blob", commit+":./"+filepath.Base(file))
	return commit, content, err
}
