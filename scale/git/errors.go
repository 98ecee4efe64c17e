package git

import (
	"fmt"
	"strings"
)

// CommandError is a git that failed.
type CommandError struct {
	// Command is git's subcommand, such as "checkout".
	Command string
	// Output is what git said, without credentials and without its progress.
	Output string
	// Err is how the process ended.
	Err error
	// stdout is what git printed.
	stdout string
}

func (e *CommandError) Error() string {
	if e.Output == "" {
		return fmt.Sprintf("git %s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("git %s: %v: %s", e.Command, e.Err, strings.ReplaceAll(e.Output, "\n", "; "))
}

func (e *CommandError) Unwrap() error { return e.Err }

// Kind is one word for why the remote was not read or written.
type Kind string

// The kinds of [RemoteError] and [PushError].
const (
	// KindRefused is a push that the remote does not take: a protected branch, a hook, a rule.
	KindRefused Kind = "refused"
	// KindUnauthorized is a remote that does not take the credentials, or is not given any.
	KindUnauthorized Kind = "unauthorized"
	// KindUnreachable is a remote that cannot be reached, or is no repository.
	KindUnreachable Kind = "unreachable"
	// KindTimeout is a remote that was silent for too long.
	KindTimeout Kind = "timeout"
	// KindRace is a branch that others have moved each time it was tried.
	KindRace Kind = "race"
	// KindStorage is a remote that cannot store what it is sent: its disk is full, or may not be written to.
	KindStorage Kind = "storage"
	// KindIdentity is a machine whose git does not know who commits.
	KindIdentity Kind = "identity"
	// KindSigning is a commit that is to be signed and cannot be.
	KindSigning Kind = "signing"
	// KindFailed is anything else.
	KindFailed Kind = "failed"
)

// RemoteError is a remote that did not answer as it should.
type RemoteError struct {
	// URL is the remote, without credentials.
	URL  string
	Kind Kind
	// Reason is what git and the remote said, without credentials.
	Reason string
	Err    error
}

func (e *RemoteError) Error() string {
	return fmt.Sprintf("read the remote %s: %s: %s", e.URL, e.Kind, flat(e.Reason))
}

func (e *RemoteError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *RemoteError) Hint() string { return hintOf(e.Kind) }

// CommitError is a commit that cannot be had.
type CommitError struct {
	Commit string
	// URL is the remote, without credentials.
	URL string
	// Err is a [*RemoteError] if the remote could not be asked, and nil if it does not have the commit.
	Err error
}

func (e *CommitError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("fetch commit %s: %v", e.Commit, e.Err)
	}
	return fmt.Sprintf("fetch commit %s: neither the checkout on this machine nor %s has it", e.Commit, e.URL)
}

func (e *CommitError) Unwrap() error { return e.Err }

// BranchError is a branch that the remote does not have, or whose name no branch can have.
type BranchError struct {
	// Branch is its name; "" is the remote's default branch.
	Branch string
	// URL is the remote, without credentials.
	URL string
	// Invalid says that no branch can have the name.
	Invalid bool
}

func (e *BranchError) Error() string {
	switch {
	case e.Invalid:
		return fmt.Sprintf("%q is no name of a branch", e.Branch)
	case e.Branch == "":
		return e.URL + " has no default branch: it is empty, or its HEAD names a branch that is not there"
	}
	return fmt.Sprintf("%s has no branch %s", e.URL, e.Branch)
}

// PathError is a path that a commit has, and that is no ordinary file there.
type PathError struct {
	Commit, Path string
	// At is the part of the path that is not what it should be: the path itself, or a folder above it.
	At string
	// Is says what stands there: "a symbolic link", "a submodule", "a folder".
	Is string
}

func (e *PathError) Error() string {
	if e.At == e.Path {
		return fmt.Sprintf("%s is %s in commit %s", e.Path, e.Is, e.Commit)
	}
	return fmt.Sprintf("%s is below %s, which is %s in commit %s", e.Path, e.At, e.Is, e.Commit)
}

// PushError is a commit that did not get onto its branch.
type PushError struct {
	// Branch is the branch; "" if the commit was not even made.
	Branch string
	Kind   Kind
	// Reason is what git and the remote said, without credentials. Lines that begin with "remote:" are the remote's.
	Reason string
	Err    error
}

func (e *PushError) Error() string {
	if e.Branch == "" {
		return fmt.Sprintf("commit: %s: %s", e.Kind, flat(e.Reason))
	}
	return fmt.Sprintf("push to branch %s: %s: %s", e.Branch, e.Kind, flat(e.Reason))
}

func (e *PushError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *PushError) Hint() string { return hintOf(e.Kind) }

// PrepareError is a command that failed to prepare a worktree.
type PrepareError struct {
	Command string
	// Output is the end of what the command printed.
	Output string
	Err    error
}

func (e *PrepareError) Error() string {
	if e.Output == "" {
		return fmt.Sprintf("prepare the worktree with %q: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("prepare the worktree with %q: %v: %s", e.Command, e.Err, flat(e.Output))
}

func (e *PrepareError) Unwrap() error { return e.Err }

// EditedError is a worktree with edits that cannot be set aside.
type EditedError struct {
	Dir string
	// Files are the submodules that somebody has edited and the repositories that somebody has put there, relative to
	// the worktree.
	Files []string
}

func (e *EditedError) Error() string {
	return fmt.Sprintf("somebody has edited submodules in the worktree %s: %s", e.Dir, strings.Join(e.Files, ", "))
}

// Hint says what to do.
func (*EditedError) Hint() string {
	return "commit and push what is in the submodules, or take it away; other files would be set aside"
}

func flat(text string) string { return strings.Join(strings.FieldsFunc(text, isNewline), "; ") }

func isNewline(r rune) bool { return r == '\n' || r == '\r' }
