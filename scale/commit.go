package scale

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// CommittedFile is a stack's configuration file as a commit has it.
type CommittedFile interface {
	// Path returns the file's path, with slashes, relative to the program's folder.
	Path() string
	// Counts returns, by pool, the text that the file has for each rule's key; nil for a key that the file does not
	// have.
	Counts(rules Rules) (map[string]*string, error)
	// Set returns the file's text with the settings in it and every other byte as it is. It fails if that is not
	// possible, such as for a value that other keys share.
	Set(settings []Setting) ([]byte, error)
}

// CommitReader finds the stack's configuration file among the files of a commit. read returns a file of the commit by
// its path in the program's folder; its error is [fs.ErrNotExist] if the commit does not have the file. The
// configuration file itself may be missing.
type CommitReader interface {
	CommittedFile(read func(path string) ([]byte, error)) (CommittedFile, error)
}

// BranchCounts are what a branch of the program's repository has for the keys of the rules, by pool.
type BranchCounts struct {
	// Tip are the values at the branch's tip, and Deployed are the values in the commit from which the stack was
	// deployed last. Deployed is nil if that commit is not known.
	Tip, Deployed map[string]*string
	// Pushed are the values that PulumiScale pushed last, from this or from a different machine.
	Pushed map[string]string
}

// CountCommit is a pool's count that a commit brings.
type CountCommit struct {
	Pool string
	// From is the value that the branch has; nil if it has none. To is the count of the last successful update.
	From *string
	To   string
}

// BranchEdit is a value on a branch that is somebody's edit, on its way to a deploy. It is left alone.
type BranchEdit struct {
	Pool, Key string
	// Found is the value that the branch has; nil if the key was taken away. Count is the stack's count.
	Found *string
	Count string
}

// ToCommit returns the counts of some pools that a commit is to bring to the branch, and the values on the branch that
// are somebody's edits. A value is no edit if the deployed commit has it, or if it was pushed last. Neither is it an
// edit if an update of ours since the deploy had it, because a different machine may have pushed it, or if the deploy
// itself had it, because CI may have restored a count that its commit does not have. If the deployed commit is not
// known, a value is no edit if any update had it. Pools whose count is in doubt are left out for now.
func (s *Snapshot) ToCommit(pools []string, b BranchCounts) (commits []CountCommit, edits []BranchEdit) {
	for _, pool := range pools {
		rule, known := s.Rules[pool]
		count := s.Configured(pool)
		if !known || count == nil || slices.Contains(s.Unsettled, pool) || s.IsDoubtful(pool) {
			continue
		}
		tip := b.Tip[pool]
		switch {
		case equalText(tip, count):
		case s.isEdit(pool, b):
			edits = append(edits, BranchEdit{Pool: pool, Key: rule.ConfigKey, Found: tip, Count: *count})
		default:
			commits = append(commits, CountCommit{Pool: pool, From: tip, To: *count})
		}
	}
	return commits, edits
}

// isEdit says whether the value of a pool's key at the tip of a branch is somebody's edit.
func (s *Snapshot) isEdit(pool string, b BranchCounts) bool {
	tip := b.Tip[pool]
	if pushed, ok := b.Pushed[pool]; ok && tip != nil && *tip == pushed {
		return false
	}
	if b.Deployed != nil && equalText(tip, b.Deployed[pool]) {
		return false
	}
	for _, u := range s.Updates {
		if !u.Succeeded || b.Deployed != nil && !u.IsOurs() && u.Kind != UpdateUpdate {
			continue
		}
		if tip != nil && equalText(u.Values[pool], tip) {
			return false
		}
		if b.Deployed != nil && !u.IsOurs() {
			break // the deploy: what was before it is not on its way any more
		}
	}
	return true
}

func (e BranchEdit) String() string {
	found := "nothing"
	if e.Found != nil {
		found = *e.Found
	}
	return fmt.Sprintf("pool %s: config %q is %s on the branch and %s in the last successful update", e.Pool, e.Key, found, e.Count)
}

// BranchStatus tells what has become of the commits of counts.
type BranchStatus struct {
	// Branch is the branch that the counts are committed on.
	Branch string
	// Unpushed holds the pools whose counts are not on the branch yet, and since when each has waited.
	Unpushed map[string]time.Time
	// Edits are the values on the branch that are somebody's edits.
	Edits []BranchEdit
	// Commit is the commit that was pushed last since the server started, and PushedAt is when it was pushed.
	Commit   string
	PushedAt time.Time
	// Problem is why the last try to push failed, and ProblemAt is when; empty and zero if it succeeded.
	Problem   string
	ProblemAt time.Time
}

func equalText(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// StillScaled returns the pools, sorted, that still have the count of the last update of ours that scaled them: nobody
// has deployed a different count since, as far as is known. A deploy may have kept the count although the branch does
// not have it: `pulumiscale restore` writes the count into CI's checkout alone.
func (s *Snapshot) StillScaled() []string {
	var out, seen []string
	for _, u := range s.Updates {
		if !u.IsOurs() || !u.Succeeded || u.Kind != UpdateUpdate {
			continue
		}
		for _, pool := range u.Pools {
			if slices.Contains(seen, pool) {
				continue
			}
			seen = append(seen, pool)
			if count := u.Values[pool]; count != nil && equalText(count, s.Configured(pool)) {
				out = append(out, pool)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Committer commits the counts of pools that were scaled, on a branch of the program's repository.
type Committer interface {
	// Commit commits the pools' counts that the branch does not have, all in one commit, and pushes it. The commit's
	// message names the operations. If Commit fails, the error says why, and nothing was pushed.
	Commit(ctx context.Context, snap *Snapshot, pools, operations []string) (*Committed, error)
}

// Committed is what a commit brought.
type Committed struct {
	Branch string
	// Commit is the commit's hash; empty if there was nothing to commit.
	Commit string
	Counts []CountCommit
	Edits  []BranchEdit
}

type (
	// CountsCommitted says that a commit with counts was pushed, or that the branch has somebody's edits.
	CountsCommitted struct{ Committed }
	// CountsNotCommitted says that counts could not be pushed. The push is tried again.
	CountsNotCommitted struct {
		Branch string
		Pools  []string
		Err    error
	}
)

func (CountsCommitted) IsEvent()    {}
func (CountsNotCommitted) IsEvent() {}
