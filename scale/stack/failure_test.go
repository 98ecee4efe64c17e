package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/blang/semver"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

// What the CLI printed on stderr, in v3.250.0; for Pulumi Cloud, what its API answers.
const (
	lockedText = "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.\n" +
		"  file:///backend/.pulumi/locks/organization/worker-pool/dev/608859b6.json?no_tmp_dir=true: created by root@elsewhere (pid 31829) at 2026-11-23T17:22:41Z\n"
	conflictText = "error: [409] Conflict: Another update is currently in progress.\n" +
		"To learn more about possible reasons and resolution, visit https://www.pulumi.com/docs/troubleshooting/#conflict\n"
	wrongPassphraseText = "error: getting stack configuration: get stack secrets manager: incorrect passphrase\n"
	noPassphraseText    = "error: getting stack configuration: get stack secrets manager: passphrase must be set with PULUMI_CONFIG_PASSPHRASE " +
		"or PULUMI_CONFIG_PASSPHRASE_FILE environment variables\n"
	noStackText  = "error: no stack named 'nope' found\n"
	noSelectText = "error: no stack selected; please use `pulumi stack select` or `pulumi stack init` to choose one\n"
	noBucketText = "error: unable to open bucket file:///backend?no_tmp_dir=true: stat /backend: no such file or directory\n"
	// From v3.274.1, and from a stack with remote configuration.
	noDirectoryText  = "error: unable to open state directory \"file:///backend\": stat /backend: no such file or directory\n"
	remoteConfigText = "error: config set not supported for remote stack config: use `pulumi env set demo/dev pulumiConfig.demo:key --secret <value>`\n"
	noLoginText      = "error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions\n"
	refusedText      = "Logging in using access token from PULUMI_ACCESS_TOKEN\nerror: performing HTTP request: Get \"http://127.0.0.1:9/api/user\": dial tcp 127.0.0.1:9: connect: connection refused\n"
	// From Pulumi Cloud, as e2e/testdata/script/cloud*.txtar have it from the real CLI.
	startConflictText = "error: [409] Conflict: Another update is currently in progress.\n" +
		"To learn more about possible reasons and resolution, visit https://www.pulumi.com/docs/support/troubleshooting/common-issues/update-conflicts/\n"
	cancelConflictText = "error: [409] Conflict: The Update has already completed\n"
	newLoginText       = "Logging in using access token from PULUMI_ACCESS_TOKEN\nerror: Unauthorized: No credentials provided or are invalid.\n"
	loginText          = "warning: failed to get capabilities: querying capabilities failed: this command requires logging in; try running `pulumi login` first\n" +
		"error: this command requires logging in; try running `pulumi login` first\n"
	samlText      = "error: SAML SSO authentication is required. Log in at:\n\n    https://app.pulumi.com/signin/sso/acme/reauth\n\n"
	forbiddenText = "error: [403] Forbidden\n"
	removedText   = "error: [404] Not Found: Stack 'acme/worker-pool/dev' not found\n"
	rateText      = "warning: failed to get capabilities: querying capabilities failed: pulumi service: request rate-limit exceeded\n" +
		"error: pulumi service: request rate-limit exceeded\n"
	historyText = "error: getting history: failed to get stack updates: [503] Service Unavailable (Request ID: 1)\n"
	gatewayText = "error: [502] <html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"
	edgeText    = "error: [520] <html>\n<head><title>520</title></head>\n</html>\n"
	resetText   = "error: performing HTTP request: Post \"http://127.0.0.1:9/api/stacks/acme/worker-pool/dev/update\": " +
		"read tcp 127.0.0.1:50222->127.0.0.1:9: read: connection reset by peer\n"
	endText        = "error: performing HTTP request: Post \"http://127.0.0.1:9/api/stacks/acme/worker-pool/dev/update\": EOF\n"
	warningText    = "warning: failed to get capabilities: querying capabilities failed: [503] Service Unavailable\nerror: unknown flag: --nope\n"
	unknownText    = "error: unknown flag: --nope\n"
	missingOutText = "Updating (dev):\nDiagnostics:\n    error: Target 'urn:pulumi:dev::worker-pool::localcloud:index:Pool::nope' could not be found in the stack. " +
		"Did you forget to escape $ in your shell?\n"
)

