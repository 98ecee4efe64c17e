package git

import (
	"context"
	"errors"
)

// CheckPush asks the remote whether it would take a push to a branch, without pushing anything: it needs the branch's
// tip, or that of the default branch if there is no such branch. The remote's hooks and rules are not asked. The error
// is a [*PushError], or a [*BranchError].
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
