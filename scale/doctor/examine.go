package doctor

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// examination is how one check is made.
type examination struct {
	// id and title identify the check. needs are the ids of the checks on which this check depends: it is not made if
	// one of them found a problem or was not made.
	id, title string
	needs     []string
	look      func(*visit, context.Context) finding
}

// examinations returns all checks, in their order: a check comes before the checks that need it.
func examinations() []examination {
	return []examination{
		{"cli", "Pulumi CLI", nil, (*visit).lookAtCLI},
		{"environment", "environment", nil, (*visit).lookAtEnvironment},
		{"program", "program", nil, (*visit).lookAtProgram},
		{"stack", "stack", []string{"program"}, (*visit).lookAtStack},
		{"backend", "backend", []string{"cli", "program"}, (*visit).lookAtBackend},
		{"state", "state and history", []string{"backend", "stack"}, (*visit).lookAtState},
		{"secrets", "secrets provider", []string{"state"}, (*visit).lookAtSecrets},
		{"language", "language host", []string{"cli", "program"}, (*visit).lookAtLanguage},
		{"plugins", "provider plugins", []string{"state"}, (*visit).lookAtPlugins},
		{"token", "token", []string{"secrets"}, (*visit).lookAtToken},
		{"rules", "rules", []string{"state"}, (*visit).lookAtRules},
		{"targets", "targets", []string{"rules"}, (*visit).lookAtTargets},
		{"schedules", "schedules", []string{"rules"}, (*visit).lookAtSchedules},
		{"metrics", "metrics", []string{"rules", "secrets"}, (*visit).lookAtMetrics},
		{"listeners", "listeners", []string{"secrets"}, (*visit).lookAtListeners},
		{"current", "real sizes", []string{"rules"}, (*visit).lookAtCurrent},
		{"config-file", "config file", []string{"stack"}, (*visit).lookAtConfigFile},
		{"drift", "counts in the config file", []string{"rules"}, (*visit).lookAtDrift},
		{"deployed", "what is deployed", []string{"rules"}, (*visit).lookAtDeployed},
		{"git", "git", []string{"state"}, (*visit).lookAtGit},
		{"state-dir", "state directory", []string{"program"}, (*visit).lookAtStateDir},
		{"disk", "its disk space", []string{"program"}, (*visit).lookAtDisk},
		{"locks", "locks", []string{"state"}, (*visit).lookAtLocks},
		{"pending", "pending operations", []string{"state"}, (*visit).lookAtPending},
		{"unsettled", "unsettled pools", []string{"rules"}, (*visit).lookAtUnsettled},
		{"holds", "holds", []string{"stack"}, (*visit).lookAtHolds},
		{"clock", "clock", []string{"backend", "stack"}, (*visit).lookAtClock},
		{"at-work", "others at work here", []string{"program"}, (*visit).lookAtOthers},
	}
}

// visit is one run of [Examine]. It holds what the checks have found so far.
type visit struct {
	Probe
	Options
	stack    string
	survey   *Survey
	config   map[string]Value
	stateDir StateDir
}

// option returns the flag that makes a command of the Pulumi CLI work on this stack; empty if the stack's name is not
// known.
func (v *visit) option() string {
	if v.stack == "" {
		return ""
	}
	return " --stack " + v.stack
}

// broken returns the finding for an error: a problem, with a hint if the error has a known remedy.
func broken(err error) finding {
	hint := ""
	if e, ok := errors.AsType[*scale.SetupError](err); ok {
		hint = e.Hint
	} else if scale.IsA[*scale.UnavailableError](err) {
		hint = "check the network, and `pulumi whoami --verbose`"
	}
	return problem(hint, "%v", err)
}

func (v *visit) lookAtCLI(ctx context.Context) finding {
	cli, err := v.CLI(ctx)
	switch {
	case err != nil:
		return broken(err)
	case cli.TooOld:
		return problem("install a newer one: https://www.pulumi.com/docs/install/", "%s is v%s, and pulumiscale needs v%s or newer", cli.Path, cli.Version, cli.Minimum)
	}
	return fine("v%s, %s", cli.Version, cli.Path)
}

