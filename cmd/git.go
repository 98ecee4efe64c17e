package cmd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/template"
	"time"

	"github.com/spf13/pflag"

	"github.com/pulumiscale/pulumiscale/cmd/serving"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/git"
	"github.com/pulumiscale/pulumiscale/scale/stack"
	"github.com/pulumiscale/pulumiscale/scale/writeback"
)

// gitSettings are the flags about git that every command has.
type gitSettings struct {
	// url and path name the repository and the program's folder in it, for a machine without a checkout.
	url, path string
	sync      bool
	prepare   string
	// push is the branch on which counts are committed; empty if they are not committed. If perStack is set, counts are
	// committed on a branch of the stack's own, whose base is push.
	push, message, author string
	perStack, skipCI      bool
	pushOptions           []string
	// program is the program of --git. of returns the program of a stack, in the clone; it is nil if no clone is used.
	// source returns the same program as a [stack.Source]; it is nil if the deployed program is not kept.
	program *git.Program
	of      func(stack string) *git.Program
	source  func(stack string) stack.Source
	subject *template.Template
}

func (g *gitSettings) flags(f *pflag.FlagSet) {
	f.BoolVar(&g.sync, "git-sync", false, "scale with the program that is deployed, whatever is checked out here: a worktree of its own at the commit of the last deploy; see docs/git.md")
	f.StringVar(&g.prepare, "git-prepare", "", "with --git-sync: the command that prepares the program when its commit or a lock file has changed, such as 'npm ci'")
	f.StringVar(&g.push, "git-push", "", "commit the new count on this branch of the program's repository after each scaling, and push it")
	f.BoolVar(&g.perStack, "git-branch-per-stack", false, "with --git-push: push to pulumiscale/STACK, for a pull or merge request into the branch")
	f.StringVar(&g.message, "git-message", "pulumiscale: {{.Counts}}", "with --git-push: the commit's subject, with {{.Counts}}, {{.Pools}}, {{.Stack}} and {{.Project}}")
	f.StringVar(&g.author, "git-author", "", "with --git-push: the commit's author, as in 'Name <mail>'; default: that of this machine's git")
	f.BoolVar(&g.skipCI, "git-skip-ci", true, "with --git-push: end the subject with [skip ci], so that the commit deploys nothing by itself")
	f.StringArrayVar(&g.pushOptions, "git-push-option", nil, "with --git-push: an option for the remote, such as merge_request.create; may be repeated")
	f.StringVar(&g.url, "git", "", "the repository of the program, for a machine without a checkout: implies --git-sync, needs --stack")
	f.StringVar(&g.path, "path", "", "with --git: the program's folder in the repository; default: its root")
}

// checkGit returns an error if flags about git do not go together.
func (s *settings) checkGit() error {
	g := s.git
	switch {
	case g.url == "" && g.path != "":
		return &scale.UsageError{Field: "--path", Problem: "is the program's folder in the repository of --git, which is not given", Hint: "--cwd names a folder on this machine"}
	case g.url == "":
		return nil
	case s.cwd != "":
		return &scale.UsageError{Field: "--git, --cwd", Problem: "only one of them can be given", Hint: "--path names the program's folder in the repository"}
	case s.stack == "":
		return &scale.UsageError{Field: "--stack", Problem: "must be given with --git: no stack is selected in a repository", Hint: "such as --stack prod"}
	case !filepath.IsLocal(filepath.FromSlash(path.Join(".", g.path))):
		return &scale.UsageError{Field: "--path", Problem: "must be a folder inside the repository, such as infra", Hint: "without it the program is at the repository's root"}
	}
	return nil
}

