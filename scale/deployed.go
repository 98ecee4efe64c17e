package scale

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Deploy is the newest successful update that is no scaling of ours: somebody's own `pulumi up`.
type Deploy struct {
	// Head is the [Update.Head] of the update, and At is when the update ended.
	Head string    `json:"head"`
	At   time.Time `json:"at"`
	// Commit is the commit from which the update was run, as the backend tells it; empty if it was run outside of a
	// repository. Dirty says that there were changes that were not committed.
	Commit string `json:"commit,omitempty"`
	Dirty  bool   `json:"dirty"`
}

// shortCommit is how many characters of a commit's hash are shown.
const shortCommit = 10

func (d Deploy) String() string {
	switch {
	case d.Commit == "":
		return "no known commit"
	case d.Dirty:
		return "commit " + Abbreviate(d.Commit) + " with changes that were not committed"
	}
	return "commit " + Abbreviate(d.Commit)
}

// Abbreviate returns the beginning of a commit's hash, for people.
func Abbreviate(commit string) string { return commit[:min(len(commit), shortCommit)] }

// Program tells how the program of this checkout, with its configuration, compares with what was deployed.
type Program struct {
	// Deploy is the newest successful update that is no scaling of ours; nil if the part of the history that was read
	// has none. Commit is the commit that the program's directory is at; empty outside of a repository. Synced says
	// that this directory follows the deploys: see [ProgramKeeper].
	Deploy *Deploy
	Commit string
	Synced bool
	// ConfigDiffers are the keys whose values in the configuration file differ from the last successful update. The
	// rules' own keys are not among them.
	ConfigDiffers []string
	// FileMissing says that there is no configuration file.
	FileMissing bool
}

// Remarks returns sentences for people that say how the program differs from what was deployed; none if it does not.
// file is the path of the configuration file.
func (p Program) Remarks(file string) []string {
	var out []string
	if p.isOfOtherCommit() && !p.Synced {
		out = append(out, fmt.Sprintf("the stack was deployed from %s, and this checkout is at commit %s", p.Deploy, Abbreviate(p.Commit)))
	}
	if p.FileMissing {
		out = append(out, file+" is missing: nothing can be scaled without the stack's configuration")
	}
	if len(p.ConfigDiffers) > 0 && !p.FileMissing {
		out = append(out, fmt.Sprintf("%s differs from the last successful update in %s: a scaling uses what was deployed, and leaves the file's values to somebody's `pulumi up`",
			file, strings.Join(p.ConfigDiffers, ", ")))
	}
	return out
}

// isOfOtherCommit says whether the stack was deployed from a different commit than the one that this checkout is at, as
// far as both are known.
func (p Program) isOfOtherCommit() bool {
	return p.Deploy != nil && p.Deploy.Commit != "" && p.Commit != "" && p.Deploy.Commit != p.Commit
}

// Remarked says that the way in which the program or its configuration compares with what was deployed has changed; see
// [Program.Remarks].
type Remarked struct{ Remarks []string }

func (Remarked) IsEvent() {}

// ProgramKeeper is a [Stack] that keeps the deployed program in a place of its own. The engine runs that program,
// whatever is checked out elsewhere.
type ProgramKeeper interface {
	// SyncProgram brings the program to the commit of the last deploy, and prepares it. The caller holds the stack's
	// Lock. The error is a [*ProgramError] if the deployed program is not available, or the error of ctx.
	SyncProgram(ctx context.Context, snap *Snapshot, observe Observe) error
	// IsSynced says, without asking anybody, that the program is at the commit of the last deploy.
	IsSynced(snap *Snapshot) bool
}

// ProgramError says that the deployed program is not available. No other program may run in its place: it would
// bring along what nobody has deployed.
type ProgramError struct {
	// Reason says why, for people. It holds no credentials.
	Reason string
	// Err is the error behind the reason; nil if there is none.
	Err error
}

func (e *ProgramError) Error() string {
	return "the deployed program is not available: " + e.Reason
}
func (e *ProgramError) Unwrap() error { return e.Err }

// Refuse returns a proof that keeps all of the pools from being scaled, because the program is not available.
func (e *ProgramError) Refuse(snap *Snapshot, pools []string) *Proof {
	out := &Proof{Head: snap.Head, Pools: make(map[string]PoolProof, len(pools))}
	for _, pool := range pools {
		out.Pools[pool] = PoolProof{Pending: []PendingChange{{Op: OpProgram, Name: e.Reason}}}
	}
	return out
}

type (
	// ProgramMoving says that the program that the engine runs is being brought to the commit To.
	ProgramMoving struct{ From, To string }
	// ProgramPreparing says that the program is being prepared by a command, such as one that installs its packages.
	ProgramPreparing struct{ Command string }
	// ProgramMoved says that the program is at the commit To and prepared, and how long that took.
	ProgramMoved struct {
		From, To string
		Took     time.Duration
	}
	// ProgramEdited says that somebody had edited files of the program that is kept, and that their edits have been set
	// aside: as a commit in the clone, under the name Ref.
	ProgramEdited struct {
		Files []string
		Ref   string
	}
)

func (ProgramMoving) IsEvent()    {}
func (ProgramPreparing) IsEvent() {}
func (ProgramMoved) IsEvent()     {}
func (ProgramEdited) IsEvent()    {}
