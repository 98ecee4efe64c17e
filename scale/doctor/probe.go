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
	// Withheld returns Pulumi's variables in the environment that are kept from the CLI, sorted by name.
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
	// MissingPackages returns the folder of the program's packages, such as node_modules, if the folder is missing, and
	// the command that makes it. The result folder is empty if the folder is there.
	MissingPackages() (folder, command string)
	// Providers finds the plugins of the providers in the state.
	Providers(ctx context.Context) []Plugin
	// Metrics looks once at each metric that a rule names, and returns the samples in the order of the metrics.
	Metrics(ctx context.Context, rule scale.Rule) []scale.Sample
	// Listeners looks once at each listener that the settings name. Nothing is sent to them.
	Listeners(ctx context.Context) []Listener
	// CheckRules has the engine prove the rules by previews, as `pulumiscale rules --verify` does.
	CheckRules(ctx context.Context) ([]scale.RuleCheck, error)
	// ConfigFile looks at the stack's configuration file.
	ConfigFile() ConfigFile
	// Drifts compares the configuration file with the last successful update.
	Drifts(ctx context.Context) ([]scale.Drift, error)
	// Pending returns the changes that keep pools from being scaled, by pool. known is false if nothing is proved. If
	// prove is set, a preview proves what is not known: see scaler.Scaler.Pending.
	Pending(ctx context.Context, prove bool) (changes map[string][]scale.PendingChange, known bool, err error)
	// Git looks once at each thing that the flags about git ask for; it returns none if no flag is set. Nothing is
	// pushed, and what is fetched is not kept.
	Git(ctx context.Context) []GitLook
	// StateDir looks at the folder of PulumiScale's own files.
	StateDir(ctx context.Context) StateDir
	// Locks finds the locks on the stack. known is false if the backend names a lock holder only to somebody who tries
	// to take the lock.
	Locks(ctx context.Context) (locks []Lock, known bool, err error)
	// Holds returns the holds in the state directory.
	Holds() (scale.Holds, error)
	// BackendTime asks the backend's server for its time, and returns how far the server's clock is ahead of this
	// machine's clock. ok is false if there is no server.
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

// Backend is where the stack's state is. URL holds no credentials, and is empty if a service does not tell it. User is
// empty if the backend knows none.
type Backend struct{ URL, User string }

// Survey is what was read of the stack. RulesErr says what is wrong with the rules, such as a [*scale.RulesError]; the
// snapshot then has no rules.
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
	// LockHolder is who took the lock. If the lock does not name its holder, LockHolder is zero, except perhaps for
	// Since.
	scale.LockHolder
	// Here says that the holder is a process of this machine. Ours says that the holder was an engine of PulumiScale,
	// and that this engine has died.
	Here, Ours bool
	// Damaged says that nobody can read the lock, and that nobody can lock the stack as long as the lock exists.
	Damaged bool
}

// Listener is who is told of what happens. Its address is a secret, so only the address's host is given. Host is empty
// if the address could not be read.
type Listener struct {
	Name, Kind, Host string
	// Pools are the pools of which the listener is told; empty for all.
	Pools []string
	// Problem says why the listener cannot be told; empty if it can.
	Problem string
}

// GitLook is the result of one look at what the flags about git ask for.
type GitLook struct {
	// Name says what was looked at, such as "remote", and Found what there is.
	Name, Found string
	// Problem says what is wrong, without credentials, and Hint what to do; empty if nothing is wrong. Minor says that
	// scalings go on nevertheless.
	Problem, Hint string
	Minor         bool
}