// checkOut clones the repository of --git, makes a worktree, and makes the program's folder in it the working directory
// (--cwd). Without --git it only checks the flags.
func (a *app) checkOut(ctx context.Context) error {
	s := &a.settings
	if err := s.checkGit(); err != nil || s.git.url == "" {
		return err
	}
	if s.stateDir == "" {
		dir, err := userStateDir()
		if err != nil {
			return err
		}
		s.stateDir = dir
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	program := s.programOf(git.Options{URL: s.git.url}, git.WithoutCredentials(s.git.url), s.git.path, s.stack)
	if program.Commit() == "" && !s.json {
		a.tell("cloning " + git.WithoutCredentials(s.git.url))
	}
	err := program.Start(ctx)
	if _, missing := os.Stat(program.Dir()); err == nil && missing != nil {
		return &scale.UsageError{Field: "--path", Problem: "the repository has no folder " + s.git.path + " on its default branch"}
	}
	if err != nil {
		return &scale.SetupError{
			Problem: "the repository of --git cannot be cloned", Err: err, Hint: "PulumiScale runs this machine's git: `git ls-remote URL` meets the same",
		}
	}
	s.cwd, s.git.sync = program.Dir(), true
	s.git.program = program
	return nil
}

// tell passes a remark to the app's remark function or, if that is nil, writes it to stderr.
func (a *app) tell(text string) {
	if a.remark != nil {
		a.remark(text)
		return
	}
	_, _ = io.WriteString(a.errs, a.errStyle().Note(text))
}

// keepProgram fills gitSettings.of if a flag about git needs the program in a clone. If --git-sync or --git is given,
// it also fills gitSettings.source.
func (a *app) keepProgram() error {
	s := &a.settings
	if err := s.git.checkPush(); err != nil {
		return err
	}
	switch {
	case s.git.prepare != "" && !s.git.sync:
		return &scale.UsageError{Field: "--git-prepare", Problem: "prepares the program of --git-sync, which is not given"}
	case s.git.program != nil:
		s.git.program.Prepare = s.git.prepare
		s.git.of = func(string) *git.Program { return s.git.program }
	case s.git.sync || s.git.push != "":
		dir := findProgram(s.cwd)
		if dir == "" {
			return nil // opening the stack says that there is no program
		}
		root := findCheckout(dir)
		if root == "" {
			flag := "--git-sync"
			if !s.git.sync {
				flag = "--git-push"
			}
			return &scale.SetupError{Problem: flag + ": " + dir + " is in no git checkout", Hint: "--git URL needs none"}
		}
		prefix, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		s.git.of = func(name string) *git.Program {
			program := s.programOf(git.Options{Checkout: root}, root, filepath.ToSlash(prefix), name)
			program.Prepare = s.git.prepare
			return program
		}
	}
	if s.git.sync && s.git.of != nil {
		s.git.source = func(name string) stack.Source { return s.git.of(name) }
	}
	return nil
}

// checkPush says what is wrong with the flags of --git-push, and parses the template of --git-message.
func (g *gitSettings) checkPush() (err error) {
	if g.push == "" {
		for _, flag := range []struct {
			name  string
			given bool
		}{{"--git-branch-per-stack", g.perStack}, {"--git-author", g.author != ""}, {"--git-push-option", len(g.pushOptions) > 0}} {
			if flag.given {
				return &scale.UsageError{Field: flag.name, Problem: "is about the commits of --git-push, which is not given"}
			}
		}
		return nil
	}
	if g.author != "" && !isAuthor.MatchString(g.author) {
		return &scale.UsageError{Field: "--git-author", Problem: fmt.Sprintf("must be a name and a mail address, such as 'Scaler <scaler@example.com>', not %q", g.author)}
	}
	if g.subject, err = writeback.ParseSubject(g.message); err != nil {
		return &scale.UsageError{Field: "--git-message", Problem: err.Error(), Hint: "it is a template with {{.Counts}}, {{.Pools}}, {{.Stack}} and {{.Project}}"}
	}
	return nil
}

// isAuthor matches what git accepts as an author.
var isAuthor = regexp.MustCompile(`^[^<>\n]*[^<>\s][^<>\n]* <[^<>\s]+>$`)

// committer returns the committer of the counts of an open stack; nil if --git-push is not given.
func (s *settings) committer(opened serving.Stack) *writeback.Committer {
	g := s.git
	if g.push == "" || g.of == nil {
		return nil
	}
	return &writeback.Committer{
		Program: g.of(opened.Name()), Files: opened, Project: opened.ProjectName(), Stack: opened.Name(), Branch: g.push, OfStack: g.perStack,
		Subject: g.subject, SkipCI: g.skipCI, Author: g.author, PushOptions: g.pushOptions,
	}
}

// programOf returns the program of a stack, in the folder prefix of a repository. name identifies the repository.
func (s *settings) programOf(clone git.Options, name, prefix, stackName string) *git.Program {
	state := s.stateDir
	if state == "" {
		state = filepath.Join(findProgram(s.cwd), ".pulumiscale")
	}
	clone.Dir = filepath.Join(state, "git", digest(name)) // all stacks of the repository share it
	prefix = strings.Trim(path.Clean("/"+prefix), "/")
	short := stackName[strings.LastIndex(stackName, "/")+1:]
	return &git.Program{Clone: clone, Folder: filepath.Join(clone.Dir, "worktrees", digest(prefix)+"."+short), Prefix: prefix}
}

// findCheckout returns the root of the git checkout that contains dir; empty if none does.
func findCheckout(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// digest returns a short name for a text, for use in a path.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// userStateDir returns the folder for PulumiScale's files if there is no program's directory to hold them: the folder
// that the XDG base directory specification names, or on Windows a folder in LocalAppData.
func userStateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "pulumiscale"), nil
	}
	if dir := os.Getenv("LocalAppData"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "pulumiscale"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", &scale.SetupError{Problem: "cannot find a folder for PulumiScale's files", Err: err, Hint: "name one with --state-dir"}
	}
	return filepath.Join(home, ".local", "state", "pulumiscale"), nil
}

// commitTimeout is how long a command tries to get its count onto the branch.
const commitTimeout = time.Minute

// commit commits the counts that a command has scaled to, if --git-push is given. If they cannot be committed, the
// scaling has not failed: the problem is only reported.
func (s *session) commit(ctx context.Context, report *scale.Report) {
	commits := s.settings.committer(s.opened)
	if commits == nil || report == nil {
		return
	}
	var pools []string
	for _, r := range report.Results {
		if r.Unverified == "" {
			pools = append(pools, r.Pool)
		}
	}
	if len(pools) == 0 {
		return
	}
	s.progress.Work("committing the count on branch " + commits.BranchName())
	if ctx.Err() != nil { // an interrupt of the update does not stop the commit; an interrupt of the commit does
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	var operations []string
	if id := report.Change.ID; id != "" {
		operations = append(operations, id)
	}
	snap, err := s.opened.Read(ctx)
	var done *scale.Committed
	if err == nil {
		// The commits of earlier scalings may have failed, so their counts are committed too.
		pools = slices.Compact(slices.Sorted(slices.Values(append(pools, snap.StillScaled()...))))
		done, err = commits.Commit(ctx, snap, pools, operations)
	}
	if err != nil {
		s.observe(scale.CountsNotCommitted{Branch: commits.BranchName(), Pools: pools, Err: err})
		return
	}
	s.observe(scale.CountsCommitted{Committed: *done})
}
