package stack

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// failure is how a run of the CLI failed.
type failure struct {
	stdout, stderr string
	code           int
	err            error
	interrupted    bool
}

// engineError says what a failed update or preview means. Once the engine has begun its work, no failure is one that
// passes: what is half done must not be done again blindly.
func (s *Stack) engineError(f *follower, fail failure) error {
	// The engine notices a missing target last: by then it has updated the others.
	if target := missingTarget.FindStringSubmatch(fail.stderr + fail.stdout); target != nil && len(f.result.Steps) == 0 {
		return &scale.TargetError{Target: f.unmaskURN(target[1])}
	}
	if !f.hasBegun {
		return s.commandError("start the "+f.operation, fail)
	}
	if found := protectedResource.FindStringSubmatch(f.words() + fail.stderr); found != nil && f.preview() {
		return &scale.ProtectedError{URN: f.unmaskURN(found[1])}
	}
	if len(f.diagnostics) == 0 {
		for _, message := range errorLines(fail) {
			f.diagnostics = append(f.diagnostics, scale.Diagnostic{Severity: "error", Message: message})
		}
	}
	if text := strings.TrimSpace(f.complaints.String()); text != "" && len(f.diagnostics) == 0 {
		f.diagnostics = []scale.Diagnostic{{Severity: "error", Message: text}}
	}
	return &scale.EngineError{Operation: f.operation, Diagnostics: f.diagnostics, Done: f.done, Interrupted: fail.interrupted}
}

// words are all that the engine has said of errors.
func (f *follower) words() string {
	var out strings.Builder
	for _, d := range f.diagnostics {
		out.WriteString(d.Message + "\n")
	}
	return out.String()
}

// commandError says what it means that a command which has not touched the stack failed.
func (s *Stack) commandError(attempted string, fail failure) error {
	if fail.interrupted || errors.Is(fail.err, context.Canceled) || errors.Is(fail.err, context.DeadlineExceeded) {
		return fail.err
	}
	if busy, ok := errors.AsType[*scale.UnavailableError](fail.err); ok { // it could not even be started
		return busy
	}
	if err := s.locked(fail); err != nil {
		return err
	}
	text := strings.Join(errorLines(fail), "; ") // without its warnings: a failed look for capabilities is not why a command failed
	for _, known := range preconditions() {
		if known.pattern.MatchString(text) {
			return &scale.SetupError{Problem: known.problem, Hint: known.hint, Err: errors.New(text)}
		}
	}
	if unreachable.MatchString(text) || halfWritten.MatchString(fail.stderr) {
		return &scale.UnavailableError{Detail: text}
	}
	if text == "" {
		text = fail.err.Error()
	}
	return &scale.SetupError{Problem: attempted, Err: errors.New(text)}
}

// What the engine says, in the words of v3.250.0; the end-to-end tests hold each against the real engine.
var (
	// lockedStack and conflict are also what [auto.IsConcurrentUpdateError] looks for.
	lockedStack = regexp.MustCompile(`the stack is currently locked by`)
	conflict    = regexp.MustCompile(`\[409\] Conflict: Another update is currently in progress\.`)
	lockHolder  = regexp.MustCompile(`created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)`)
	// halfWritten is a state's file of a self-managed backend that is just being written.
	halfWritten = regexp.MustCompile(`failed to load checkpoint: (unexpected )?(EOF|end of JSON input)`)
	// crashed is what the CLI says of a mistake of its own, above many lines for its developers. It makes one when a
	// backend's folder is moved away.
	crashed = regexp.MustCompile(`(?s)The Pulumi CLI encountered a fatal error\..*?\nPanic: +([^\n]+)`)
	// lockWrite is an engine that could not write its lock, and may have left an empty one. damagedLock is what every
	// command that takes the lock says from then on.
	lockWrite   = regexp.MustCompile(`write \S*/locks/`)
	damagedLock = regexp.MustCompile(`error: unexpected end of JSON input`)
	// lockLeft is an engine that could not remove its lock.
	lockLeft = regexp.MustCompile(`problem deleting the lock`)
	// protectedResource is a protected resource that would be deleted or replaced.
	protectedResource = regexp.MustCompile(`resource "([^"]+)"\s+(?:cannot be deleted\s+because it is protected|` +
		`(?:as part of replacing "[^"]+"\s+)?as it is currently marked for protection)`)
	missingTarget = regexp.MustCompile(`Target '([^']+)' could not be found in the stack`)
	// keptRemotely is what a command says that would write the configuration of a stack which has it in no file.
	keptRemotely = regexp.MustCompile(`remote (stack )?config`)
	// unreachable is trouble on the way to the backend, in the words of Go's net package, of HTTP, and of Pulumi
	// Cloud's client, which shows a status as [503], except for 429.
	unreachable = regexp.MustCompile(`(?i)connection refused|connection reset|connection timed out|broken pipe|no such host|` +
		`server misbehaving|network is unreachable|no route to host|i/o timeout|TLS handshake timeout|deadline exceeded|unexpected EOF|": EOF|` +
		`\[(429|5\d\d)\]|rate-limit exceeded|SlowDown|ServiceUnavailable`)
)

