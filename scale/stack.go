package scale

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

// Stack is a Pulumi stack in its program's directory. scale/stack implements it with the Pulumi CLI.
//
// Every method may be called at any time, but Update and Write only by a caller that holds Lock. Errors are, as far as
// they apply, one of [*LockedError], [*UnavailableError], [*EngineError], [*TargetError], [*RulesError] and
// [*SetupError].
type Stack interface {
	// Name is the stack's name as the user gave it or selected it.
	Name() string
	// ConfigFile is the path of the stack's configuration file, for messages.
	ConfigFile() string
	// Lock keeps other PulumiScale processes on this machine from changing the stack from this directory. If one of
	// them holds the lock, Lock tells observe, and waits for the lock until ctx ends.
	Lock(ctx context.Context, observe Observe) (unlock func(), err error)
	// TryLock is Lock without the wait: ok is false if somebody else holds the lock.
	TryLock() (unlock func(), ok bool, err error)
	// Read reads the stack afresh. A [*RulesError] comes with a snapshot that is good only for its rules' keys: its
	// rules are [RulesError.Keys]. A [*DestroyedError] comes with a snapshot whose Rules and Updates tell what the
	// stack was before.
	Read(ctx context.Context) (*Snapshot, error)
	// History reads completed updates of the stack, newest first, and the counts that each had for the rules' keys:
	// about as many as newest says, or every one if newest is 0. complete says that there are no older ones.
	History(ctx context.Context, rules Rules, newest int) (updates []Update, complete bool, err error)
	// Preview runs the change in the engine without doing it. It changes nothing, anywhere.
	Preview(ctx context.Context, change Change, observe Observe) (*Result, error)
	// Proof returns what is already proved of the stack as it was read, with the present Basis. The proof has no pools
	// if nothing is proved, or if what it rested on has changed since.
	Proof(snap *Snapshot) (*Proof, error)
	// KeepProof keeps a proof for this process and, if lasting is set, for the next process. If what the proof rests on
	// has changed since Proof returned the Basis, KeepProof returns false and keeps nothing.
	KeepProof(snap *Snapshot, proof *Proof, lasting bool) bool
	// Update carries out the change, in one update. If ctx ends, Update returns early only before the update has begun.
	// [Snapshot.Unsettled] names the change's pools until it is known that they are as they should be.
	Update(ctx context.Context, change Change, observe Observe) (*Result, error)
	// Conclude notes what became of the pools of an update of ours that has succeeded; id is its [Result.ID]. Pools
	// whose result is proved are no longer in doubt. [Snapshot.Unverified] names the others.
	Conclude(id string, results []MoveResult)
	// Write puts the settings into the stack's configuration file, atomically, and leaves all else there as it is.
	Write(settings []Setting) error
}

// HeadStart is what a [Stack] may offer to save time. Without a head start every reading reads everything, and an
// engine is started only once its change is known. A head start changes nothing else.
type HeadStart interface {
	// ReadSince reads the stack afresh, except for the history. It takes the history from an earlier reading, if
	// nothing shows that an update has ended since. Such a reading is good enough for an update, because the update
	// itself finds out whether a different update has ended ([Result.Overtaken]). It is not good enough to say that
	// there is nothing to do.
	ReadSince(ctx context.Context, known *Snapshot) (*Snapshot, error)
	// Expected returns the snapshot that a reading is likely to give, judging by the last reading and the last update
	// of ours; nil if neither tells. certain says that, as the backend shows, nothing has been written since. Expected
	// starts no process, and returns at once.
	Expected() (snap *Snapshot, certain bool)
	// Prepare starts the engine for a change that is likely to be the next update, so that nobody has to wait for the
	// engine then. The engine does nothing to the stack before Update is called for the very same change. If Update is
	// not called, end ends the engine; end may be called more than once. There is one such engine at a time. For a
	// change without an ID, or one that cannot be prepared, Prepare does nothing.
	Prepare(change Change) (end func())
}

