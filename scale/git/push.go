package git

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Commit is a commit that replaces the contents of one file on a branch of the remote.
type Commit struct {
	// Branch is the branch that is written to.
	Branch string
	// Base is the branch that Branch follows, if Branch is the stack's own branch. The commit then has the files of
	// Base's tip, with the edit. Its parents are the tip of Branch, if Branch exists, and the tip of Base, unless
	// Branch contains Base's tip already. Such a commit needs no forced push, even after Branch was merged into Base.
	// If Base is "", the edit is made on the tip of Branch.
	Base string
	// Edit returns the path, the contents and the message of the commit that is made on tip. The function read returns
	// a file of tip, as [Repository.Read] does. If the path is "", nothing is committed. Edit is called again for each
	// new tip. Edit must return the contents even if Base has them already: if Branch has different contents, a merge
	// would bring the different contents into Base.
	Edit func(ctx context.Context, tip string, read func(path string) ([]byte, error)) (
		path string, content []byte, message string, err error)
	// Author is "Name <mail>"; "" is the identity of the machine's git. The committer is the identity of the machine's
	// git or, if it has none, Author.
	Author string
	// PushOptions are given to the remote's hooks.
	PushOptions []string
}

const (
	// mostTries is how often a commit is tried while others push to the branch first.
	mostTries = 10
	// firstWait is the longest wait after the first lost race. Each further wait may be twice as long, up to lastWait.
	firstWait, lastWait = 100 * time.Millisecond, 3 * time.Second
)

// Push makes the commit on the newest tip that the remote has, and pushes it, never by force. If somebody else pushed
// to the branch first, Push makes the commit again on the new tip. commit is "" if there was nothing to do. The error
// is a [*PushError] if the remote cannot be read, or if the commit cannot be made or pushed. It is a [*BranchError] if
// Base does not exist or, without a Base, if Branch does not. Otherwise it is Edit's error or ctx's error.
func (r *Repository) Push(ctx context.Context, c Commit) (commit string, err error) {
	wait := firstWait
	for try := 1; ; try++ {
		commit, err = r.pushOnce(ctx, c)
		lost, is := errors.AsType[*PushError](err)
		if !is || lost.Kind != KindRace || try == mostTries {
			return commit, err
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("push to branch %s: %w", c.Branch, context.Cause(ctx))
		case <-time.After(rand.N(wait)): //nolint:gosec // a jitter
		}
		wait = min(2*wait, lastWait)
	}
}

func (r *Repository) pushOnce(ctx context.Context, c Commit) (commit string, err error) {
	t, err := r.fetchTips(ctx, c)
	if err != nil {
		return "", branchFailure(c.Branch, err)
	}
	read := func(path string) ([]byte, error) { return r.Read(ctx, t.edit, path) }
	path, content, message, err := c.Edit(ctx, t.edit, read)
	if err != nil || path == "" {
		return "", err
	}
	commit, err = r.buildCommit(ctx, c, t, file{path: path, content: content}, message)
	if err != nil || commit == "" {
		return "", branchFailure(c.Branch, err)
	}
	args := []string{"push", "--porcelain", "--progress", "--no-follow-tags", "--recurse-submodules=no", "--no-verify"}
	for _, option := range c.PushOptions {
		args = append(args, "--push-option="+option)
	}
	if _, err := r.remote(ctx, append(args, "origin", commit+":refs/heads/"+c.Branch)...); err != nil {
		return "", pushError(c.Branch, err)
	}
	return commit, nil
}

// branchFailure turns a [*RemoteError] into a [*PushError], and leaves any other error as it is.
func branchFailure(branch string, err error) error {
	if failed, is := errors.AsType[*RemoteError](err); is {
		return &PushError{Branch: branch, Kind: failed.Kind, Reason: failed.Reason, Err: err}
	}
	return err
}

// tips are the commits on which a new commit is made.
type tips struct {
	// edit is the commit whose files are edited: the tip of the base, or of the branch itself.
	edit string
	// branch is the tip of the branch; "" if there is no such branch.
	branch string
	// parents are the parents of the new commit.
	parents []string
	// merged says that the branch contains the commit edit.
	merged bool
}

// boundary is how much of a branch is fetched where its log is of interest: to see which commits [Repository.Log] has,
// and whether a stack's own branch contains the base's tip. If the base's tip is further back, the new commit gets it
// as a second parent, which does no harm.
const boundary = "--depth=50"

func (r *Repository) fetchTips(ctx context.Context, c Commit) (tips, error) {
	if c.Base == "" || c.Base == c.Branch {
		tip, err := r.Tip(ctx, c.Branch)
		return tips{edit: tip, branch: tip, parents: []string{tip}, merged: true}, err
	}
	base, err := r.Tip(ctx, c.Base)
	if err != nil {
		return tips{}, err
	}
	t := tips{edit: base, parents: []string{base}}
	t.branch, err = r.fetchTip(ctx, c.Branch, boundary)
	if missing, is := errors.AsType[*BranchError](err); is && !missing.Invalid {
		return t, nil
	}
	if err != nil {
		return tips{}, err
	}
	if t.merged, err = r.isAncestor(ctx, base, t.branch); err != nil {
		return tips{}, err
	}
	t.parents = []string{t.branch}
	if !t.merged {
		t.parents = append(t.parents, base)
	}
	return t, nil
}

// isAncestor says whether earlier is later itself, or one of the commits before later that the clone knows.
func (r *Repository) isAncestor(ctx context.Context, earlier, later string) (bool, error) {
	if earlier == later {
		return true, nil
	}
	walked, err := r.ancestors(ctx, later)
	return walked[earlier], err
}

// CheckPush asks the remote whether it would accept a push to a branch, without pushing anything. It tries with the
// branch's tip, or with the default branch's tip if there is no such branch. The remote does not run its hooks and
// rules for such a try, so a real push may still be refused. The error is a [*PushError] or a [*BranchError].
func (r *Repository) CheckPush(ctx context.Context, branch string) error {
	tip, err := r.Tip(ctx, branch)
	if missing, is := errors.AsType[*BranchError](err); is && !missing.Invalid && branch != "" {
		tip, err = r.Tip(ctx, "")
	}
	if err != nil {
		return branchFailure(branch, err)
	}
	_, err = r.remote(ctx, "push", "--dry-run", "--porcelain", "--progress", "--no-follow-tags", "--recurse-submodules=no",
		"--no-verify", "origin", tip+":refs/heads/"+branch)
	if err != nil {
		return pushError(branch, err)
	}
	return nil
}
