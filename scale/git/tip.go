package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Tip fetches the newest commit of a branch, and returns it; "" is the remote's default branch. The remote is asked each
// time. The error is a [*BranchError] if there is no such branch, and a [*RemoteError] if the remote could not be asked.
func (r *Repository) Tip(ctx context.Context, branch string) (commit string, err error) {
	return r.fetchTip(ctx, branch, newest)
}

func (r *Repository) fetchTip(ctx context.Context, branch, depth string) (commit string, err error) {
	source := "HEAD"
	if branch != "" {
		source = "refs/heads/" + branch
		if _, err := r.local(ctx, "check-ref-format", source); err != nil {
			if hasEnded(err) {
				return "", err
			}
			return "", &BranchError{Branch: branch, URL: r.plainURL(), Invalid: true}
		}
	}
	ctx, unlock, err := r.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	// The name is a hash, so that a branch "a" is not in the way of a branch "a/b" that was there before.
	sum := sha256.Sum256([]byte(source))
	target := "refs/pulumiscale/tips/" + hex.EncodeToString(sum[:8])
	if err := r.fetch(ctx, depth, "+"+source+":"+target); err != nil {
		if isAbout(err, noSuch) {
			return "", &BranchError{Branch: branch, URL: r.plainURL()}
		}
		return "", r.remoteError(err)
	}
	if commit, err = r.line(ctx, "rev-parse", "--verify", target+"^{commit}"); err != nil {
		return "", fmt.Errorf("read the tip of branch %q: %w", branch, err)
	}
	if _, err := r.local(ctx, "update-ref", have+commit, commit); err != nil {
		return "", fmt.Errorf("keep the tip of branch %q: %w", branch, err)
	}
	return commit, nil
}
