package stack

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
)

// failure is how a run of the CLI failed.
type failure struct {
	stdout, stderr string
	code           int
	err            error
	interrupted    bool
}

// engineError turns a failed update or preview into an error. Once the engine has begun its work, the error is never a
// [*scale.UnavailableError], because a caller would try again, and a half-done update must not be repeated blindly.
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
	return &scale.EngineError{
		Operation: f.operation, Diagnostics: f.diagnostics, Done: f.done, Owners: ownersIn(f.diagnostics), Interrupted: fail.interrupted,
	}
}

// words returns the messages of the engine's errors, one on each line.
func (f *follower) words() string {
	var out strings.Builder
	for _, d := range f.diagnostics {
		out.WriteString(d.Message + "\n")
	}
	return out.String()
}

// commandError turns the failure of a command that has not touched the stack into an error that says what it means.
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
	text := strings.Join(errorLines(fail), "; ") // without warnings: a failed look for capabilities is not why a command failed
	if halfWritten.MatchString(fail.stderr) {
		return &scale.UnavailableError{Detail: text}
	}
	for _, known := range troubles() {
		switch {
		case !known.pattern.MatchString(text):
		case known.passes:
			return &scale.UnavailableError{Detail: text}
		default:
			return &scale.SetupError{Problem: known.problem, Hint: known.hint, Err: errors.New(text)}
		}
	}
	if text == "" {
		text = fail.err.Error()
	}
	return &scale.SetupError{Problem: "cannot " + attempted, Err: errors.New(text)}
}

// Messages of the engine, in the words of v3.250.0. The end-to-end tests check each of them against the real engine.
var (
	// lockedStack and conflict are also what [auto.IsConcurrentUpdateError] looks for.
	lockedStack = regexp.MustCompile(`the stack is currently locked by`)
	conflict    = regexp.MustCompile(`\[409\] Conflict: Another update is currently in progress\.`)
	lockHolder  = regexp.MustCompile(`created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)`)
	// halfWritten is what the CLI says if the state's file of a self-managed backend is just being written.
	halfWritten = regexp.MustCompile(`failed to load checkpoint: (unexpected )?(EOF|end of JSON input)`)
	// crashed is what the CLI says when it panics, above many lines for its developers. It panics, for example, when a
	// backend's folder is moved away.
	crashed = regexp.MustCompile(`(?s)The Pulumi CLI encountered a fatal error\..*?\nPanic: +([^\n]+)`)
	// azureAnswer finds the code and the message in an error of Azure's client, which has many lines.
	azureAnswer = regexp.MustCompile(`(?s)<Code>(\w+)</Code>\s*<Message>([^\n<]*)`)
	// lockWrite is what an engine says if it could not write its lock; it may have left an empty one. damagedLock is
	// what every command that takes the lock says from then on.
	lockWrite   = regexp.MustCompile(`write \S*/locks/`)
	damagedLock = regexp.MustCompile(`error: unexpected end of JSON input`)
	// lockLeft is what an engine says if it could not remove its lock.
	lockLeft = regexp.MustCompile(`problem deleting the lock`)
	// protectedResource is what the engine says of a protected resource that would be deleted or replaced.
	protectedResource = regexp.MustCompile(`resource "([^"]+)"\s+(?:cannot be deleted\s+because it is protected|` +
		`(?:as part of replacing "[^"]+"\s+)?as it is currently marked for protection)`)
	missingTarget = regexp.MustCompile(`Target '([^']+)' could not be found in the stack`)
	// keptRemotely is what a command that writes the stack's configuration says if a service keeps the configuration,
	// and not a file.
	keptRemotely = regexp.MustCompile(`remote (stack )?config`)
)

// trouble is a cause that keeps a command from working. pattern finds it in the words of the CLI, of the libraries in
// the CLI, or of the backend.
type trouble struct {
	pattern *regexp.Regexp
	// passes says that the trouble may end by itself. Otherwise the user must put something right: problem says what is
	// wrong and hint what to do.
	passes        bool
	problem, hint string
}

