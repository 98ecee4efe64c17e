package scale

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// CommittedFile is a stack's configuration file as a commit has it.
type CommittedFile interface {
	// Path is the file's, with slashes, relative to the program's folder.
	Path() string
	// Counts are the texts of the rules' keys there, by pool; nil for one that is not there.
	Counts(rules Rules) (map[string]*string, error)
	// Set is the file with the settings in it and every other byte as it is. It fails if that is not possible, such as
	// for a value that other keys share.
	Set(settings []Setting) ([]byte, error)
}

// CommitReader finds the stack's configuration file among the files of a commit, which read reads by their paths in the
// program's folder. [fs.ErrNotExist] stands for one that is not there; the file itself may be missing.
type CommitReader interface {
	CommittedFile(read func(path string) ([]byte, error)) (CommittedFile, error)
}

// BranchCounts are what a branch of the program's repository has for the keys of the rules, by pool.
type BranchCounts struct {
	// Tip are the values at its tip, and Deployed those of the commit from which the stack was deployed last. Deployed is
	// nil if that is not known.
	Tip, Deployed map[string]*string
	// Pushed are the values that were pushed last.
	Pushed map[string]string
}

// CountCommit is a pool's count that a commit brings.
type CountCommit struct {
	Pool string
	// From is what the branch has; nil for nothing. To is the count of the last successful update.
	From *string
	To   string
}

// BranchEdit is a value on a branch that is somebody's edit, on its way to a deploy. It is left alone.
type BranchEdit struct {
	Pool, Key string
	// Found is what the branch has; nil if the key was taken away. Count is the stack's.
	Found *string
	Count string
}

// ToCommit says which counts of some pools a commit on the branch is to bring, and which values there are somebody's
// edits. A value is no edit if it is that of the commit that is deployed, the one that was pushed last, or that of an
// update of ours since the deploy, which another machine may have pushed. If it is not known what is deployed, it is no
// edit if any update had it. Pools whose count is in doubt wait.
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
		if b.Deployed != nil && !u.IsOurs() && u.Kind == UpdateUpdate && u.Succeeded {
			break // the deploy: what was before it is not on its way any more
		}
		if u.Succeeded && tip != nil && equalText(u.Values[pool], tip) {
			return false
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

// BranchStatus tells how it goes with the commits of counts.
type BranchStatus struct {
	// Branch is the branch that they go to.
	Branch string
	// Unpushed are the pools whose counts are not on the branch yet, and since when.
	Unpushed map[string]time.Time
	// Edits are the values there that are somebody's.
	Edits []BranchEdit
	// Commit is the one that was pushed last since the start, and PushedAt when that was.
	Commit   string
	PushedAt time.Time
	// Problem is why the last try came to nothing, and ProblemAt when that was; empty if it did not.
	Problem   string
	ProblemAt time.Time
}

func equalText(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// StillScaled are the pools, sorted, whose count is that of the last update of ours that scaled them, as far as is known:
// nobody has deployed another one since. A deploy may have kept it without the branch having it: `pulumiscale restore`
// writes it into CI's checkout alone.
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
	// Commit commits and pushes what of the pools' counts the branch does not have, in one commit, whose message names
	// the operations. The error says why that was not possible; then nothing was pushed.
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
	// CountsNotCommitted says that counts could not be pushed; it is tried again.
	CountsNotCommitted struct {
		Branch string
		Pools  []string
		Err    error
	}
)

func (CountsCommitted) IsEvent()    {}
func (CountsNotCommitted) IsEvent() {}
