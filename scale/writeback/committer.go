package writeback

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/git"
)

// Committer commits, on a branch of the program's repository, the counts that a stack was scaled to. It changes one key
// for each pool in the stack's configuration file, on top of the branch's tip at that moment. It is a
// [scale.Committer], and safe for concurrent use.
type Committer struct {
	// Program is the clone, and the program's folder in it.
	Program *git.Program
	// Files finds the configuration file in a commit.
	Files scale.CommitReader
	// Project and Stack are the names of the project and of the stack, for the message.
	Project, Stack string
	// Branch is the branch. If OfStack is set, commits go to a branch of the stack's own, with Branch as its base.
	Branch  string
	OfStack bool
	// Subject makes the first line of the message; see [ParseSubject].
	Subject *template.Template
	// SkipCI ends that line with words that tell CI to start nothing.
	SkipCI bool
	// Author and PushOptions are passed on in the [git.Commit].
	Author      string
	PushOptions []string
	// Memory keeps what was pushed last. If Memory is nil, the values are not known.
	Memory PushMemory
}

// PushMemory keeps the values that were pushed last, by pool.
type PushMemory interface {
	Pushed() map[string]string
	// Remember keeps values that have been pushed.
	Remember(values map[string]string)
}

// skipCI tells GitHub, GitLab, Bitbucket and others to start nothing for a commit.
const skipCI = " [skip ci]"

// subjectData holds the values that the template of a message's subject may use.
type subjectData struct{ Counts, Pools, Stack, Project string }

// ParseSubject reads the template of a message's first line, in the language of Go's text/template, with {{.Counts}},
// {{.Pools}}, {{.Stack}} and {{.Project}}.
func ParseSubject(text string) (*template.Template, error) {
	parsed, err := template.New("subject").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	line, err := subject(parsed, subjectData{"worker 3 -> 4", "worker", "dev", "demo"})
	if err == nil && line == "" {
		err = errors.New("it comes to an empty line")
	}
	return parsed, err
}

func subject(t *template.Template, data subjectData) (string, error) {
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return "", err
	}
	return strings.Join(strings.Fields(out.String()), " "), nil
}

// BranchName returns the branch that commits go to.
func (c *Committer) BranchName() string {
	if c.OfStack {
		return "pulumiscale/" + shortName(c.Stack)
	}
	return c.Branch
}

// shortName returns a stack's name without organisation and project.
func shortName(stack string) string { return stack[strings.LastIndex(stack, "/")+1:] }

// Commit commits the pools' counts that the branch does not have, and pushes the commit. The error comes from
// [git.Program.Open] or [git.Repository.Push], or says why the configuration file cannot be read or changed.
func (c *Committer) Commit(ctx context.Context, snap *scale.Snapshot, pools, operations []string) (*scale.Committed, error) {
	r, err := c.Program.Open(ctx)
	if err != nil {
		return nil, err
	}
	known := scale.BranchCounts{Deployed: c.deployed(ctx, r, snap)}
	if c.Memory != nil {
		known.Pushed = c.Memory.Pushed()
	}
	out := &scale.Committed{Branch: c.BranchName()}
	change := git.Commit{Branch: c.BranchName(), Author: c.Author, PushOptions: c.PushOptions}
	if c.OfStack {
		change.Base = c.Branch
	}
	change.Edit = func(ctx context.Context, _ string, read func(path string) ([]byte, error)) (string, []byte, string, error) {
		file, err := c.Files.CommittedFile(c.inProgram(read))
		if err != nil {
			return "", nil, "", err
		}
		if known.Tip, err = file.Counts(snap.Rules); err != nil {
			return "", nil, "", err
		}
		out.Counts, out.Edits = snap.ToCommit(pools, known)
		if len(out.Edits) > 0 && known.Deployed != nil { // unless a different machine has pushed these values
			if known.Pushed, err = c.pushedSince(ctx, r, snap, out.Edits, known.Pushed); err != nil {
				return "", nil, "", err
			}
			out.Counts, out.Edits = snap.ToCommit(pools, known)
		}
		if len(out.Counts) == 0 {
			return "", nil, "", nil
		}
		text, err := file.Set(settingsOf(snap, out.Counts))
		if err != nil {
			return "", nil, "", err
		}
		message, err := c.message(out.Counts, operations)
		return path.Join(c.Program.Prefix, file.Path()), text, message, err
	}
	if out.Commit, err = r.Push(ctx, change); err != nil {
		return nil, err
	}
	if c.Memory != nil && len(out.Counts) > 0 {
		values := map[string]string{}
		for _, c := range out.Counts {
			values[c.Pool] = c.To
		}
		c.Memory.Remember(values)
	}
	return out, nil
}

