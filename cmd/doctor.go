package cmd

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/doctor"
	"github.com/pulumiscale/pulumiscale/scale/git"
	"github.com/pulumiscale/pulumiscale/scale/journal"
	"github.com/pulumiscale/pulumiscale/scale/metric"
	"github.com/pulumiscale/pulumiscale/scale/scaler"
	"github.com/pulumiscale/pulumiscale/scale/stack/probe"
	"github.com/pulumiscale/pulumiscale/webhook"
	"github.com/pulumiscale/pulumiscale/webhook/notify"
)

// doctorOptions are the options of `pulumiscale doctor`.
type doctorOptions struct {
	app    *app
	verify bool
}

// doctorCommand makes the command `pulumiscale doctor`. If run is not nil, it replaces the command's work, for tests of
// the flags.
func doctorCommand(a *app, run func(*doctorOptions) error) *cobra.Command {
	o := &doctorOptions{app: a}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check all that scaling needs, and say what to do",
		Long: "Check what scaling needs, one thing after the other: the Pulumi CLI, the program and its stack, the backend, the secrets provider,\n" +
			"plugins, the token, rules and targets, the config file, git if it is used, the state directory and its disk, locks, operations that were cut off,\n" +
			"and the clock. Each check says what it found and, where something is wrong, what to do. It goes on after a problem; what\n" +
			"makes no sense after it is not checked, and says so.\n\n" +
			"It changes nothing. The exit code is 0 where there is no problem, whatever the warnings, and else 1.\n\n" +
			"Targets are looked up in the state. With --verify each rule is proved against the engine, by a preview.",
		Example: "  pulumiscale doctor\n" +
			"  pulumiscale doctor --stack prod --verify\n" +
			"  pulumiscale doctor --json | jq -r '.checks[] | select(.result == \"problem\") | .id'",
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.begin(cmd, true); err != nil {
				return err
			}
			if run != nil {
				return run(o)
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.verify, "verify", false, "prove each rule against the engine")
	return cmd
}

func (o *doctorOptions) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := o.app.newSession(cancel)
	defer s.progress.Close()
	defer s.interrupts.Watch(o.app.notify, o.app.notifyHangup)()
	settings := o.app.settings
	looks := o.app.probe(settings.stackOptions())
	report, err := doctor.Examine(ctx, looks, doctor.Options{
		Verify: o.verify, Now: s.now, Begin: func(title string) { s.progress.Work("looking at: " + title) },
		Serving: journal.InUse, TokenKey: webhook.TokenKey, PreviousTokenKey: webhook.PreviousTokenKey,
		CheckTokens: func(current, previous string) error { return new(webhook.Tokens).Set(current, previous) },
	})
	if err != nil {
		return s.interrupts.Explain(err)
	}
	return s.conclude(output.NewDiagnosis(report), s.outStyle().Diagnosis(report), ill(report))
}

// ill returns an [*unhealthyError] if the report has problems, and nil if it has warnings at most.
func ill(report doctor.Report) error {
	if problems := report.Titles(doctor.Problem); len(problems) > 0 {
		return &unhealthyError{problems}
	}
	return nil
}

// doctorProbe adds the looks that need a scaler, the settings or git. A look changes nothing, with one exception:
// before a proof, the program of --git-sync is brought to the deployed commit.
type doctorProbe struct {
	*probe.Probe
	// listeners are the listeners that the settings name.
	listeners []notify.Setting
	settings  *settings
}

func (p doctorProbe) scaler() *scaler.Scaler {
	return &scaler.Scaler{Stack: p.Stack(), Programs: p.settings.programsOf(p.Stack()), Observe: scale.Unobserved, Now: time.Now}
}

// values reads values of the configuration by their keys.
func (p doctorProbe) values(ctx context.Context, keys ...string) (map[string]string, error) {
	found, err := p.Secrets(ctx, keys...)
	values := map[string]string{}
	for key, value := range found {
		values[key] = value.Text
	}
	return values, err
}

func (p doctorProbe) Metrics(ctx context.Context, rule scale.Rule) []scale.Sample {
	return metric.Look(ctx, rule.Metrics, &metric.Credentials{Read: p.values, Now: time.Now}, time.Now)
}

func (p doctorProbe) Listeners(ctx context.Context) []doctor.Listener {
	if len(p.listeners) == 0 {
		return nil
	}
	out := make([]doctor.Listener, len(p.listeners))
	for i, found := range notify.LookAt(ctx, p.listeners, p.values, time.Now) {
		out[i] = doctor.Listener{Name: found.Name, Kind: found.Kind, Host: found.Host, Pools: p.listeners[i].Pools}
		if found.Err != nil {
			out[i].Problem = found.Err.Error()
		}
	}
	return out
}

func (p doctorProbe) CheckRules(ctx context.Context) ([]scale.RuleCheck, error) {
	return p.scaler().Verify(ctx)
}

func (p doctorProbe) Pending(ctx context.Context, prove bool) (map[string][]scale.PendingChange, bool, error) {
	return p.scaler().Pending(ctx, p.Snapshot(), prove)
}

func (p doctorProbe) Drifts(ctx context.Context) ([]scale.Drift, error) {
	return scaler.Drifts(ctx, p.Stack(), p.Snapshot())
}

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
		remote.Minor = s.push == "" // the deployed commit may be on this machine already
	}
	looks = append(looks, remote)
	if s.push != "" && remote.Problem == "" {
		looks = append(looks, p.lookAtPush(ctx, clone)...)
	}
	return looks
}

// cloneOptions returns the options of a clone of the program's repository, except the clone's folder.
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

// lookAtCommit looks whether the deployed commit can be fetched, or is on this machine already.
func (p doctorProbe) lookAtCommit(ctx context.Context, clone *git.Repository) doctor.GitLook {
	const name = "deployed commit"
	hint := "deploy from a clean checkout of a commit that is pushed"
	deploy := p.Snapshot().Deploy
	switch {
	case deploy == nil:
		return doctor.GitLook{Name: name, Found: "the history, as far as it was read, does not tell it"}
	case deploy.Commit == "":
		return doctor.GitLook{Name: name, Problem: "the stack's history has no commit for the last deploy: nothing can be scaled", Hint: hint}
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
			Name: name, Problem: short + ", deployed with uncommitted changes: nothing can be scaled unless the only changes are counts that PulumiScale wrote into the config file",
			Hint: "--verify says whether that is so; " + hint, Minor: true,
		}
	}
	return doctor.GitLook{Name: name, Found: short + " can be fetched"}
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

// failedLook returns a look that failed, with the error and, if the error has one, its hint.
func failedLook(name string, err error) doctor.GitLook {
	look := doctor.GitLook{Name: name, Problem: err.Error(), Hint: "docs/git.md says what is needed"}
	if setup, ok := errors.AsType[*scale.SetupError](err); ok {
		look.Hint = setup.Hint
	} else if e, ok := errors.AsType[hinted](err); ok && e.Hint() != "" {
		look.Hint = e.Hint()
	}
	return look
}