// Snapshot is what was read of a stack at one moment.
type Snapshot struct {
	// Rules are the rules in the stack's outputs.
	Rules Rules
	// RulesErr is a [*RulesError] if the outputs hold no valid rules any more. Rules are then the rules that were valid
	// last, without their Current. Otherwise RulesErr is nil.
	RulesErr error
	// Resources are the URNs of the stack's resources.
	Resources []string
	// Program says how the program here compares with what was deployed.
	Program
	// Config is the configuration of the last successful update, without secrets: JSON by full key. It is nil if the
	// backend does not tell.
	Config map[string]string
	// Sizes holds, by pool, the size that the state has, if a proof has shown that it is not the configured count.
	Sizes map[string]int
	// DependsOn holds, by the URN of a resource, the URNs of the resources without which it cannot exist: its
	// dependencies, its parent and the resource that it is deleted with.
	DependsOn map[string][]string
	// Dependencies holds, by the URN of a resource, only the URNs of its dependencies and its provider.
	Dependencies map[string][]string
	// Protected are the URNs of resources that the engine refuses to delete.
	Protected []string
	// Pending are the URNs of resources with an operation that an earlier update began and never ended.
	Pending []string
	// Updates are the newest completed updates, newest first. The last successful update and every update within the
	// longest cooldown of the rules are among them. Complete says that there are no older updates.
	Updates  []Update
	Complete bool
	// File holds, by pool, the text of each rule's key in the stack's configuration file; nil if the file does not have
	// the key.
	File map[string]*string
	// Forms says, by pool, why the rule's key cannot be changed in that file without changing something else. A pool
	// whose key can be changed alone has no entry.
	Forms map[string]string
	// Head identifies the newest completed update; empty if there is none.
	Head string
	// Stamp stands for what the backend had of the stack when the reading began. Written is when the engine last wrote
	// the state, by the clock of its machine. Both are zero if they are not known.
	Stamp   Stamp
	Written time.Time
	// Output is the JSON of the stack output of the rules; nil if there is none, or if it holds something that Pulumi
	// does not tell, such as a secret.
	Output []byte
	// Unsettled are the pools, by name, that an update of ours began to scale before it failed or was cut off, so that
	// they may be left between two counts. The next update of such a pool, which refreshes it first, settles it.
	Unsettled []string
	// Holds are the holds at the moment of a decision or a report on the snapshot. They are not read with the stack:
	// [Snapshot.HeldBy] sets them.
	Holds Holds
	// Metrics holds, by pool, what is known of the pool's metrics at that moment. It is not read with the stack either:
	// [Snapshot.WithMetrics] sets it.
	Metrics map[string]PoolMetrics
	// Unverified holds, by name, the pools whose last update of ours succeeded without proof that the pool has the
	// count, as far as this machine knows.
	Unverified map[string]Doubt
	// Busy are the processes of engines of ours that worked on the stack when the reading began: what they do may not
	// have been read. If the reader holds Lock, these are orphans: the PulumiScale that started each of them has died.
	Busy []LockHolder
}

// Stamp stands for what a backend has of a stack at one moment. If nothing was written between two moments, their
// stamps are equal. A stamp is only good for such a comparison, which saves reading the stack.
type Stamp struct {
	// State stands for the stack's state, and History for its completed updates; each is empty if the backend does not
	// tell it without a full reading.
	State, History string
}

// Update is one completed update in the backend's history.
type Update struct {
	// Kind is Pulumi's word for the kind of update: "update", "refresh", "destroy", ...
	Kind string
	// Succeeded says whether the update as a whole succeeded.
	Succeeded bool
	// Start and End have the resolution of the backend: a second.
	Start, End time.Time
	// Message is the update's message.
	Message string
	// By is who ran it, as far as the backend knows: empty on most self-managed backends.
	By string
	// ID is the [Result.ID] of an update that PulumiScale made; empty, or something else, for updates by others.
	ID string
	// Pools are the pools that an update by PulumiScale was to scale; nil for updates by others.
	Pools []string
	// Overtaken says that a different update completed between the decision on an update by PulumiScale and its
	// beginning. Only its Values for Pools are then intended: its other Values were out of date.
	Overtaken bool
	// BroughtAlong says that a rule allowed an update by PulumiScale to bring along pending changes.
	BroughtAlong bool
	// Head is the [Snapshot.Head] of a reading that finds this update to be the newest.
	Head string
	// Values holds, by pool, the text of each rule's key in the update's configuration; nil if the key was not set.
	Values map[string]*string
}

// IsOurs says whether PulumiScale made the update.
func (u Update) IsOurs() bool { return strings.HasPrefix(u.ID, updateIDPrefix) }

// Count returns the pool's count in the update's configuration; nil if it has none.
func (u Update) Count(pool string) *int { return countOf(u.Values[pool]) }