// s3Text, postgresText and azureText are what v3.274.1 says of these backends.
func s3Text(what string) string {
	return `error: read ".pulumi/meta.yaml": blob (key ".pulumi/meta.yaml") (code=Unknown): operation error S3: GetObject, https response error ` + what + "\n"
}

func postgresText(what string) string {
	return `error: unable to open state database "postgres://me:[credential]@127.0.0.1:9/state?sslmode=disable": failed to ping PostgreSQL: ` + what + "\n"
}

func azureText(code, message string) string {
	return "error: read \".pulumi/meta.yaml\": GET http://127.0.0.1:9/a/b\n" + strings.Repeat("-", 80) + "\nRESPONSE 403: 403 x\nERROR CODE: " + code + "\n" + strings.Repeat("-", 80) +
		"\n<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Error>\n  <Code>" + code + "</Code>\n  <Message>" + message + "\nRequestId:1\nTime:2026</Message>\n</Error>\n"
}

func testStack(t *testing.T) *Stack {
	return &Stack{name: "dev", command: &cli.Command{}, project: &project.Project{Dir: t.TempDir(), Project: demoProject().Project}}
}

func exit(code int) error { return fmt.Errorf("exit status %d", code) }

// crashText is what the CLI says of a crash, without most of its stack.
const crashText = `================================================================================
The Pulumi CLI encountered a fatal error. This is a bug!
We would appreciate a report: https://github.com/pulumi/pulumi/issues/
Please provide all of the text below in your report.
================================================================================
Pulumi Version:   v3.250.0
Go Version:       go1.26.8
Go Compiler:      gc
Architecture:     amd64
Operating System: linux
Panic:            runtime error: invalid memory address or nil pointer dereference

goroutine 1 [running]:
runtime/debug.Stack()
    runtime/debug/stack.go:26 +0x5e
error: of a stack
`

