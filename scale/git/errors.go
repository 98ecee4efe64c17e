package git

import (
	"fmt"
	"strings"
)

// CommandError says that a run of git failed.
type CommandError struct {
	// Command is git's subcommand, such as "checkout".
	Command string
	// Output is what git printed to its standard error, without credentials and without progress.
	Output string
	// Err says how the process ended.
	Err error
	// stdout is what git printed to its standard output.
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
	// KindRefused says that the remote does not accept the push: the branch is protected, or a hook or a rule forbids
	// it.
	KindRefused Kind = "refused"
	// KindUnauthorized says that the remote does not accept the credentials, or was given none.
	KindUnauthorized Kind = "unauthorized"
	// KindUnreachable says that the remote cannot be reached, or is no repository.
	KindUnreachable Kind = "unreachable"
	// KindTimeout says that the remote was silent for too long.
	KindTimeout Kind = "timeout"
	// KindRace says that somebody else pushed to the branch first, at each try.
	KindRace Kind = "race"
	// KindStorage says that the remote cannot store what it is sent: its disk is full, or may not be written to.
	KindStorage Kind = "storage"
	// KindIdentity says that the machine's git does not know who commits.
	KindIdentity Kind = "identity"
	// KindSigning says that the commit should be signed, and that git cannot sign it.
	KindSigning Kind = "signing"
	// KindFailed stands for any other reason.
	KindFailed Kind = "failed"
)

// RemoteError says that the remote did not answer as it should.
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

// CommitError says that a commit cannot be fetched.
type CommitError struct {
	Commit string
	// URL is the remote, without credentials.
	URL string
	// Err says why the remote could not be asked, such as a [*RemoteError]. It is nil if the remote lacks the commit.
	Err error
}

func (e *CommitError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("fetch commit %s: %v", e.Commit, e.Err)
	}
	return fmt.Sprintf("fetch commit %s: neither the checkout on this machine nor %s has it", e.Commit, e.URL)
}

func (e *CommitError) Unwrap() error { return e.Err }

// BranchError says that the remote does not have a branch, or that no branch can have this name.
type BranchError struct {
	// Branch is the branch's name; "" is the remote's default branch.
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

// PathError says that a path is no ordinary file in a commit, or lies below something that is no folder.
type PathError struct {
	Commit, Path string
	// At is the part of the path that is of the wrong kind: the path itself, or a link or submodule above it.
	At string
	// Is says what the commit has at the path At: "a symbolic link", "a submodule", "a folder".
	Is string
}

func (e *PathError) Error() string {
	if e.At == e.Path {
		return fmt.Sprintf("%s is %s in commit %s", e.Path, e.Is, e.Commit)
	}
	return fmt.Sprintf("%s is below %s, which is %s in commit %s", e.Path, e.At, e.Is, e.Commit)
}

// PushError says that a commit could not be made, or did not get onto its branch.
type PushError struct {
	// Branch is the branch's name; "" if the commit was not even made.
	Branch string
	Kind   Kind
	// Reason is what git and the remote said, without credentials. Lines that begin with "remote:" come from the
	// remote.
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

// PrepareError says that the command which prepares a worktree failed.
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

// EditedError says that a worktree has edits that cannot be set aside.
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
	return "commit and push what is in the submodules, or remove it; other files would be set aside"
}

func flat(text string) string { return strings.Join(strings.FieldsFunc(text, isNewline), "; ") }

func isNewline(r rune) bool { return r == '\n' || r == '\r' }
