package doctor

import (
	"context"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Probe looks at what is examined: a program's directory, the stack in it, the Pulumi CLI and the backend. No method
// changes anything. The methods are called in this order, each only if those that it builds on have succeeded. Errors
// are those of [scale.Stack], with hints.
type Probe interface {
	// CLI finds the Pulumi CLI.
	CLI(ctx context.Context) (CLI, error)
	// Withheld are Pulumi's variables in the environment that are kept from the CLI, in the order of their names.
	Withheld() []Variable
	// Program finds the program.
	Program(ctx context.Context) (Program, error)
	// StackName finds the stack's name: the one asked for, else the selected one.
	StackName(ctx context.Context) (string, error)
	// Backend finds the backend and who is logged in.
	Backend(ctx context.Context) (Backend, error)
	// Survey reads the stack's state and history.
	Survey(ctx context.Context) (*Survey, error)
	// Secrets encrypts a value with the stack's secrets provider and decrypts it again, together with the values of
	// keys, which it returns.
	Secrets(ctx context.Context, keys ...string) (map[string]Value, error)
	// LanguageHost finds the plugin that runs the program; Path is empty if it is not there.
	LanguageHost(ctx context.Context) Plugin
	// MissingPackages is the folder of the program's packages, such as node_modules, if it is not there, and the command
	// that makes it. The folder is empty if nothing is missed.
	MissingPackages() (folder, command string)
	// Providers finds the plugins of the providers in the state.
	Providers(ctx context.Context) []Plugin
	// Metrics looks once at the metrics that a rule names, and returns what was found, in their order.
	Metrics(ctx context.Context, rule scale.Rule) []scale.Sample
	// Listeners looks once at each listener that the settings name. Nothing is sent to them.
	Listeners(ctx context.Context) []Listener
	// CheckRules is what `pulumiscale rules --verify` does.
	CheckRules(ctx context.Context) ([]scale.RuleCheck, error)
	// ConfigFile looks at the stack's configuration file.
	ConfigFile() ConfigFile
	// Drifts compares the configuration file with the last successful update.
	Drifts(ctx context.Context) ([]scale.Drift, error)
	// Pending are the changes that keep pools from being scaled, by pool; known is false if nothing is proved. With
	// prove set, a preview proves what is not known: see scaler.Scaler.Pending.
	Pending(ctx context.Context, prove bool) (changes map[string][]scale.PendingChange, known bool, err error)
	// Git looks once at each thing that the flags about git ask for; it returns none if no flag is set. Nothing is
	// pushed, and what is fetched is not kept.
	Git(ctx context.Context) []GitLook
	// StateDir looks at the folder of PulumiScale's own files.
	StateDir(ctx context.Context) StateDir
	// Locks finds those who hold the stack; known is false if the backend tells only those who try to take a lock.
	Locks(ctx context.Context) (locks []Lock, known bool, err error)
	// Holds are the holds in the state directory.
	Holds() (scale.Holds, error)
	// BackendTime asks the backend's server for its time, and returns how far that is ahead of this machine's; ok is
	// false if there is no server.
	BackendTime(ctx context.Context) (ahead time.Duration, ok bool, err error)
	// Working says whether another process of PulumiScale changes the stack from this directory right now.
	Working() (bool, error)
}

// CLI is the Pulumi CLI.
type CLI struct {
	Path, Version string
	// Minimum is the oldest version that will do, and TooOld says that this one is older.
	Minimum string
	TooOld  bool
}

// Variable is a variable of the environment that is kept from the CLI.
type Variable struct {
	Name string
	// Does is what it would make the CLI do, as the rest of a sentence that begins with its name.
	Does string
	// Harmless says that nobody misses it.
	Harmless bool
}

// Program is a Pulumi program.
type Program struct{ File, Name, Runtime string }

// Backend is where the stack's state is. URL holds no credentials, and is empty if a service does not tell it. User is
// empty if the backend knows none.
type Backend struct{ URL, User string }

// Survey is what was read of the stack. RulesErr says what is wrong with the rules, such as a [*scale.RulesError]; the
// snapshot then has none.
type Survey struct {
	*scale.Snapshot
	RulesErr error
	// Providers are the plugins of the providers in the state, each once. Only their names and versions are known.
	Providers []Plugin
	// FileErr says why the configuration file could not be read; the snapshot then has no values of it.
	FileErr error
}

// Value is a value of the configuration, and whether it is kept as a secret.
type Value struct {
	Text   string
	Secret bool
}

// Plugin is a plugin of the Pulumi CLI. Path is empty if it is not on this machine. Acquired says that the engine then
// gets it from the network by itself.
type Plugin struct {
	Name, Version, Path string
	Acquired            bool
}

// ConfigFile is the stack's configuration file.
type ConfigFile struct {
	Path    string
	Missing bool
	// Remote says that the file does not count, since the service keeps the stack's configuration.
	Remote bool
	// ReadOnly says that the file may not be written, but can be replaced, which is what PulumiScale does.
	ReadOnly bool
	// DirErr says why the file's folder takes no new files, which every write needs. FileErr says why the file cannot
	// be replaced.
	DirErr, FileErr error
}

// StateDir is the folder of PulumiScale's own files.
type StateDir struct {
	Path string
	// Home is the stack's own folder in it.
	Home string
	// Refused says why PulumiScale does not use the folder: a [*scale.SetupError].
	Refused error
	// Unclaimed are folders in the state directory that may be records of an earlier version. They are left alone,
	// since it is not certain that they are the stack's.
	Unclaimed []string
	// Missing says that the folder is not there yet. The other fields are then about the nearest folder above it that
	// is there.
	Missing bool
	// WriteErr says why the folder cannot be written. Closed names those of its files that this user cannot use.
	WriteErr error
	Closed   []string
	// Disk is the kind of file system, such as "ext4"; empty if it is not known. Free is in bytes. DiskErr says why
	// neither is known.
	Disk    string
	Free    uint64
	DiskErr error
}

// Lock is a lock on the stack in the backend.
type Lock struct {
	// LockHolder is who took the lock. If the lock does not tell, LockHolder is zero, except perhaps for Since.
	scale.LockHolder
	// Here says that the holder is a process of this machine. Ours says that it was an engine of PulumiScale's which
	// has died.
	Here, Ours bool
	// Damaged says that nobody can read the lock, or take another one.
	Damaged bool
}

// Listener is who is told of what happens. Of its address, which is a secret, only the host is told; the host is empty
// if the address could not be read.
type Listener struct {
	Name, Kind, Host string
	// Pools are the pools of which it is told; empty for all.
	Pools []string
	// Problem says why it cannot be told; empty if it can.
	Problem string
}

// GitLook is one thing that is asked of git.
type GitLook struct {
	// Name says what was looked at, such as "remote", and Found what there is.
	Name, Found string
	// Problem says what is wrong, without credentials, and Hint what to do; empty if nothing is wrong. Minor says that
	// scalings go on nevertheless.
	Problem, Hint string
	Minor         bool
}