func TestCommandError(t *testing.T) {
	for _, c := range []struct {
		name string
		fail failure
		want error
	}{
		{"a lock of a self-managed backend", failure{stderr: lockedText}, &scale.LockedError{Stack: "dev", Holders: []scale.LockHolder{
			{User: "root", Host: "elsewhere", PID: 31829, Since: time.Date(2026, 11, 23, 17, 22, 41, 0, time.UTC)},
		}}},
		{"a conflict of Pulumi Cloud", failure{stderr: conflictText}, &scale.LockedError{Stack: "dev"}},
		{"a conflict of Pulumi Cloud as an update is started", failure{stderr: startConflictText}, &scale.LockedError{Stack: "dev"}},
		{"a token of Pulumi Cloud that it does not take, used for the first time", failure{stderr: newLoginText}, badToken("Unauthorized: No credentials provided or are invalid.")},
		{"a token of Pulumi Cloud that it does not take any more", failure{stderr: loginText}, badToken("this command requires logging in; try running `pulumi login` first")},
		{"a login that has to be renewed", failure{stderr: samlText}, badToken(
			"SAML SSO authentication is required. Log in at: https://app.pulumi.com/signin/sso/acme/reauth",
		)},
		{"a token that may not do this", failure{stderr: forbiddenText}, badSetup("the backend refuses access", forbiddenText)},
		{"a stack that has been removed since", failure{stderr: removedText}, badSetup("there is no such stack", removedText)},
		{"a wrong passphrase", failure{stderr: wrongPassphraseText}, badSetup("the passphrase is wrong", wrongPassphraseText)},
		{"no passphrase", failure{stderr: noPassphraseText}, badSetup("no passphrase is set", noPassphraseText)},
		{"no such stack", failure{stderr: noStackText}, badSetup("there is no such stack", noStackText)},
		{"no stack selected", failure{stderr: noSelectText}, badSetup("no stack is selected", noSelectText)},
		{"no storage", failure{stderr: noBucketText}, badSetup("the backend's storage cannot be used", noBucketText)},
		{"no storage, in a newer CLI's words", failure{stderr: noDirectoryText}, badSetup("the backend's storage cannot be used", noDirectoryText)},
		{"a configuration of the service", failure{stderr: remoteConfigText}, badSetup("Pulumi Cloud stores this stack's configuration, and PulumiScale needs it in a file", remoteConfigText)},
		{"no login", failure{stderr: noLoginText}, badSetup("not logged in to the backend", noLoginText)},
		{"a backend that does not answer", failure{stderr: refusedText}, &scale.UnavailableError{
			Detail: `performing HTTP request: Get "http://127.0.0.1:9/api/user": dial tcp 127.0.0.1:9: connect: connection refused`,
		}},
		{"a backend in trouble", failure{stderr: "error: [503] Service Unavailable\n"}, &scale.UnavailableError{Detail: "[503] Service Unavailable"}},
		{"a backend that wants less", failure{stderr: "error: [429] Too Many Requests\n"}, &scale.UnavailableError{Detail: "[429] Too Many Requests"}},
		{"a rate limit of Pulumi Cloud", failure{stderr: rateText}, &scale.UnavailableError{Detail: "pulumi service: request rate-limit exceeded"}},
		{"a history that Pulumi Cloud does not have now", failure{stderr: historyText}, unavailable(historyText)},
		{"a gateway's page", failure{stderr: gatewayText}, unavailable(gatewayText)},
		{"a status of a provider's own", failure{stderr: edgeText}, &scale.UnavailableError{Detail: "[520] <html>"}},
		{"a connection that is reset", failure{stderr: resetText}, unavailable(resetText)},
		{"a connection that is closed", failure{stderr: endText}, unavailable(endText)},
		{"S3 out of reach", failure{stderr: s3Text(`StatusCode: 0, RequestID: , HostID: , request send failed, Get "http://127.0.0.1:9/b": dial tcp 127.0.0.1:9: connect: connection refused`)}, unavailable(s3Text(`StatusCode: 0, RequestID: , HostID: , request send failed, Get "http://127.0.0.1:9/b": dial tcp 127.0.0.1:9: connect: connection refused`))},
		{"S3 in trouble", failure{stderr: s3Text("StatusCode: 500, RequestID: 7, HostID: , api error InternalError: x")}, unavailable(s3Text("StatusCode: 500, RequestID: 7, HostID: , api error InternalError: x"))},
		{"S3 that wants less", failure{stderr: s3Text("StatusCode: 503, RequestID: 7, HostID: , api error SlowDown: x")}, unavailable(s3Text("StatusCode: 503, RequestID: 7, HostID: , api error SlowDown: x"))},
		{"S3 with another writer", failure{stderr: s3Text("StatusCode: 409, RequestID: 7, HostID: , api error OperationAborted: x")}, unavailable(s3Text("StatusCode: 409, RequestID: 7, HostID: , api error OperationAborted: x"))},
		{"S3 that refuses", failure{stderr: s3Text("StatusCode: 403, RequestID: 7, HostID: , api error ExpiredToken: x")}, badSetup("the backend refuses these credentials", s3Text("StatusCode: 403, RequestID: 7, HostID: , api error ExpiredToken: x"))},
		{"no bucket", failure{stderr: s3Text("StatusCode: 404, RequestID: 7, HostID: , NoSuchBucket: x")}, badSetup("the backend's bucket does not exist", s3Text("StatusCode: 404, RequestID: 7, HostID: , NoSuchBucket: x"))},
		{"PostgreSQL out of reach", failure{stderr: postgresText("dial tcp 127.0.0.1:9: connect: connection reset by peer")}, unavailable(postgresText("dial tcp 127.0.0.1:9: connect: connection reset by peer"))},
		{"PostgreSQL with too many connections", failure{stderr: postgresText(`pq: too many connections for database "state" (53300)`)}, unavailable(postgresText(`pq: too many connections for database "state" (53300)`))},
		{"PostgreSQL that accepts none", failure{stderr: postgresText(`pq: database "state" is not currently accepting connections (55000)`)}, unavailable(postgresText(`pq: database "state" is not currently accepting connections (55000)`))},
		{"PostgreSQL's standby", failure{stderr: "error: 2 errors occurred:\n    1) pq: cannot execute INSERT in a read-only transaction (25006)\n    2) Unknown\n"}, &scale.UnavailableError{
			Detail: "2 errors occurred: 1) pq: cannot execute INSERT in a read-only transaction (25006) 2) Unknown",
		}},
		{"PostgreSQL that refuses", failure{stderr: postgresText(`pq: password authentication failed for user "me" (28P01)`)}, badSetup("the backend refuses these credentials", postgresText(`pq: password authentication failed for user "me" (28P01)`))},
		{"no database", failure{stderr: postgresText(`pq: database "missing" does not exist (3D000)`)}, badSetup("the backend's database does not exist", postgresText(`pq: database "missing" does not exist (3D000)`))},
		{"Azure that refuses", failure{stderr: azureText("AuthorizationFailure", "Server failed to authenticate the request.")}, badSetup("the backend refuses these credentials",
			"error: read \".pulumi/meta.yaml\": GET http://127.0.0.1:9/a/b: AuthorizationFailure: Server failed to authenticate the request.\n")},
		{"no container", failure{stderr: azureText("ContainerNotFound", "The specified container does not exist.")}, badSetup("the backend's container does not exist",
			"error: read \".pulumi/meta.yaml\": GET http://127.0.0.1:9/a/b: ContainerNotFound: The specified container does not exist.\n")},
		{"a warning of a backend in trouble, beside a mistake", failure{stderr: warningText}, &scale.SetupError{Problem: "cannot try", Err: errors.New("unknown flag: --nope")}},
		{"anything else", failure{stderr: unknownText}, &scale.SetupError{Problem: "cannot try", Err: errors.New("unknown flag: --nope")}},
		{"a crash", failure{stderr: crashText}, &scale.SetupError{Problem: "cannot try", Err: errors.New("the pulumi CLI has crashed: runtime error: invalid memory address or nil pointer dereference")}},
		{"what has no error line", failure{stderr: "panic: help\n"}, &scale.SetupError{Problem: "cannot try", Err: errors.New("panic: help")}},
		{"silence", failure{err: exit(255)}, &scale.SetupError{Problem: "cannot try", Err: errors.New("exit status 255")}},
		{"several errors", failure{stderr: "error: one\nwarning: two\nerror: three\n  and four\n"}, &scale.SetupError{Problem: "cannot try", Err: errors.New("one; three and four")}},
		{"an end by the user", failure{stderr: lockedText, err: context.Canceled}, context.Canceled},
		{"an end by the clock", failure{err: fmt.Errorf("x: %w", context.DeadlineExceeded)}, fmt.Errorf("x: %w", context.DeadlineExceeded)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.fail.err == nil {
				c.fail.err = exit(1)
			}
			got := testStack(t).commandError("try", c.fail)
			if diff := cmp.Diff(c.want, got, cmp.Comparer(sameError), cmpopts.IgnoreFields(scale.SetupError{}, "Hint")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var setup *scale.SetupError
			if errors.As(got, &setup) && setup.Problem != "cannot try" && setup.Hint == "" {
				t.Error("no hint")
			}
		})
	}
}

