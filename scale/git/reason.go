package git

import (
	"context"
	"errors"
	"regexp"
	"strings"
)

// These patterns match the words with which git, its transports, ssh and the forges say what is wrong. Git's own words
// are English, since each git runs with LC_ALL=C. What a remote says may be in a different language.
var (
	unauthorized = regexp.MustCompile(`(?i)authentication failed|could not read (username|password)|` +
		`terminal prompts disabled|returned error: (401|403|407)|permission denied \(|permission to \S+ denied|access denied|` +
		`not authorized|unauthori[sz]ed|host key verification failed|invalid (username|credentials)|http basic: |repository not found|` +
		`you are not allowed to|deploy key|marked as read only|support for password authentication was removed`)
	unreachable = regexp.MustCompile(`(?i)could not resolve|connection (refused|reset|timed out|closed)|` +
		`unable to connect|failed to connect|couldn't connect|network is unreachable|no route to host|unable to access|` +
		`early eof|hung up|could not read from remote|does not appear to be a git repository|not a git repository|` +
		`repository .* (not found|does not exist)|unexpected disconnect|rpc failed|unable to look up|no such device|` +
		`no path specified|unknown service|does not exist`)
	slow    = regexp.MustCompile(`(?i)operation too slow|operation timed out|timed? ?out after|connection timed out`)
	storage = regexp.MustCompile(`(?i)no space left|disk quota|read-only file system|file size limit|file too large|` +
		`insufficient permission for adding an object|unable to create temporary|unpacker error|unpack failed|` +
		`unpack-objects abnormal exit|index-pack (abnormal exit|failed)|file write error|` +
		`unable to (create|write)[^\n]*: permission denied`)
	race = regexp.MustCompile(`(?i)non-fast-forward|fetch first|stale info|reference already exists|remote ref updated|` +
		`failed to update ref|failed to lock|cannot lock ref|incorrect old value`)
	noRace = regexp.MustCompile(`(?i)permission denied|read-only|no space left|disk quota|cannot create|denied by|` +
		`not a directory|is a directory`)
	identity = regexp.MustCompile(`(?i)tell me who you are|ident name|empty ident|no (email|name) was given|` +
		`useConfigOnly|auto-detect email|invalid ident`)
)

// kindOf says why a git that asked the remote failed. It returns KindFailed if the reason is not known.
func kindOf(err error) Kind {
	failed, is := errors.AsType[*CommandError](err)
	switch {
	case !is:
		return KindFailed
	case errors.Is(err, errSilent), slow.MatchString(failed.Output):
		return KindTimeout
	case unauthorized.MatchString(failed.Output):
		return KindUnauthorized
	case unreachable.MatchString(failed.Output):
		return KindUnreachable
	}
	return KindFailed
}

// remoteError turns a failure of git into a [*RemoteError]. Any other error, such as the context's end, is returned
// unchanged.
func (r *Repository) remoteError(err error) error {
	failed, is := errors.AsType[*CommandError](err)
	if !is {
		return err
	}
	return &RemoteError{URL: r.plainURL(), Kind: kindOf(err), Reason: reasonOf(failed), Err: err}
}

// reasonOf returns what a failed git said. If git said nothing, or was silent for too long, the reason begins with how
// git ended.
func reasonOf(failed *CommandError) string {
	if errors.Is(failed, errSilent) || failed.Output == "" {
		return strings.TrimSpace(failed.Err.Error() + "\n" + failed.Output)
	}
	return failed.Output
}

// pushError turns a failure of `git push` into a [*PushError]. Its kind is race if others pushed to the branch first.
// Any other error, such as the context's end, is returned unchanged.
func pushError(branch string, err error) error {
	failed, is := errors.AsType[*CommandError](err)
	if !is {
		return err
	}
	reason, kind := reasonOf(failed), kindOf(err)
	if verdict := verdictOf(failed.stdout); verdict != "" {
		all := verdict + "\n" + failed.Output
		switch {
		case race.MatchString(verdict) && !noRace.MatchString(all):
			kind = KindRace
		case storage.MatchString(all):
			kind = KindStorage
		default:
			kind = KindRefused
		}
		reason = joinReason(verdict, failed.Output)
	} else if kind == KindFailed || kind == KindUnreachable {
		switch {
		case storage.MatchString(failed.Output):
			kind = KindStorage
		case strings.Contains(failed.Output, "does not support push options"):
			kind = KindRefused
		}
	}
	return &PushError{Branch: branch, Kind: kind, Reason: reason, Err: err}
}

// verdictOf returns why the remote rejected the branch, from the output of `git push --porcelain`. A line of this
// output is a flag, the two names, and a summary. The verdict is "" if the push failed before the remote judged the
// branch.
func verdictOf(porcelain string) string {
	for line := range strings.SplitSeq(porcelain, "\n") {
		if fields := strings.SplitN(line, "\t", 3); len(fields) == 3 && fields[0] == "!" {
			return strings.TrimSpace(fields[2])
		}
	}
	return ""
}

// joinReason returns the lines of git's output that come from the remote, and the verdict as the last line.
func joinReason(verdict, output string) string {
	var lines []string
	for line := range strings.SplitSeq(output, "\n") {
		if text, is := strings.CutPrefix(line, "remote:"); is && strings.TrimSpace(text) != "" {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(append(lines, verdict), "\n")
}

// isAbout says whether an error is a failure of git whose output matches the pattern.
func isAbout(err error, words *regexp.Regexp) bool {
	failed, is := errors.AsType[*CommandError](err)
	return is && words.MatchString(failed.Output)
}

// hasEnded says whether an error comes from the end of a context.
func hasEnded(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// hintOf says what to do about an error of a kind.
func hintOf(kind Kind) string {
	switch kind {
	case KindRefused:
		return "let the user that pushes pass the branch's protection, or write to a branch of the stack's own"
	case KindUnauthorized:
		return "give the machine's git credentials for the repository: a credential helper, a token, an ssh key"
	case KindUnreachable:
		return "check the remote's URL, and that this machine reaches it"
	case KindTimeout:
		return "check that this machine reaches the remote; it is tried again"
	case KindRace:
		return "others push to the branch all the time; it is tried again"
	case KindStorage:
		return "look at the remote's disk: it is full, or may not be written to"
	case KindIdentity:
		return "say who commits: git config --global user.name and user.email, or name an author"
	case KindSigning:
		return "commit.gpgSign is set: check gpg.format and user.signingKey, whose key must need no passphrase"
	}
	return ""
}
