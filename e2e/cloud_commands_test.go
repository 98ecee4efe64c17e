package e2e

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pulumiscale/pulumiscale/e2e/fakecloud"
)

// cloudToken is what the fake of Pulumi Cloud accepts at first.
const cloudToken = "pul-end-to-end"

// cloudCommands are what `fakecloud` can do, by their names: the number of arguments that each wants, and the rest of
// its usage.
var cloudCommands = map[string]struct {
	least, most int
	usage       string
	do          func(*testscript.TestScript, *fakecloud.Server, string, []string)
}{
	"down":  {0, 0, "", func(_ *testscript.TestScript, s *fakecloud.Server, _ string, _ []string) { s.Down() }},
	"up":    {0, 0, "", func(ts *testscript.TestScript, s *fakecloud.Server, _ string, _ []string) { ts.Check(s.Up()) }},
	"mend":  {0, 0, "", func(_ *testscript.TestScript, s *fakecloud.Server, _ string, _ []string) { s.Mend() }},
	"token": {1, 1, "TOKEN", func(_ *testscript.TestScript, s *fakecloud.Server, _ string, args []string) { s.SetToken(args[0]) }},
	"fail":  {2, 4, "ROUTE FAULT [times=N] [after=N]", cloudFail},
	"list":  {1, 1, "running|ended", cloudList},
	"hold": {0, 1, "[KEY=VALUE]", func(ts *testscript.TestScript, s *fakecloud.Server, stack string, args []string) {
		config := map[string]string{}
		for _, arg := range args {
			name, value, _ := strings.Cut(arg, "=")
			config[name] = value
		}
		ts.Check(s.Hold(stack, config))
	}},
	"release": {0, 0, "", func(ts *testscript.TestScript, s *fakecloud.Server, stack string, _ []string) {
		must(ts, s.Release(stack), "no update runs")
	}},
	"others": {1, 1, "COUNT", func(ts *testscript.TestScript, s *fakecloud.Server, stack string, args []string) {
		count, err := strconv.Atoi(args[0])
		ts.Check(err)
		for range count {
			ts.Check(s.Hold(stack, nil))
			s.Release(stack)
		}
	}},
	"expire": {0, 0, "", func(ts *testscript.TestScript, s *fakecloud.Server, stack string, _ []string) {
		must(ts, s.Expire(stack), "no update runs")
	}},
	"rename": {0, 1, "[NAME]", func(ts *testscript.TestScript, s *fakecloud.Server, stack string, args []string) {
		must(ts, s.Rename(stack, strings.Join(args, "")), "there is no stack "+stack)
	}},
	"forget": {0, 0, "", func(_ *testscript.TestScript, s *fakecloud.Server, _ string, _ []string) { s.Forget() }},
	"served": {2, 2, "ROUTE COUNT", cloudServed},
	"await":  {1, 2, "ROUTE [COUNT]", cloudAwait},
}

// fakecloud starts a fake of Pulumi Cloud for the script and logs the CLI in to it by the environment, or tells the
// fake what to do:
//
//	fakecloud start
//	fakecloud fail createUpdate 503 times=2
//	fakecloud mend
//
// The stack is acme/worker-pool/dev.
func fakeCloud(ts *testscript.TestScript, neg bool, args []string) {
	state := stateOf(ts)
	if !neg && len(args) == 1 && args[0] == "start" && state.cloud == nil {
		server, err := fakecloud.Start(cloudToken)
		ts.Check(err)
		state.cloud = server
		ts.Setenv("PULUMI_BACKEND_URL", server.URL())
		ts.Setenv("PULUMI_ACCESS_TOKEN", cloudToken)
		return
	}
	names := make([]string, 0, len(cloudCommands))
	for name, command := range cloudCommands {
		names = append(names, strings.TrimSpace(name+" "+command.usage))
	}
	slices.Sort(names)
	usage := "usage: fakecloud start, then fakecloud " + strings.Join(names, " | ")
	if neg || len(args) == 0 || state.cloud == nil {
		ts.Fatalf("%s", usage)
	}
	command, ok := cloudCommands[args[0]]
	if given := len(args) - 1; !ok || given < command.least || given > command.most {
		ts.Fatalf("%s", usage)
	}
	command.do(ts, state.cloud, fakecloud.Owner+"/worker-pool/dev", args[1:])
}

func must(ts *testscript.TestScript, ok bool, otherwise string) {
	if !ok {
		ts.Fatalf("fakecloud: %s", otherwise)
	}
}

func cloudFail(ts *testscript.TestScript, s *fakecloud.Server, _ string, args []string) {
	counts := map[string]int{}
	for _, option := range args[2:] {
		name, value, _ := strings.Cut(option, "=")
		n, err := strconv.Atoi(value)
		must(ts, err == nil && n > 0 && (name == "times" || name == "after"), "an option is times=N or after=N")
		counts[name] = n
	}
	ts.Check(s.Fail(args[0], args[1], counts["after"], counts["times"]))
}

func cloudList(ts *testscript.TestScript, s *fakecloud.Server, _ string, args []string) {
	must(ts, args[0] == "running" || args[0] == "ended", "list running, or list ended")
	s.ListRunning(args[0] == "running")
}

// cloudServed checks how many requests of a route there were since `fakecloud forget`.
func cloudServed(ts *testscript.TestScript, s *fakecloud.Server, _ string, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := s.Served(args[0]); got != want {
		ts.Fatalf("%d requests of %s, want %d", got, args[0], want)
	}
}

// cloudAwait waits until there were so many requests of a route since `fakecloud forget`.
func cloudAwait(ts *testscript.TestScript, s *fakecloud.Server, _ string, args []string) {
	want := 1
	if len(args) > 1 {
		var err error
		want, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	for deadline := time.Now().Add(time.Minute); s.Served(args[0]) < want; time.Sleep(20 * time.Millisecond) {
		must(ts, time.Now().Before(deadline), "waited a minute for "+strings.Join(args, " "))
	}
}
