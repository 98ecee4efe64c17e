package stack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/blang/semver"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/doctor"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// Patient is a stack that may be ill: while [Open] ends at the first thing that is wrong, a patient can be looked at
// piece by piece. It is what a [doctor.Patient] is without the looks for which a scaler is needed. No method changes
// anything. It is not safe for concurrent use.
type Patient struct {
	*Stack
	survey  *doctor.Survey
	state   state
	backend doctor.Backend
	// remote says that the service keeps the stack's configuration.
	remote bool
}

// NewPatient prepares to look at a stack. Nothing is looked at yet.
func NewPatient(options Options) *Patient {
	return &Patient{Stack: &Stack{options: options}}
}

// CLI finds the Pulumi CLI and asks it for its version.
func (p *Patient) CLI(ctx context.Context) (doctor.CLI, error) {
	command, err := cli.Find()
	if err != nil {
		return doctor.CLI{}, err
	}
	version, err := command.AskVersion(ctx)
	if err != nil {
		return doctor.CLI{}, err
	}
	p.command = command
	return doctor.CLI{Path: command.Path, Version: version.String(), Minimum: cli.Minimum.String(), TooOld: version.LT(cli.Minimum)}, nil
}

// Withheld are the variables that are set and kept from the CLI.
func (*Patient) Withheld() []doctor.Variable {
	var out []doctor.Variable
	for _, v := range cli.Withheld() {
		out = append(out, doctor.Variable(v))
	}
	return out
}

// Program finds the program.
func (p *Patient) Program(context.Context) (doctor.Program, error) {
	project, err := project.Find(p.options.Dir)
	if err != nil {
		return doctor.Program{}, err
	}
	p.project = project
	if p.dir, err = statedir.Find(p.options.StateDir, project); err != nil {
		return doctor.Program{}, err
	}
	return doctor.Program{File: project.Path, Name: string(project.Name), Runtime: project.Runtime.Name()}, nil
}

// StackName finds the stack's name. Without a CLI only the name asked for and the selected one are known.
func (p *Patient) StackName(ctx context.Context) (string, error) {
	if p.command == nil {
		p.setName(cmp.Or(p.options.Stack, p.project.SelectedStack(semver.Version{})))
		if p.name == "" {
			return "", &scale.SetupError{Problem: "which stack is selected cannot be told without the Pulumi CLI", Hint: "name one with --stack"}
		}
	} else if err := p.findName(ctx); err != nil {
		return "", err
	}
	p.file = configfile.File{Path: p.project.ConfigFile(p.name), Project: p.project.Project}
	return p.name, nil
}

// Backend asks who is logged in to which backend.
func (p *Patient) Backend(ctx context.Context) (doctor.Backend, error) {
	out, err := p.ask(ctx, "find the backend", "whoami", "--verbose", "--json")
	if err != nil {
		return doctor.Backend{}, err
	}
	var found struct{ User, URL string }
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		return doctor.Backend{}, fmt.Errorf("read the output of `pulumi whoami`: %w", err)
	}
	p.backend = doctor.Backend{URL: withoutCredentials(cmp.Or(found.URL, p.project.BackendURL())), User: found.User}
	return p.backend, nil
}

// withoutCredentials takes out of a backend's URL what nobody should see: user, password and query.
func withoutCredentials(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		before, _, _ := strings.Cut(text, "?")
		return before
	}
	parsed.User, parsed.RawQuery, parsed.Fragment = nil, "", ""
	return parsed.String()
}

// Survey reads the stack's state, history and configuration file.
func (p *Patient) Survey(ctx context.Context) (*doctor.Survey, error) {
	stamp := p.stamp(ctx)
	state, entries, complete, err := p.readBoth(ctx)
	if err != nil {
		return nil, err
	}
	rules, _, rulesErr := p.rules(state.rules, entries)
	updates, err := p.updates(entries, rules)
	if err != nil {
		rulesErr = errors.Join(rulesErr, err)
	}
	if destroyed := p.destroyed(state, entries); destroyed != nil {
		rulesErr = destroyed
	}
	if rulesErr != nil {
		rules = nil
		if updates, err = p.updates(entries, rules); err != nil {
			return nil, err
		}
	}
	p.state = state
	p.survey = &doctor.Survey{RulesErr: rulesErr, Snapshot: &scale.Snapshot{
		Rules: rules, Resources: state.resources, DependsOn: state.dependsOn, Dependencies: state.dependencies, Pending: state.pending,
		Protected: state.protected, Complete: complete, Updates: updates, Head: head(entries),
		Stamp: stamp, Output: state.output(), Config: deployedConfig(entries), Program: scale.Program{Deploy: deployOf(entries)},
	}}
	ended, _ := p.left()
	p.survey.Unsettled, p.survey.Unverified = p.unsettled(ended, entries, rules), unverified(ended, entries, rules)
	p.survey.FileErr = p.fillFile(p.survey.Snapshot)
	return p.survey, nil
}

// probeKey is a key that nobody uses, in a private copy of the configuration file.
const probeKey = "pulumiscale:doctor"

// Secrets lets Pulumi encrypt a value into a private copy of the configuration file and decrypt it: a configuration
// without a secret could be read with any passphrase. It reads no other values than those of the keys.
func (p *Patient) Secrets(ctx context.Context, keys ...string) (map[string]doctor.Value, error) {
	dir, err := newTemporaryFolder()
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := p.file.CopyTo(dir, scale.Change{}); err != nil {
		return nil, err
	}
	file := p.file
	file.Path = p.file.CopyIn(dir)
	asking, stop := p.untilSilent(ctx)
	err = p.setSecret(asking, probeKey, "sound", "--config-file", file.Path)
	stop()
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, p.silent("encrypt a value")
	}
	if err != nil {
		p.remote = keptRemotely.MatchString(err.Error())
		return nil, err
	}
	values, err := p.configValues(ctx, file, append(slices.Clone(keys), probeKey), "--config-file", file.Path)
	delete(values, probeKey)
	return values, err
}

// Snapshot is the stack as the survey found it; nil before that.
func (p *Patient) Snapshot() *scale.Snapshot {
	if p.survey == nil {
		return nil
	}
	return p.survey.Snapshot
}

// ConfigFile looks at the stack's configuration file.
func (p *Patient) ConfigFile() doctor.ConfigFile {
	path := p.file.Target()
	out := doctor.ConfigFile{Path: p.file.Path, DirErr: files.MayWrite(filepath.Dir(path))}
	_, err := os.Stat(path)
	if out.Missing = errors.Is(err, fs.ErrNotExist); out.Missing || p.remote {
		out.Remote = p.remote
		return out
	}
	if out.FileErr = files.MayKeep(path); out.FileErr != nil {
		return out
	}
	if out.FileErr = files.MayWrite(path); files.IsReplaceable(out.FileErr) {
		out.ReadOnly, out.FileErr = true, nil
	}
	return out
}