func (v *visit) lookAtProgram(ctx context.Context) finding {
	program, err := v.Program(ctx)
	if err != nil {
		return broken(err)
	}
	return fine("%s (%s), %s", program.Name, program.Runtime, program.File)
}

func (v *visit) lookAtStack(ctx context.Context) finding {
	name, err := v.StackName(ctx)
	if err != nil {
		return broken(err)
	}
	v.stack = name
	return fine("%s", name)
}

func (v *visit) lookAtBackend(ctx context.Context) finding {
	backend, err := v.Backend(ctx)
	if err != nil {
		return broken(err)
	}
	where := cmp.Or(backend.URL, "a service that does not tell its address")
	if backend.User == "" {
		return fine("%s", where)
	}
	return fine("%s, as %s", where, backend.User)
}

func (v *visit) lookAtState(ctx context.Context) finding {
	survey, err := v.Survey(ctx)
	if err != nil {
		return broken(err)
	}
	v.survey = survey
	if len(survey.Resources) == 0 {
		return warn("run `pulumi up"+v.option()+"`", "the stack has no resources yet")
	}
	found := plural(len(survey.Resources), "resource")
	if at := slices.IndexFunc(survey.Updates, func(u scale.Update) bool { return u.Succeeded && u.Kind == "update" }); at >= 0 {
		found += ", last successful update at " + moment(survey.Updates[at].End)
	}
	return fine("%s", found)
}

func (v *visit) lookAtSecrets(ctx context.Context) finding {
	config, err := v.Secrets(ctx, v.TokenKey, v.PreviousTokenKey)
	if err != nil {
		return broken(err)
	}
	v.config = config
	return fine("a secret could be encrypted and decrypted")
}

func (v *visit) lookAtLanguage(ctx context.Context) finding {
	host := v.LanguageHost(ctx)
	if host.Path == "" {
		return problem("install it beside the Pulumi CLI: it comes with the CLI's own packages", "there is no %s on PATH or beside the CLI", host.Name)
	}
	if folder, command := v.MissingPackages(); folder != "" {
		return problem("`"+command+"` in the program's directory makes it", "the program cannot run without its packages: there is no %s", folder)
	}
	return fine("%s", host.Path)
}

func (v *visit) lookAtPlugins(ctx context.Context) finding {
	plugins := v.Providers(ctx)
	var missing, names []string
	acquired := true
	for _, p := range plugins {
		name := strings.TrimSpace(p.Name + " " + p.Version)
		names = append(names, name)
		if p.Path == "" {
			missing = append(missing, name)
			acquired = acquired && p.Acquired
		}
	}
	switch {
	case len(plugins) == 0:
		return fine("the state needs none")
	case len(missing) == 0:
		return fine("%s", strings.Join(names, ", "))
	case acquired:
		return warn("`pulumi install` gets it now", "not on this machine: %s; the next update gets it from the network", strings.Join(missing, ", "))
	}
	return problem("install it with `pulumi plugin install`; PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION keeps the engine from it",
		"not on this machine: %s", strings.Join(missing, ", "))
}

func (v *visit) lookAtToken(context.Context) finding {
	token, previous := v.config[v.TokenKey], v.config[v.PreviousTokenKey]
	set := "`openssl rand -hex 32 | tr -d '\\n' | pulumi config set --secret " + v.TokenKey + v.option() + "`"
	if token.Text == "" && previous.Text == "" {
		return warn(set+" makes one", "the stack has none: `pulumiscale serve` does not start without, and one that runs answers every request with 401")
	}
	for _, key := range []string{v.TokenKey, v.PreviousTokenKey} {
		if value := v.config[key]; value.Text != "" && !value.Secret {
			return problem("whoever can read the configuration has it; make another one: "+set, "%s is there in plain text", key)
		}
	}
	if err := v.CheckTokens(token.Text, previous.Text); err != nil {
		return problem("make another one: "+set, "%v", err)
	}
	if previous.Text != "" {
		return warn("once every sender has the new one: `pulumi config rm "+v.PreviousTokenKey+v.option()+"`", "a rotation is under way: the previous token is good too")
	}
	return fine("a secret of %d characters", len([]rune(token.Text)))
}
