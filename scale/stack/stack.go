package stack

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

// Options say which stack to open, and how to work on it.
type Options struct {
	// Dir is the program's directory or one below it; empty stands for the working directory.
	Dir string
	// Stack is the stack's name, with or without organisation and project; empty stands for the selected stack.
	Stack string
	// StateDir is where PulumiScale keeps its own files, in a folder for each stack; empty stands for .pulumiscale in
	// the program's directory.
	StateDir string
	// BackendTimeout is how long the backend may take to answer any one question; 0 stands for no limit.
	BackendTimeout time.Duration
	// Parallel is how many resource operations may run at once; 0 stands for what PULUMI_PARALLEL says, else the
	// engine's default.
	Parallel int
	// Interrupt, once closed, interrupts a running update gently: the engine lets running operations end. If it is nil,
	// nothing does.
	Interrupt <-chan struct{}
	// Output is where this process writes its output. Trace, if it is not empty, is the file for a trace of its work.
	// They are no part of the program, even if they are in its directory.
	Output []*os.File
	Trace  string
	// KeepRules keeps the last valid rules in force if the stack's output no longer holds valid ones: see
	// [scale.Snapshot.RulesErr].
	KeepRules bool
	// Afresh makes every reading whole, even if the backend shows that nothing has been written since the last one.
	Afresh bool
}

// BackendTimeout is what suits most backends: the CLI reads a stack in seconds, and a gateway gives up after a minute.
const BackendTimeout = time.Minute

// parallel is how many resource operations may run at once; 0 is the engine's default.
func (o Options) parallel() int {
	if o.Parallel > 0 {
		return o.Parallel
	}
	return cli.Parallel()
}

// Stack is a stack in its program's directory. It is safe for concurrent use.
type Stack struct {
	options  Options
	name     string
	stateDir string
	project  *project.Project
	file     configfile.File
	command  *cli.Command
	inForce  inForce
	prepared prepared
	proofs   proofs
	plugins  pluginFolders
	storage  keptElsewhere
	// last is what was read last, or what a reading finds after an update of ours, perhaps an earlier process's; nil if
	// there is nothing.
	last atomic.Pointer[scale.Snapshot]
}

var _ scale.Stack = (*Stack)(nil)

// Open finds the program, the Pulumi CLI and the stack. It does not ask the backend whether the stack exists. The error
// is a [*scale.SetupError], or that of ctx.
func Open(ctx context.Context, options Options) (*Stack, error) {
	project, err := project.Find(options.Dir)
	if err != nil {
		return nil, err
	}
	command, err := cli.Find()
	if err != nil {
		return nil, err
	}
	s := &Stack{options: options, project: project, command: command, stateDir: options.StateDir}
	if s.stateDir == "" {
		s.stateDir = filepath.Join(project.Dir, defaultStateDir)
	}
	if s.stateDir, err = filepath.Abs(s.stateDir); err != nil { // the CLI works in the program's directory, and is told of files in it
		return nil, &scale.SetupError{Problem: "find the state directory", Err: err}
	}
	if err := s.command.Check(ctx); err != nil {
		return nil, err
	}
	if err := s.askName(ctx); err != nil {
		return nil, err
	}
	if err := s.checkStateDir(); err != nil {
		return nil, s.lockError(err)
	}
	s.file = configfile.File{Path: project.ConfigFile(s.name), Project: project.Project, StateDir: s.home(), FormerDir: s.stateDir}
	s.last.Store(s.recall())
	return s, nil
}

// Name is the stack's name.
func (s *Stack) Name() string { return s.name }

// ProjectName is the name of the program's project.
func (s *Stack) ProjectName() string { return string(s.project.Name) }

// ConfigFile is the path of the stack's configuration file.
func (s *Stack) ConfigFile() string { return s.file.Path }

// Write puts the settings into the stack's configuration file, atomically.
func (s *Stack) Write(settings []scale.Setting) error { return s.file.Write(settings) }