// sameError compares errors that have nothing but a text.
func sameError(a, b error) bool {
	return fmt.Sprintf("%T %v", a, a) == fmt.Sprintf("%T %v", b, b)
}

func unavailable(stderr string) error {
	return &scale.UnavailableError{Detail: strings.TrimSpace(strings.TrimPrefix(stderr, "error: "))}
}

func badToken(text string) error {
	return badSetup("the backend does not take these credentials, which may have expired", text)
}

func badSetup(problem, stderr string) error {
	return &scale.SetupError{Problem: problem, Err: errors.New(strings.TrimSpace(strings.TrimPrefix(stderr, "error: ")))}
}

func TestEngineError(t *testing.T) {
	const nope = "urn:pulumi:dev::worker-pool::localcloud:index:Pool::nope"
	diagnostics := []scale.Diagnostic{{Severity: "error", Message: "told"}}
	done := []scale.ResourceStep{{Op: "update"}}
	said := func(lines ...string) *follower {
		var log strings.Builder
		for _, line := range lines {
			fmt.Fprintf(&log, `{"diagnosticEvent":{"message":%q,"severity":"info#err"}}`+"\n", line)
		}
		f, _ := followed([]byte(log.String()), "update")
		f.hasBegun = true
		return f
	}
	for _, c := range []struct {
		name string
		f    *follower
		fail failure
		want error
	}{
		{"a lock, before it has begun", &follower{}, failure{stderr: lockedText}, &scale.LockedError{}},
		{"a backend that is away, before it has begun", &follower{}, failure{stderr: refusedText}, &scale.UnavailableError{}},
		{"an end by the user, before it has begun", &follower{}, failure{err: context.Canceled, interrupted: true}, context.Canceled},
		{"a target that is missing", &follower{hasBegun: true, diagnostics: diagnostics}, failure{stdout: missingOutText}, &scale.TargetError{Target: nope}},
		{
			"a target that is missing, after another was begun",
			&follower{hasBegun: true, diagnostics: diagnostics, done: done, result: scale.Result{Steps: done}}, failure{stdout: missingOutText},
			&scale.EngineError{Operation: "update", Diagnostics: diagnostics, Done: done},
		},
		{
			"a failure while it works", &follower{hasBegun: true, diagnostics: diagnostics, done: done}, failure{stderr: "error: update failed\n"},
			&scale.EngineError{Operation: "update", Diagnostics: diagnostics, Done: done},
		},
		{
			"a failure while it works that speaks of a lock passes as little", &follower{hasBegun: true, diagnostics: diagnostics}, failure{stderr: lockedText},
			&scale.EngineError{Operation: "update", Diagnostics: diagnostics},
		},
		{
			"a backend that goes away while it works", &follower{hasBegun: true}, failure{stderr: "error: connection refused\n"},
			&scale.EngineError{Operation: "update", Diagnostics: []scale.Diagnostic{{Severity: "error", Message: "connection refused"}}},
		},
		{
			"a mistake of the program, of which its host tells on its stderr alone", said("Error: no such type:\n", "  on Pulumi.yaml line 11:\n"), failure{},
			&scale.EngineError{Operation: "update", Diagnostics: []scale.Diagnostic{{Severity: "error", Message: "Error: no such type:\non Pulumi.yaml line 11:"}}},
		},
		{
			"of what a program says endlessly, the beginning", said(strings.Repeat("x", mostComplaints), "more"), failure{},
			&scale.EngineError{Operation: "update", Diagnostics: []scale.Diagnostic{{Severity: "error", Message: strings.Repeat("x", mostComplaints)}}},
		},
		{
			"an end by the user while it works", &follower{hasBegun: true, done: done, diagnostics: diagnostics}, failure{interrupted: true},
			&scale.EngineError{Operation: "update", Diagnostics: diagnostics, Done: done, Interrupted: true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.fail.err == nil {
				c.fail.err = exit(1)
			}
			c.f.operation = "update"
			got := testStack(t).engineError(c.f, c.fail)
			ignore := cmp.Options{cmpopts.IgnoreTypes(scale.LockHolder{}), cmpopts.IgnoreFields(scale.LockedError{}, "Stack", "Holders"), cmpopts.IgnoreFields(scale.UnavailableError{}, "Detail")}
			if diff := cmp.Diff(fmt.Sprintf("%T", c.want), fmt.Sprintf("%T", got)); diff != "" {
				t.Fatalf("-want +got:\n%s", diff)
			}
			if !errors.Is(c.want, context.Canceled) {
				if diff := cmp.Diff(c.want, got, ignore); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
}

func TestHolderIsDeadOnlyOnThisMachine(t *testing.T) {
	ended := exec.Command(os.Args[0], "-test.run=^$")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	for _, c := range []struct {
		name, host string
		pid        int
		dead       bool
	}{
		{"a process that has ended here", host, ended.Process.Pid, true},
		{"a process elsewhere", host + "-other", ended.Process.Pid, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := fmt.Sprintf("the stack is currently locked by 1 lock(s)\n  x: created by me@%s (pid %d) at 2026-11-23T17:22:41Z", c.host, c.pid)
			var locked *scale.LockedError
			if !errors.As(testStack(t).locked(failure{stderr: text}), &locked) || len(locked.Holders) != 1 || locked.Holders[0].Dead != c.dead {
				t.Errorf("got %+v", locked)
			}
		})
	}
}

// canned is a CLI that fails with what it is given.
type canned struct{ stderr string }

func (c canned) Version() semver.Version { return semver.MustParse("3.250.0") }

func (c canned) Run(_ context.Context, _ string, _ io.Reader, _, _ []io.Writer, _ []string, args ...string) (string, string, int, error) {
	if args[0] == "refresh" || args[0] == "cancel" {
		return "", c.stderr, 1, exit(1)
	}
	return "", "", 0, nil
}

// TestLockedAgreesWithTheAutomationAPI compares our own look at the CLI's words with the SDK's predicate. So an update
// of the SDK that knows other words is noticed.
func TestLockedAgreesWithTheAutomationAPI(t *testing.T) {
	for _, stderr := range []string{
		lockedText, conflictText, startConflictText, cancelConflictText, wrongPassphraseText, noStackText, refusedText, unknownText, "",
		"error: [409] Conflict: stack already exists\n", "error: the stack is locked\n", "[409] Conflict: Another update is currently in progress",
	} {
		t.Run(stderr, func(t *testing.T) {
			ctx := context.Background()
			dir := t.TempDir()
			if err := os.WriteFile(dir+"/Pulumi.yaml", []byte("name: demo\nruntime: yaml\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			workspace, err := auto.NewLocalWorkspace(ctx, auto.WorkDir(dir), auto.Pulumi(canned{stderr}))
			if err != nil {
				t.Fatal(err)
			}
			stack, err := auto.SelectStack(ctx, "dev", workspace)
			if err != nil {
				t.Fatal(err)
			}
			err = stack.Cancel(ctx)
			if err == nil {
				t.Fatal("the canned CLI did not fail")
			}
			ours := testStack(t).locked(failure{stderr: stderr}) != nil
			if theirs := auto.IsConcurrentUpdateError(err); ours != theirs {
				t.Errorf("locked: %v by us, %v by the SDK", ours, theirs)
			}
		})
	}
}

// A command that cannot be started now is tried again, whatever was attempted.
func TestACommandThatCannotBeStartedNow(t *testing.T) {
	scarce := &scale.UnavailableError{Problem: "this machine cannot start the pulumi CLI now", Detail: "too many open files"}
	if err := (&Stack{}).commandError("read the history", failure{code: -1, err: scarce}); !errors.Is(err, scarce) {
		t.Errorf("%v", err)
	}
}