// inProgram returns a function that reads files by their paths in the program's folder.
func (c *Committer) inProgram(read func(path string) ([]byte, error)) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		full := path.Join(c.Program.Prefix, name)
		if full == ".." || strings.HasPrefix(full, "../") {
			return nil, fmt.Errorf("%s is outside of the repository", name)
		}
		return read(full)
	}
}

// deployed returns the values in the commit from which the stack was deployed last; nil if they cannot be fetched.
func (c *Committer) deployed(ctx context.Context, r *git.Repository, snap *scale.Snapshot) map[string]*string {
	if snap.Deploy == nil || snap.Deploy.Commit == "" || r.Fetch(ctx, snap.Deploy.Commit) != nil {
		return nil
	}
	counts, err := c.countsIn(ctx, r, snap, snap.Deploy.Commit)
	if err != nil {
		return nil
	}
	return counts
}

// countsIn returns the values that a commit has for the keys of the rules.
func (c *Committer) countsIn(ctx context.Context, r *git.Repository, snap *scale.Snapshot, commit string) (map[string]*string, error) {
	file, err := c.Files.CommittedFile(c.inProgram(func(name string) ([]byte, error) { return r.Read(ctx, commit, name) }))
	if err != nil {
		return nil, err
	}
	return file.Counts(snap.Rules)
}

// pushedSince returns the values that PulumiScale pushed last, from whichever machine: the known ones and, for the pools
// of edits, the values that the branch's log has. That log begins after the commit from which the stack was deployed
// last, because what was before that commit is no push that still waits for a deploy.
func (c *Committer) pushedSince(
	ctx context.Context, r *git.Repository, snap *scale.Snapshot, edits []scale.BranchEdit, known map[string]string,
) (map[string]string, error) {
	log, err := r.Log(ctx, c.Branch, snap.Deploy.Commit)
	if err != nil {
		return nil, err
	}
	out := maps.Clone(known)
	if out == nil {
		out = map[string]string{}
	}
	for _, edit := range edits {
		at := slices.IndexFunc(log, func(l git.Logged) bool { return c.isOurs(l) && slices.Contains(l.Trailers[trailerPool], edit.Pool) })
		if at < 0 {
			continue
		}
		counts, err := c.countsIn(ctx, r, snap, log[at].Hash)
		if err != nil {
			return nil, err
		}
		if value := counts[edit.Pool]; value != nil {
			out[edit.Pool] = *value
		}
	}
	return out, nil
}

// isOurs says whether PulumiScale made a commit for the stack.
func (c *Committer) isOurs(l git.Logged) bool {
	return slices.Equal(l.Trailers[trailerProject], []string{c.Project}) &&
		slices.ContainsFunc(l.Trailers[trailerStack], func(name string) bool { return shortName(name) == shortName(c.Stack) })
}

func settingsOf(snap *scale.Snapshot, counts []scale.CountCommit) []scale.Setting {
	var out []scale.Setting
	for _, c := range counts {
		rule := snap.Rules[c.Pool]
		out = append(out, scale.Setting{Key: rule.ConfigKey, Path: rule.ConfigPath, Value: &c.To})
	}
	return out
}

// The keys of the trailers in a commit's message.
const (
	trailerProject   = "Pulumi-Project"
	trailerStack     = "Pulumi-Stack"
	trailerPool      = "PulumiScale-Pool"
	trailerOperation = "PulumiScale-Operation"
)

// message makes a commit's message: the subject, and trailers that tell programs what the commit is.
func (c *Committer) message(counts []scale.CountCommit, operations []string) (string, error) {
	pools := map[string]string{}
	for _, c := range counts {
		from := "nothing"
		if c.From != nil {
			from = *c.From
		}
		pools[c.Pool] = c.Pool + " " + from + " -> " + c.To
	}
	names := slices.Sorted(maps.Keys(pools))
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = pools[name]
	}
	first, err := subject(c.Subject, subjectData{strings.Join(lines, ", "), strings.Join(names, ", "), shortName(c.Stack), c.Project})
	if err != nil {
		return "", fmt.Errorf("make the commit's message: %w", err)
	}
	if c.SkipCI {
		first += skipCI
	}
	trailers := []string{trailerProject + ": " + c.Project, trailerStack + ": " + c.Stack}
	for _, name := range names {
		trailers = append(trailers, trailerPool+": "+name)
	}
	for _, id := range operations {
		trailers = append(trailers, trailerOperation+": "+id)
	}
	return cmp.Or(first, "pulumiscale") + "\n\n" + strings.Join(trailers, "\n") + "\n", nil
}