// precondition is what the user must put right before anything can work.
type precondition struct {
	pattern       *regexp.Regexp
	problem, hint string
}

// preconditions are all that are known. The first that fits counts.
func preconditions() []precondition {
	return []precondition{
		{keptRemotely, "the service keeps the stack's configuration, and not a file",
			"pulumiscale changes counts in a file: have the service let go of the configuration, and import its environment in the file, under `environment:`"},
		{regexp.MustCompile(`incorrect passphrase`), "the passphrase is wrong",
			"set PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE, to the stack's passphrase"},
		{regexp.MustCompile(`passphrase must be set`), "no passphrase is set",
			"set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"},
		{regexp.MustCompile(`Unauthorized: No credentials|this command requires logging in|SAML SSO authentication is required`),
			"the backend does not take these credentials, which may have expired",
			"run `pulumi login` again, or set PULUMI_ACCESS_TOKEN to a token that is valid"},
		{regexp.MustCompile(`\[403\]`), "the backend refuses access",
			"the owner of the access token needs the permission to write to the stack"},
		{regexp.MustCompile(`no stack named|\[404\] Not Found`), "there is no such stack",
			"`pulumi stack ls` lists the stacks; name one with --stack"},
		{regexp.MustCompile(`no stack selected|missing stack name|no current stack`), "no stack is selected",
			"name one with --stack, or run `pulumi stack select`"},
		{regexp.MustCompile(`PULUMI_ACCESS_TOKEN must be set|not logged in|pulumi login`), "not logged in to the backend", "run `pulumi login`, or set PULUMI_BACKEND_URL or PULUMI_ACCESS_TOKEN"},
		{regexp.MustCompile(`unable to open (bucket|state directory|state database)|no such file or directory.*\.pulumi|could not list bucket|read-only file system|permission denied|operation not permitted|no space left on device`),
			"the backend's storage cannot be used", "check that PULUMI_BACKEND_URL, or the backend of Pulumi.yaml, is there and can be written"},
	}
}

// locked tells who holds the stack; nil if nobody does.
func (s *Stack) locked(fail failure) error {
	if !lockedStack.MatchString(fail.stderr) && !conflict.MatchString(fail.stderr) {
		return nil
	}
	err := &scale.LockedError{Stack: s.Name()}
	host, _ := os.Hostname()
	for _, m := range lockHolder.FindAllStringSubmatch(fail.stderr, -1) {
		pid, _ := strconv.Atoi(m[3])
		since, _ := time.Parse(time.RFC3339, m[4])
		err.Holders = append(err.Holders, scale.Holder{User: m[1], Host: m[2], PID: pid, Since: since, Dead: m[2] == host && !isHolder(pid)})
	}
	return err
}

// errorLines are the CLI's own error messages, without its usual prefix. What it says on several lines is put on one.
func errorLines(fail failure) []string {
	if why := crashed.FindStringSubmatch(fail.stderr); why != nil {
		return []string{"the pulumi CLI has crashed: " + why[1]}
	}
	var out []string
	for line := range strings.SplitSeq(fail.stderr, "\n") {
		message, first := strings.CutPrefix(line, "error: ")
		message = strings.TrimSpace(message)
		switch {
		case message == "":
		case first:
			out = append(out, message)
		case len(out) > 0 && strings.TrimLeft(line, " \t") != line:
			out[len(out)-1] += " " + message
		}
	}
	if text := strings.TrimSpace(fail.stderr); len(out) == 0 && text != "" {
		out = append(out, text)
	}
	return out
}
