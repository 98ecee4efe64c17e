package cmd

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/doctor"
	"github.com/pulumiscale/pulumiscale/scale/git"
)

// Git looks at what --git-sync, --git and --git-push need, in a clone that is removed again.
func (p doctorProbe) Git(ctx context.Context) []doctor.GitLook {
	s := p.settings.git
	if !s.sync && s.push == "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "pulumiscale-doctor-")
	if err != nil {
		return []doctor.GitLook{failedLook("clone", err)}
	}
	defer func() { _ = os.RemoveAll(dir) }()
	options, err := p.settings.cloneOptions(ctx)
	if err != nil {
		return []doctor.GitLook{failedLook("remote", err)}
	}
	options.Dir = dir
	clone, err := git.Open(ctx, options)
	if err != nil {
		return []doctor.GitLook{failedLook("clone", err)}
	}
	var looks []doctor.GitLook
	if s.sync {
		looks = append(looks, p.lookAtCommit(ctx, clone))
	}
	remote := doctor.GitLook{Name: "remote", Found: git.WithoutCredentials(options.URL) + " answers"}
	if _, err := clone.Tip(ctx, s.push); err != nil {
		remote = failedLook("remote", err)
		remote.Minor = s.push == "" // what is deployed may be here
	}
	looks = append(looks, remote)
	if s.push != "" && remote.Problem == "" {
		looks = append(looks, p.lookAtPush(ctx, clone)...)
	}
	return looks
}

// cloneOptions are those of a clone of the program's repository; its folder is not among them.
func (s *settings) cloneOptions(ctx context.Context) (git.Options, error) {
	if s.git.url != "" {
		return git.Options{URL: s.git.url}, nil
	}
	dir := findProgram(s.cwd)
	root := findCheckout(dir)
	if root == "" {
		return git.Options{}, &scale.SetupError{Problem: dir + " is in no git checkout", Hint: "--git URL needs none"}
	}
	url, err := git.Remote(ctx, root)
	return git.Options{URL: url, Checkout: root}, err
}

// lookAtCommit looks whether the program that is deployed can be had.
func (p doctorProbe) lookAtCommit(ctx context.Context, clone *git.Repository) doctor.GitLook {
	const name = "deployed commit"
	hint := "deploy from a clean checkout of a commit that is pushed"
	deploy := p.Snapshot().Deploy
	switch {
	case deploy == nil:
		return doctor.GitLook{Name: name, Found: "the history, as far as it was read, does not tell it"}
	case deploy.Commit == "":
		return doctor.GitLook{Name: name, Problem: "the history tells none of the last deploy: nothing can be scaled", Hint: hint}
	}
	short := scale.Abbreviate(deploy.Commit)
	if err := clone.Fetch(ctx, deploy.Commit); err != nil {
		if kept := p.settings.git.source; kept != nil && kept(p.Stack().Name()).Commit() == deploy.Commit {
			return doctor.GitLook{Name: name, Found: short + ", which is here"}
		}
		look := failedLook(name, err)
		if missing, is := errors.AsType[*git.CommitError](err); is && missing.Err == nil {
			look.Hint = hint
		}
		return look
	}
	if deploy.Dirty {
		return doctor.GitLook{
			Name: name, Problem: short + ", with changes that were not committed: nothing can be scaled unless these are restored counts",
			Hint: "--verify says whether they are; " + hint, Minor: true,
		}
	}
	return doctor.GitLook{Name: name, Found: short + " can be had"}
}

// lookAtPush looks whether counts can be committed and pushed. Nothing is pushed.
func (p doctorProbe) lookAtPush(ctx context.Context, clone *git.Repository) []doctor.GitLook {
	s := p.settings.git
	branch := s.push
	if s.perStack {
		name := p.Stack().Name()
		branch = "pulumiscale/" + name[strings.LastIndex(name, "/")+1:]
	}
	push := doctor.GitLook{Name: "push", Found: "the remote takes one to " + branch + ", as far as it tells before it gets one"}
	if err := clone.CheckPush(ctx, branch); err != nil {
		push = failedLook("push", err)
	}
	author, signing := doctor.GitLook{Name: "author", Found: s.author}, doctor.GitLook{Name: "signing", Found: "git is not told to sign commits"}
	if s.author == "" {
		who, err := clone.Identity(ctx)
		if author.Found = who; err != nil {
			author = failedLook("author", err)
		}
	}
	switch signs, err := clone.Signing(ctx); {
	case err != nil:
		signing = failedLook("signing", err)
	case signs:
		signing.Found = "a commit could be signed"
	}
	return []doctor.GitLook{push, author, signing}
}

// hinted is an error that says what to do.
type hinted interface {
	error
	Hint() string
}

// failedLook is a look that met an error, with the error's hint if it has one.
func failedLook(name string, err error) doctor.GitLook {
	look := doctor.GitLook{Name: name, Problem: err.Error(), Hint: "docs/git.md says what is needed"}
	if setup, ok := errors.AsType[*scale.SetupError](err); ok {
		look.Hint = setup.Hint
	} else if e, ok := errors.AsType[hinted](err); ok && e.Hint() != "" {
		look.Hint = e.Hint()
	}
	return look
}
