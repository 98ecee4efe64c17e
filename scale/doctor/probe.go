package doctor

import (
	"context"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Probe looks at what is examined: a program's directory, the stack in it, the Pulumi CLI and the backend. No method
// changes anything. [Examine] calls the methods in the order of its checks. It calls a method only if the checks on
// which the method depends have found no problem. The errors are the same as the errors of [scale.Stack], with hints.
type Probe interface {
	// CLI finds the Pulumi CLI.
	CLI(ctx context.Context) (CLI, error)
	// Withheld returns the variables of Pulumi in the environment that PulumiScale keeps from the CLI, sorted by name.
	Withheld() []Variable
	// Program finds the program.
	Program(ctx context.Context) (Program, error)
	// StackName returns the name of the stack that was asked for, or else of the selected stack.
	StackName(ctx context.Context) (string, error)
	// Backend returns the backend, and the user who is logged in to it.
	Backend(ctx context.Context) (Backend, error)
	// Survey reads the stack's state and history.
	Survey(ctx context.Context) (*Survey, error)
	// Secrets has the stack's secrets provider encrypt a value and decrypt it again. It also reads the keys from the
	// stack's configuration, and returns their values.
	Secrets(ctx context.Context, keys ...string) (map[string]Value, error)
	// LanguageHost returns the plugin that runs the program. Its Path is empty if the plugin is not there.
	LanguageHost(ctx context.Context) Plugin
	// MissingPackages returns the folder of the program's packages, such as node_modules, if the folder is missing, and
	// the command that makes it. Both results are empty if the folder is there, or if no such folder can be expected.
	MissingPackages() (folder, command string)
	// Providers returns the plugins of the providers in the state.
	Providers(ctx context.Context) []Plugin
	// Metrics looks once at each metric that a rule names, and returns the samples in the order of the metrics.
	Metrics(ctx context.Context, rule scale.Rule) []scale.Sample
	// Listeners looks once at each listener that the settings name. It sends nothing to them.
	Listeners(ctx context.Context) []Listener
	// CheckRules has the engine prove the rules by previews, as `pulumiscale rules --verify` does.
	CheckRules(ctx context.Context) ([]scale.RuleCheck, error)
	// ConfigFile looks at the stack's configuration file.
	ConfigFile() ConfigFile
	// Drifts compares the configuration file with the last successful update.
	Drifts(ctx context.Context) ([]scale.Drift, error)
	// Pending returns, for each pool, the changes that keep the pool from being scaled. known is false if there is no
	// proof of what is pending. If prove is set and there is no proof, a preview makes one: see scaler.Scaler.Pending.
	Pending(ctx context.Context, prove bool) (changes map[string][]scale.PendingChange, known bool, err error)
	// Git looks once at each thing that the flags about git ask for. It returns nothing if no such flag is set. It
	// pushes nothing, and keeps nothing that it fetches.
	Git(ctx context.Context) []GitLook
	// StateDir looks at the folder of PulumiScale's own files.
	StateDir(ctx context.Context) StateDir
	// Locks finds the locks on the stack. known is false if the backend names a lock holder only to somebody who tries
	// to take the lock.
	Locks(ctx context.Context) (locks []Lock, known bool, err error)
	// Holds returns the holds in the state directory.
	Holds() (scale.Holds, error)
	// BackendTime asks the backend's server for its time, and returns how far the server's clock is ahead of this
	// machine's clock. ok is false if there is no server, or if the server's address is not known.
	BackendTime(ctx context.Context) (ahead time.Duration, ok bool, err error)
	// Working says whether another process of PulumiScale changes the stack from this directory right now.
	Working() (bool, error)
}

// CLI is the Pulumi CLI.
type CLI struct {
	Path, Version string
	// Minimum is the oldest version that PulumiScale works with. TooOld says that Version is older.
	Minimum string
	TooOld  bool
}

// Variable is a variable of the environment that is kept from the CLI.
type Variable struct {
	Name string
	// Does says what the variable would make the CLI do. It is the rest of a sentence that begins with Name.
	Does string
	// Harmless says that nobody need unset the variable.
	Harmless bool
}

// Program is a Pulumi program.
type Program struct{ File, Name, Runtime string }

// Backend is where the stack's state is. URL holds no credentials, and is empty if a service does not tell its address.
// User is empty if the backend knows no user.
type Backend struct{ URL, User string }

// Survey is what was read of the stack. RulesErr says what is wrong with the rules, such as a [*scale.RulesError]; the
// snapshot then has no rules.
type Survey struct {
	*scale.Snapshot
	RulesErr error
	// Providers are the plugins of the providers in the state, without duplicates. Only their names and versions are
	// known.
	Providers []Plugin
	// FileErr says why the configuration file could not be read; the snapshot then has no values of the file.
	FileErr error
}

// Value is a value of the configuration, and whether it is kept as a secret.
type Value struct {
	Text   string
	Secret bool
}

// Plugin is a plugin of the Pulumi CLI. Path is empty if the plugin is not on this machine. Acquired says that the
// engine then gets the plugin from the network by itself.
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
	// DirErr says why no new file can be made in the file's folder; every write makes one there. FileErr says why the
	// file cannot be replaced.
	DirErr, FileErr error
}

// StateDir is the folder of PulumiScale's own files.
type StateDir struct {
	Path string
	// Home is the stack's own folder in the folder Path.
	Home string
	// Refused says why PulumiScale does not use the folder: a [*scale.SetupError].
	Refused error
	// Unclaimed are folders in the state directory that may be records of an earlier version. PulumiScale leaves them
	// alone, since they may belong to a different stack.
	Unclaimed []string
	// Missing says that the folder is not there yet. The other fields are then about the nearest folder above it that
	// is there.
	Missing bool
	// WriteErr says why the folder cannot be written. Closed names the files in the folder that this user cannot use.
	WriteErr error
	Closed   []string
	// Disk is the kind of file system, such as "ext4"; empty if it is not known. Free is the free space in bytes.
	// DiskErr says why neither Disk nor Free is known.
	Disk    string
	Free    uint64
	DiskErr error
}

// Lock is a lock on the stack in the backend.
type Lock struct {
	// LockHolder is who took the lock. If the lock does not name its holder, LockHolder is zero; only Since may be set.
	scale.LockHolder
	// Here says that the holder is a process of this machine. Ours says that the holder was an engine of PulumiScale,
	// and that this engine has died.
	Here, Ours bool
	// Damaged says that nobody can read the lock, and that nobody can lock the stack as long as the lock exists.
	Damaged bool
}

// Listener is who is told of what happens. Host is the host of the listener's address, since the address itself is a
// secret. Host is empty if the address could not be read.
type Listener struct {
	Name, Kind, Host string
	// Pools are the pools of which the listener is told; empty for all.
	Pools []string
	// Problem says why the listener cannot be told; empty if it can.
	Problem string
}

// GitLook is the result of one look at what the flags about git ask for.
type GitLook struct {
	// Name says what was looked at, such as "remote". Found says what there is.
	Name, Found string
	// Problem says what is wrong, without credentials; empty if nothing is wrong. Hint then says what to do. Minor says
	// that scalings go on despite the problem.
	Problem, Hint string
	Minor         bool
}
