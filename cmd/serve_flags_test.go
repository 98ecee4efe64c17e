package cmd

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// parseServe runs a command line up to the point where the server would start.
func parseServe(args ...string) (serveOptions, error) {
	var got serveOptions
	a := &app{}
	root := &cobra.Command{Use: "pulumiscale", SilenceErrors: true, SilenceUsage: true}
	root.SetFlagErrorFunc(flagError)
	a.settings.flags(root)
	root.AddCommand(serveCommand(a, func(o *serveOptions) error { got = *o; return nil }))
	root.SetArgs(append([]string{"serve"}, args...))
	err := root.Execute()
	got.app = nil
	return got, err
}

func TestServeFlags(t *testing.T) {
	preset := serveOptions{listen: "127.0.0.1:8080", poll: 30 * time.Second, giveUpAfter: time.Hour, logFormat: "auto", level: "info", fleet: fleetOptions{maxUpdates: 4, pollBudget: 120}, cluster: clusterOptions{name: "pulumiscale", listen: "0.0.0.0:6222"}}
	for line, edit := range map[string]func(*serveOptions){
		"":                              func(*serveOptions) {},
		"--listen 0.0.0.0:9000":         func(o *serveOptions) { o.listen = "0.0.0.0:9000" },
		"--listen :0":                   func(o *serveOptions) { o.listen = ":0" },
		"--listen [::1]:80":             func(o *serveOptions) { o.listen = "[::1]:80" },
		"--tls-cert a --tls-key b":      func(o *serveOptions) { o.tlsCert, o.tlsKey = "a", "b" },
		"--sns-topic a --sns-topic b":   func(o *serveOptions) { o.snsTopics = []string{"a", "b"} },
		"--poll 1m --give-up-after 10m": func(o *serveOptions) { o.poll, o.giveUpAfter = time.Minute, 10*time.Minute },
		"--fleet f.yaml --max-updates 8 --retries 2 --poll-budget 7 --sns-topic a": func(o *serveOptions) {
			o.snsTopics = []string{"a"}
			o.fleet = fleetOptions{file: "f.yaml", maxUpdates: 8, pollBudget: 7, given: []string{"--retries=2", "--sns-topic=a"}}
		},
		"--cluster-peers a:1,b:1,c:1 --cluster-listen :1 --cluster-advertise a:1 --cluster-secret-file s --cluster-dir d --cluster-name n --cluster-replica a --cluster-cert c --cluster-key k --cluster-ca ca": func(o *serveOptions) {
			o.cluster = clusterOptions{
				name: "n", replica: "a", dir: "d", peers: []string{"a:1", "b:1", "c:1"}, listen: ":1", advertise: "a:1", secretFile: "s", cert: "c", key: "k", ca: "ca",
			}
		},
		"--nats nats://n --nats-credentials c --cluster-dir d": func(o *serveOptions) {
			o.cluster.nats, o.cluster.credentials, o.cluster.dir = "nats://n", "c", "d"
		},
		"--log-format json --log-level warn": func(o *serveOptions) { o.logFormat, o.level = "json", "warn" },
	} {
		t.Run(line, func(t *testing.T) {
			want := preset
			edit(&want)
			got, err := parseServe(strings.Fields(line)...)
			if err != nil {
				t.Fatal(err)
			}
			if got.fleet.file == "" {
				got.fleet.given = nil // nobody asks
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(serveOptions{}, fleetOptions{}, clusterOptions{}), cmp.FilterPath(isApp, cmp.Ignore())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrongUsageOfServe(t *testing.T) {
	for line, want := range map[string]string{
		"--tls-cert a":                            "--tls-cert, --tls-key: both must be given, or neither",
		"--tls-key b":                             "--tls-cert, --tls-key: both must be given, or neither",
		"--listen 8080":                           "--listen: must be an address such as 127.0.0.1:8080",
		"--poll 10ms":                             "--poll: must be 1s or more",
		"--poll soon":                             "--poll: must be a duration of 0 or more",
		"--give-up-after -1s":                     "--give-up-after: must be a duration of 0 or more",
		"--log-format xml":                        "--log-format",
		"--log-level loud":                        "--log-level",
		"worker-pool":                             "worker-pool",
		"--lisen 127.0.0.1:0":                     "lisen",
		"--fleet f --stack a":                     "--fleet, --stack: only one of them can be given",
		"--fleet f --cwd a":                       "--fleet, --cwd: only one of them can be given",
		"--max-updates 2":                         "--max-updates: is about the stacks of --fleet",
		"--poll-budget 2":                         "--poll-budget: is about the stacks of --fleet",
		"--fleet f --max-updates 0":               "--max-updates: must be",
		"--cluster-dir d":                         "--cluster-dir: is about several replicas",
		"--cluster-peers a:1,b:1 --cluster-dir d": "--cluster-peers: must name an odd number of replicas, this one included, not 2",
		"--cluster-peers a:1":                     "--cluster-dir: is required",
		"--cluster-peers a:1,b:1,c:1 --cluster-dir d":                                              "--cluster-secret-file: is required",
		"--cluster-peers a:1,b:1,c:1 --nats nats://n --cluster-dir d":                              "--cluster-peers, --nats: only one of them",
		"--cluster-peers a:1,b:1,c:1 --cluster-dir d --cluster-secret-file s --cluster-cert c":     "--cluster-cert, --cluster-key: both",
		"--cluster-peers a:1,b:1,c:1 --cluster-dir d --cluster-secret-file s --cluster-ca c":       "--cluster-cert, --cluster-ca: both",
		"--cluster-peers a:1,b:1,c:1 --cluster-dir d --cluster-secret-file s --nats-credentials c": "--nats-credentials: is about --nats",
	} {
		t.Run(line, func(t *testing.T) {
			f := newFake()
			term := newTerminal(f, "")
			term.run(t, "serve "+line, exitUsage)
			if !strings.Contains(term.stderr.String(), want) {
				t.Errorf("want %q in:\n%s", want, term.stderr.String())
			}
		})
	}
}
