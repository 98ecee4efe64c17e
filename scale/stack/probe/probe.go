// Package probe looks at a stack that may be ill, for `pulumiscale doctor`: at the machine, the program, the Pulumi CLI
// with its plugins, the backend and the stack, each by itself. It tells what it finds, and does not judge what is
// healthy. It changes nothing.
package probe

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/doctor"
	"github.com/pulumiscale/pulumiscale/scale/stack"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// Probe looks at a stack piece by piece, while [stack.Open] ends at the first thing that is wrong. It has the methods
// of a [doctor.Probe] for which no scaler is needed. They must be called in the order of that interface. No method
// changes anything. It is not safe for concurrent use.
type Probe struct {
	options stack.Options
	// What has been found so far; zero before that.
	command *cli.Command
	dir     statedir.Dir
	program *project.Project
	stack   *stack.Stack
	backend doctor.Backend
	survey  *doctor.Survey
	// remote says that the service keeps the stack's configuration.
	remote bool
}

// New prepares to look at a stack. Nothing is looked at yet.
func New(options stack.Options) *Probe { return &Probe{options: options} }

// Stack returns the stack. It is nil before [Probe.StackName] was called, and has no name if none was found.
func (p *Probe) Stack() *stack.Stack { return p.stack }

// CLI finds the Pulumi CLI and asks it for its version.
func (p *Probe) CLI(ctx context.Context) (doctor.CLI, error) {
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

// Withheld returns the environment variables that are set here but not passed on to the CLI.
func (*Probe) Withheld() []doctor.Variable {
	var out []doctor.Variable
	for _, v := range cli.Withheld() {
		out = append(out, doctor.Variable(v))
	}
	return out
}

// Program finds the program.
func (p *Probe) Program(context.Context) (doctor.Program, error) {
	program, err := project.Find(p.options.Dir)
	if err != nil {
		return doctor.Program{}, err
	}
	p.program = program
	if p.dir, err = statedir.Find(p.options.StateDir, program); err != nil {
		return doctor.Program{}, err
	}
	return doctor.Program{File: program.Path, Name: string(program.Name), Runtime: program.Runtime.Name()}, nil
}

// StackName finds the stack's name. Without a CLI it finds only a name that the options or files tell.
func (p *Probe) StackName(ctx context.Context) (string, error) {
	var err error
	if p.stack, err = stack.Assemble(ctx, p.options, p.command, p.dir); err != nil {
		return "", err // without a name, the stack can still be asked for its backend
	}
	p.dir.Stack = p.stack.Name()
	return p.dir.Stack, nil
}

// Backend asks who is logged in to which backend.
func (p *Probe) Backend(ctx context.Context) (_ doctor.Backend, err error) {
	p.backend, err = p.stack.Backend(ctx)
	return p.backend, err
}

// Survey reads the stack's state, history and configuration file.
func (p *Probe) Survey(ctx context.Context) (_ *doctor.Survey, err error) {
	p.survey, err = p.stack.Survey(ctx)
	return p.survey, err
}

// Secrets has Pulumi encrypt a value and decrypt it again. It also reads the values of the keys, and returns them.
func (p *Probe) Secrets(ctx context.Context, keys ...string) (map[string]doctor.Value, error) {
	values, err := p.stack.TrySecrets(ctx, keys...)
	p.remote = p.remote || stack.IsKeptRemotely(err)
	return values, err
}

// Holds returns the holds in the state directory.
func (p *Probe) Holds() (scale.Holds, error) { return p.dir.Holds() }

// Snapshot returns the stack as [Probe.Survey] found it; nil before that.
func (p *Probe) Snapshot() *scale.Snapshot {
	if p.survey == nil {
		return nil
	}
	return p.survey.Snapshot
}

// ConfigFile looks at the stack's configuration file.
func (p *Probe) ConfigFile() doctor.ConfigFile {
	path := configfile.File{Path: p.stack.ConfigFile()}.Target()
	out := doctor.ConfigFile{Path: p.stack.ConfigFile(), DirErr: files.MayWrite(filepath.Dir(path))}
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
