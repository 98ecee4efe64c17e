package board

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Branch says how the commits of counts to a branch of the program's repository have gone since the server began.
type Branch struct {
	Branch string `json:"branch"`
	// Unpushed are the pools whose counts are not on the branch yet, by name.
	Unpushed []UnpushedCount `json:"unpushed"`
	// Edits are somebody's edits of counts on the branch. They are left alone.
	Edits []BranchEdit `json:"edits,omitempty"`
	// Commit is the last commit that was pushed, and PushedAt when it was pushed.
	Commit   string     `json:"commit,omitempty"`
	PushedAt *time.Time `json:"pushedAt,omitempty"`
	// Problem says why the last try failed, and ProblemAt when. Both are absent if the last try succeeded.
	Problem   string     `json:"problem,omitempty"`
	ProblemAt *time.Time `json:"problemAt,omitempty"`
}

// UnpushedCount is a pool whose count is not on the branch, and since when.
type UnpushedCount struct {
	Pool  string    `json:"pool"`
	Since time.Time `json:"since"`
}

// BranchEdit is somebody's edit on the branch. Found is the value on the branch; absent if the key was taken away.
// Count is the stack's count.
type BranchEdit struct {
	Pool  string  `json:"pool"`
	Key   string  `json:"key"`
	Found *string `json:"found,omitempty"`
	Count string  `json:"count"`
}

// NewBranch makes the document of a [scale.BranchStatus], fit to be shown (see [Tidy]).
func NewBranch(s scale.BranchStatus) *Branch {
	out := &Branch{
		Branch: s.Branch, Unpushed: []UnpushedCount{}, Edits: BranchEditsOf(s.Edits), Commit: s.Commit, PushedAt: instant(s.PushedAt),
		Problem: s.Problem, ProblemAt: instant(s.ProblemAt),
	}
	for pool, since := range s.Unpushed {
		out.Unpushed = append(out.Unpushed, UnpushedCount{pool, since.UTC()})
	}
	slices.SortFunc(out.Unpushed, func(a, b UnpushedCount) int { return cmp.Compare(a.Pool, b.Pool) })
	return Tidy(out)
}

// BranchEditsOf makes the documents of edits on a branch.
func BranchEditsOf(edits []scale.BranchEdit) []BranchEdit {
	var out []BranchEdit
	for _, e := range edits {
		out = append(out, BranchEdit(e))
	}
	return out
}

// BranchNotes returns sentences about the commits of counts. The list is empty if there is nothing to say.
func (v View) BranchNotes(b *Branch) []string {
	var out []string
	if len(b.Unpushed) > 0 {
		names := make([]string, len(b.Unpushed))
		for i, u := range b.Unpushed {
			names[i] = u.Pool + " (since " + v.Ago(&u.Since) + ")"
		}
		out = append(out, "Not committed on "+b.Branch+" yet: "+strings.Join(names, ", "))
	}
	if b.Problem != "" {
		out = append(out, "Cannot be pushed: "+b.Problem+" ("+v.Ago(b.ProblemAt)+")")
	}
	for _, e := range b.Edits {
		out = append(out, "Left alone, for it is somebody's edit: "+scale.BranchEdit(e).String())
	}
	return out
}