// means says whether the update's value for a pool's key is what somebody wanted it to be.
func (u Update) means(pool string) bool { return !u.Overtaken || slices.Contains(u.Pools, pool) }

// Setting is a value for one key of the stack's configuration.
type Setting struct {
	// Key and Path are the rule's ConfigKey and ConfigPath.
	Key  string
	Path bool
	// Value is the value as text; nil takes the key away.
	Value *string
}

// Change is what an update or a preview is to do.
type Change struct {
	// Settings are the values of every rule's key during the update.
	Settings []Setting
	// Pools are the pools whose targets the change updates.
	Pools []string
	// Targets are URNs, or patterns of them. There is at least one.
	Targets                   []string
	TargetDependents, Refresh bool
	// Unsettled are the pools among Pools that were unsettled when the change was decided.
	Unsettled []string
	// Message is the update's message.
	Message string
	// Head and Output are copied from the snapshot on which the change was decided, and History from the snapshot's
	// [Stamp].
	Head    string
	Output  []byte
	History string
	// Config is the [Snapshot.Config] of that snapshot: an update runs with what was deployed, whatever the file says
	// meanwhile.
	Config map[string]string
	// Basis is the [Proof.Basis] of the proof behind the change: the update is not begun if the basis has changed
	// since. It is empty if there is no proof.
	Basis string
	// BringsAlong says that a rule allows the change to bring along pending changes.
	BringsAlong bool
	// Correction says that the change corrects an update of ours that was overtaken. A correction is made even if a
	// different update has completed since the decision. Any other change ends with a [*StaleError] in that case,
	// before anything is changed.
	Correction bool
	// ID becomes the update's [Update.ID]; if it is empty, an ID is made up.
	ID string
}

// Result is what a preview or an update did.
type Result struct {
	// Steps are the changes to resources, in the order in which the engine began them; unchanged resources are left
	// out.
	Steps []ResourceStep
	// Seen are the URNs of all resources that the engine worked through, changed or not.
	Seen []string
	// Output is the JSON of the stack output of the rules afterwards; nil if there is none. Rules are the rules in it,
	// and RulesErr says why there are none.
	Output   []byte
	Rules    Rules
	RulesErr error
	// ChangedOutputs are the names of the stack's outputs that differ afterwards. A difference in nothing but the
	// rules' current counts is left out.
	ChangedOutputs []string
	// ChangedOptions are options of resources, such as `protect`, that a preview would change although there is no step
	// for it.
	ChangedOptions []PendingChange
	// Dependencies holds, by the URN of each resource that the program registers, the URNs of its dependencies and of
	// its provider, as the program has them; nil for an update.
	Dependencies map[string][]string
	// Duration is how long the engine ran.
	Duration time.Duration
	// ID is the update's own mark in the history; empty for a preview.
	ID string
	// Head is the [Snapshot.Head] of a reading that finds this update to be the newest; empty for a preview.
	Head string
	// Overtaken says that a different update completed during or after the reading on which the change was decided, and
	// before this update began. When this update began, the stack's Head or Output was no longer as in that reading.
	Overtaken bool
}

// ResourceStep is what the engine does to one resource.
type ResourceStep struct {
	// Op is Pulumi's word: "create", "update", "delete", "replace", "create-replacement", "delete-replaced", ...
	Op   string `json:"op"`
	URN  string `json:"urn"`
	Type string `json:"type"`
	Name string `json:"name"`
	// Diffs are the changed properties; empty for a creation or deletion.
	Diffs []PropertyDiff `json:"diffs,omitempty"`
	// Perpetual says that the program gives the resource exactly the properties that it has, and that nevertheless its
	// provider finds a difference. Only an update can be perpetual.
	Perpetual bool `json:"-"`
}

// PropertyDiff is the change of one property of a resource.
type PropertyDiff struct {
	// Path is the property's path in the resource's inputs.
	Path string `json:"path"`
	// Old and New are the values before and after; each is nil if the property is not set.
	Old any `json:"old,omitempty" text:"value"`
	New any `json:"new,omitempty" text:"value"`
	// Replaces says that this property's change is why the resource is replaced.
	Replaces bool `json:"replaces"`
}

// NewUpdateID returns a new mark by which an update can be found in the backend's history: see [Change.ID].
func NewUpdateID() string { return updateIDPrefix + rand.Text() }

const updateIDPrefix = "pulumiscale/"