// troubles lists all known troubles. The first whose pattern matches counts.
func troubles() []trouble {
	const storage = "the backend refuses these credentials"
	return []trouble{
		{pattern: keptRemotely, problem: "Pulumi Cloud stores this stack's configuration, and PulumiScale needs it in a file",
			hint: "unlink the stack's configuration from its ESC environment in Pulumi Cloud, and list that environment in the file under `environment:`"},
		{pattern: regexp.MustCompile(`incorrect passphrase`), problem: "the passphrase is wrong",
			hint: "set PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE, to the stack's passphrase"},
		{pattern: regexp.MustCompile(`passphrase must be set`), problem: "no passphrase is set",
			hint: "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"},
		{pattern: regexp.MustCompile(`Unauthorized: No credentials|this command requires logging in|SAML SSO authentication is required`),
			problem: "the backend does not take these credentials, which may have expired",
			hint:    "run `pulumi login` again, or set PULUMI_ACCESS_TOKEN to a token that is valid"},
		{pattern: regexp.MustCompile(`\[403\]`), problem: "the backend refuses access",
			hint: "the owner of the access token needs the permission to write to the stack"},
		{pattern: regexp.MustCompile(`no stack named|\[404\] Not Found`), problem: "there is no such stack",
			hint: "`pulumi stack ls` lists the stacks; name one with --stack"},
		{pattern: regexp.MustCompile(`no stack selected|missing stack name|no current stack`), problem: "no stack is selected",
			hint: "name one with --stack, or run `pulumi stack select`"},
		{pattern: regexp.MustCompile(`PULUMI_ACCESS_TOKEN must be set|not logged in|pulumi login`), problem: "not logged in to the backend",
			hint: "run `pulumi login`, or set PULUMI_BACKEND_URL or PULUMI_ACCESS_TOKEN"},
		// S3: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
		{pattern: regexp.MustCompile(`InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|ExpiredToken|TokenRefreshRequired|InvalidToken|XAdminUserNotFound|` +
			`failed to (refresh|retrieve) (cached )?credentials`), problem: storage,
			hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, to those that may write to the bucket; temporary ones may have expired"},
		{pattern: regexp.MustCompile(`RequestTimeTooSkewed`), problem: "the backend's clock and this machine's differ too much",
			hint: "set this machine's clock"},
		{pattern: regexp.MustCompile(`NoSuchBucket`), problem: "the backend's bucket does not exist", hint: "make the bucket, or name another in PULUMI_BACKEND_URL"},
		// Azure: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
		{pattern: regexp.MustCompile(`AuthenticationFailed|AuthorizationFailure|AuthorizationPermissionMismatch|InvalidAuthenticationInfo|NoAuthenticationInformation|` +
			`authorized requests are not permitted|DefaultAzureCredential: failed`), problem: storage,
			hint: "set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, or AZURE_STORAGE_SAS_TOKEN, to those that may write to the container; a token may have expired"},
		{pattern: regexp.MustCompile(`ContainerNotFound`), problem: "the backend's container does not exist", hint: "make the container, or name another in PULUMI_BACKEND_URL"},
		// PostgreSQL: https://www.postgresql.org/docs/current/errcodes-appendix.html
		{pattern: regexp.MustCompile(`\((28P01|28000|42501)\)`), problem: storage,
			hint: "the user and the password in PULUMI_BACKEND_URL must be those of a role that may write to the table"},
		{pattern: regexp.MustCompile(`\((3D000)\)`), problem: "the backend's database does not exist", hint: "make the database, or name another in PULUMI_BACKEND_URL"},
		// Trouble that passes: on the way to the backend, in the words of Go's net package and of HTTP.
		{passes: true, pattern: regexp.MustCompile(`(?i)connection refused|connection reset|connection timed out|broken pipe|no such host|server misbehaving|` +
			`network is unreachable|no route to host|i/o timeout|TLS handshake timeout|deadline exceeded|unexpected EOF|": EOF|driver: bad connection`)},
		// Pulumi Cloud's client shows a status as [503], except for 429.
		{passes: true, pattern: regexp.MustCompile(`\[(429|5\d\d)\]|rate-limit exceeded`)},
		// S3 and Azure.
		{passes: true, pattern: regexp.MustCompile(`StatusCode: (429|5\d\d)|InternalError|SlowDown|ServiceUnavailable|RequestTimeout\b|OperationAborted|ConditionalRequestConflict|` +
			`ServerBusy|OperationTimedOut|RESPONSE 5\d\d`)},
		// PostgreSQL: connection exceptions, a read-only standby, too few resources, not accepting, shutting down,
		// starting.
		{passes: true, pattern: regexp.MustCompile(`\((08\w{3}|25006|53\w{3}|55000|57P0[1-5])\)`)},
		{pattern: regexp.MustCompile(`unable to open (bucket|state directory|state database)|no such file or directory.*\.pulumi|could not list bucket|read-only file system|` +
			`permission denied|operation not permitted|no space left on device`), problem: "the backend's storage cannot be used",
			hint: "check that PULUMI_BACKEND_URL, or the backend of Pulumi.yaml, is there and can be written"},
	}
}

// locked returns the error that names the holders of the stack's lock; nil if the failure says nothing of a lock.
func (s *Stack) locked(fail failure) error {
	if !lockedStack.MatchString(fail.stderr) && !conflict.MatchString(fail.stderr) {
		return nil
	}
	err := &scale.LockedError{Stack: s.Name()}
	for _, m := range lockHolder.FindAllStringSubmatch(fail.stderr, -1) {
		pid, _ := strconv.Atoi(m[3])
		since, _ := time.Parse(time.RFC3339, m[4])
		err.Holders = append(err.Holders, scale.LockHolder{User: m[1], Host: m[2], PID: pid, Since: since, Dead: cli.IsGone(m[2], pid)})
	}
	return err
}

// errorLines returns the CLI's own error messages, without the prefix that the CLI gives them. A message of several
// lines becomes one line. If there is no such message, it returns all of stderr as one.
func errorLines(fail failure) []string {
	if why := crashed.FindStringSubmatch(fail.stderr); why != nil {
		return []string{"the pulumi CLI has crashed: " + why[1]}
	}
	var out []string
	answer := azureAnswer.FindStringSubmatch(fail.stderr)
	for line := range strings.SplitSeq(fail.stderr, "\n") {
		message, first := strings.CutPrefix(line, "error: ")
		message = strings.TrimSpace(message)
		switch {
		case message == "", answer != nil && strings.HasPrefix(message, "<"):
		case first:
			out = append(out, message)
		case len(out) > 0 && strings.TrimLeft(line, " \t") != line:
			out[len(out)-1] += " " + message
		}
	}
	if answer != nil && len(out) > 0 {
		out[len(out)-1] += ": " + answer[1] + ": " + strings.TrimSpace(answer[2])
	}
	if text := strings.TrimSpace(fail.stderr); len(out) == 0 && text != "" {
		out = append(out, text)
	}
	return out
}

// What the API server of Kubernetes says of an apply that it refuses, in the words of getConflictMessage in
// k8s.io/apimachinery. Pulumi's provider passes these words on.
var (
	refusedApply = regexp.MustCompile(`Apply failed with \d+ conflicts?: `)
	fieldOwner   = regexp.MustCompile(`conflicts? with "([^"]+)"`)
)

// ownersIn returns the field managers whose fields made Kubernetes refuse an apply, sorted.
func ownersIn(diagnostics []scale.Diagnostic) []string {
	var out []string
	for _, d := range diagnostics {
		if at := refusedApply.FindStringIndex(d.Message); at != nil {
			for _, owner := range fieldOwner.FindAllStringSubmatch(d.Message[at[1]:], -1) {
				out = append(out, owner[1])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// refused says whether a step is one that Kubernetes refused, so that its resource is as it was. An apply with a
// conflict changes no field at all. After other failures nobody can tell how the resource is: a provider may have done
// a part of the step, and most providers give the engine no status that says so.
func (f *follower) refused(step scale.ResourceStep) bool {
	if step.Op != "update" || !slices.Contains(f.failed, step.URN) {
		return false
	}
	said := false
	for _, d := range f.diagnostics {
		if d.URN != step.URN {
			continue
		}
		if !refusedApply.MatchString(d.Message) {
			return false
		}
		said = true
	}
	return said
}
