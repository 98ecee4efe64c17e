package stack

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/room"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
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
	// Parallel is how many resource operations may run at once; 0 stands for the value of PULUMI_PARALLEL or, if that
	// is not set, for the engine's default.
	Parallel int
	// Readings limits how many processes of the CLI that only read may run at once: each needs a place in this room. If
	// it is nil, there is no limit.
	Readings *room.Room
	// Interrupt interrupts a running update gently when it is closed: the engine lets running operations end. If it is
	// nil, nothing interrupts an update.
	Interrupt <-chan struct{}
	// Output are the files to which this process writes its output. Trace is the file for a trace of its work; empty if
	// there is none. These files are no part of the program, even if they are in the program's directory.
	Output []*os.File
	Trace  string
	// KeepRules keeps the last valid rules in force if the stack's output no longer holds valid ones: see
	// [scale.Snapshot.RulesErr].
	KeepRules bool
	// Afresh makes every reading read the state and the history, even if the backend shows that nothing has been
	// written since the last reading.
	Afresh bool
	// Source returns the [Source] that keeps the deployed program of the stack with the given name. If it is nil, the
	// engine runs the program in Dir.
	Source func(stack string) Source
	// Managed says that Dir is nobody's checkout, but a directory that PulumiScale has made itself. The stack's
	// configuration file is then kept in the stack's own folder in the state directory: a copy of the deployed
	// program's file, with the counts that were scaled to.
	Managed bool
}

// BackendTimeout is a limit that suits most backends: the CLI reads a stack in seconds, and a gateway gives up after a
// minute.
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
	dir      statedir.Dir
	project  *project.Project
	file     configfile.File
	command  *cli.Command
	inForce  inForce
	prepared prepared
	proofs   proofs
	plugins  pluginFolders
	storage  keptElsewhere
	// source keeps the deployed program. kept is where that program is; nil if it is not here yet. If source is nil,
	// the engine runs the program in the stack's directory.
	source Source
	kept   atomic.Pointer[place]
	// explained is the head of the last deploy that [Stack.explainDirt] has accepted: its checkout had no uncommitted
	// changes, or its counts explain them. It is nil if there is none.
	explained atomic.Pointer[string]
	// last is the snapshot that was read last, or the one that a reading would find after the last update of ours. An
	// earlier process may have made that update. last is nil if neither is known.
	last atomic.Pointer[scale.Snapshot]
}

var (
	_ scale.Stack         = (*Stack)(nil)
	_ scale.HoldKeeper    = (*Stack)(nil)
	_ scale.ProgramKeeper = (*Stack)(nil)
)

// Open finds the program, the Pulumi CLI and the stack. It does not ask the backend whether the stack exists. The error
// is a [*scale.SetupError], or the error of ctx.
func Open(ctx context.Context, options Options) (*Stack, error) {
	program, err := project.Find(options.Dir)
	if err != nil {
		return nil, err
	}
	command, err := cli.Find()
	if err != nil {
		return nil, err
	}
	dir, err := statedir.Find(options.StateDir, program)
	if err != nil {
		return nil, err
	}
	if err := command.Check(ctx); err != nil {
		return nil, err
	}
	s, err := Assemble(ctx, options, command, dir)
	if err != nil {
		return nil, err
	}
	if err := s.dir.Check(); err != nil {
		return nil, err
	}
	s.file.StateDir, s.file.FormerDir = s.dir.Home(), s.dir.Path
	if err := s.takeFirstFile(); err != nil {
		return nil, err
	}
	s.last.Store(s.dir.Recall())
	return s, nil
}

// Assemble makes a stack of parts that have been found: the CLI, and a state directory that knows the program. It finds
// the stack's name and checks nothing else, so that one can look at a stack that Open would refuse. Nothing must be
// changed through a stack that Open has not checked. command is nil if there is no CLI. Then the stack's name is found
// only if the options or files tell it, and the methods that need the CLI must not be called. The error is a
// [*scale.SetupError], or the error of ctx. A stack that is returned with an error has no name, and only
// [Stack.Backend] may be called on it.
func Assemble(ctx context.Context, options Options, command *cli.Command, dir statedir.Dir) (*Stack, error) {
	s := &Stack{options: options, project: dir.Program, command: command, dir: dir}
	if err := s.findName(ctx); err != nil {
		return s, err
	}
	s.file = configfile.File{Path: s.project.ConfigFile(s.name), Project: s.project.Project}
	s.openSource()
	return s, nil
}

// Name is the stack's name.
func (s *Stack) Name() string { return s.name }

// ProjectName is the name of the program's project.
func (s *Stack) ProjectName() string { return string(s.project.Name) }

// ConfigFile is the path of the stack's configuration file.
func (s *Stack) ConfigFile() string { return s.file.Path }

// CountsIn reads the counts of the rules' keys from doc, a different version of the stack's configuration file. It
// returns them by pool.
func (s *Stack) CountsIn(doc []byte, rules scale.Rules) (map[string]*string, error) {
	return s.file.CountsIn(doc, rules)
}

// Write puts the settings into the stack's configuration file, atomically.
func (s *Stack) Write(settings []scale.Setting) error { return s.file.Write(settings) }

// StateDir returns the stack's own folder in the state directory. It makes the folder if it is missing, and keeps it
// out of version control.
func (s *Stack) StateDir() (string, error) { return s.dir.Make() }

// FormerStateDir returns the directory where an earlier version of PulumiScale kept this stack's journal, if it kept
// one. It is empty if the files that the earlier version left there belong to a different stack.
func (s *Stack) FormerStateDir() string { return s.dir.Former() }

// Holds returns the holds in the state directory. All processes that use the directory share them.
func (s *Stack) Holds() (scale.Holds, error) { return s.dir.Holds() }

// ChangeHolds calls change with the holds and replaces them by the result, atomically.
func (s *Stack) ChangeHolds(change func(scale.Holds) scale.Holds) error {
	return s.dir.ChangeHolds(change)
}
