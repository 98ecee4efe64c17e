package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
)

// have begins the names of references to commits that the clone has completely. A commit without such a reference may
// lack objects: git stores each object as it arrives.
const have = "refs/pulumiscale/commits/"

var (
	isHash = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	// noSuch matches the answer of a remote that does not have the branch or commit that it is asked for, or that gives
	// no commits by hash.
	noSuch = regexp.MustCompile(`(?i)not our ref|unadvertised object|couldn't find remote ref|no such remote ref|` +
		`remote did not send all|want .* not valid|bad object|not found in upstream|` +
		`invalid (ref|object)|missing (commit|object)`)
	// notThere matches the answer of a remote that gives commits by hash, and lacks the commit that it is asked for.
	notThere = regexp.MustCompile(`(?i)not our ref`)
	// unable matches the answer of a remote that cannot give only a part of its history.
	unable = regexp.MustCompile(`(?i)does not support (shallow|--depth|filter)|dumb http transport|shallow (update|file)`)
)

// Fetch makes sure that the clone has a commit, which is given by its whole hash. If the clone lacks the commit, Fetch
// asks the checkout on this machine, and then the remote. If the remote gives no commits by hash, Fetch fetches all
// branches and tags. The error is a [*CommitError] if the commit cannot be fetched.
func (r *Repository) Fetch(ctx context.Context, commit string) error {
	if !isHash.MatchString(commit) {
		return fmt.Errorf("fetch commit %q: not the whole hash of a commit", commit)
	}
	if r.has(ctx, commit) {
		return nil
	}
	ctx, unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if r.has(ctx, commit) { // somebody has fetched it meanwhile
		return nil
	}
	if r.options.Checkout != "" && r.fetchFromCheckout(ctx, commit) == nil {
		return nil
	}
	err = r.fetchFromRemote(ctx, commit)
	if err == nil || hasEnded(err) {
		return err
	}
	missing := &CommitError{Commit: commit, URL: r.plainURL()}
	if !isAbout(err, noSuch) && !errors.Is(err, errNotThere) {
		missing.Err = r.remoteError(err)
	}
	return missing
}

// errNotThere says that all branches and tags of the remote were fetched, and that none of them has the commit.
var errNotThere = errors.New("no branch or tag has it")

// has says whether the clone has a commit completely.
func (r *Repository) has(ctx context.Context, commit string) bool {
	_, err := r.local(ctx, "rev-parse", "--verify", "--quiet", have+commit)
	return err == nil
}

// fetchFromCheckout fetches a commit from the checkout on this machine. If it fails, the caller asks the remote next.
func (r *Repository) fetchFromCheckout(ctx context.Context, commit string) error {
	const give = "git -c uploadpack.allowAnySHA1InWant=true upload-pack" // this process may read the whole checkout
	_, err := r.remote(ctx, append(fetchArgs("--depth=1", "--upload-pack="+give), r.options.Checkout, keep(commit))...)
	return err
}

func (r *Repository) fetchFromRemote(ctx context.Context, commit string) error {
	err := r.fetch(ctx, newest, keep(commit))
	if err == nil || !isAbout(err, noSuch) || isAbout(err, notThere) {
		return err
	}
	// The remote gives no commits by hash.
	const all = "refs/pulumiscale/remote/"
	err = r.fetch(ctx, whole, "+refs/heads/*:"+all+"heads/*", "+refs/tags/*:"+all+"tags/*")
	if err != nil {
		return err
	}
	look := call{args: []string{"cat-file", "-e", commit + "^{commit}"}, env: []string{"GIT_NO_LAZY_FETCH=1"}}
	if _, err := r.run(ctx, look); err != nil {
		return errNotThere
	}
	_, err = r.local(ctx, "update-ref", have+commit, commit)
	return err
}

// The depths of a fetch: how much of the history is fetched.
const (
	newest = "--depth=1"
	whole  = "--depth=2147483647" // also what is older than the oldest commits that were fetched before
)

// fetch fetches the references in refspecs from the remote, without their files: git fetches a file when it is needed.
// If the remote cannot give only a part of its history, fetch fetches all of it, with the files.
func (r *Repository) fetch(ctx context.Context, depth string, refspecs ...string) error {
	_, err := r.remote(ctx, append(append(fetchArgs(depth, "--filter=blob:none"), "origin"), refspecs...)...)
	if err != nil && isAbout(err, unable) {
		_, err = r.remote(ctx, append(append(fetchArgs(), "origin"), refspecs...)...)
	}
	return err
}

// fetchArgs returns the arguments of a fetch that changes the given references and nothing else.
func fetchArgs(how ...string) []string {
	return append([]string{
		"fetch", "--progress", "--no-tags", "--no-prune", "--refmap=", "--no-write-fetch-head", "--no-recurse-submodules",
		"--no-auto-maintenance", "--force",
	}, how...)
}

func keep(commit string) string { return "+" + commit + ":" + have + commit }

// Tip fetches the newest commit of a branch, and returns its hash; the branch "" is the remote's default branch. The
// remote is asked each time. The error is a [*BranchError] if there is no such branch, and a [*RemoteError] if the
// remote could not be asked.
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
	// Git cannot have references "a" and "a/b" at once, and a branch "a" may replace a branch "a/b". A hash in place of
	// the branch's name avoids the conflict.
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
