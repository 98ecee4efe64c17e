package cmd

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale/snippet"
	"github.com/pulumiscale/pulumiscale/webhook"
)

// startable is a stack with one resource and one config key, in TypeScript.
func startable() *fake {
	f := newFake()
	f.inventory = snippet.Inventory{
		Language:  snippet.TypeScript,
		Resources: []snippet.Resource{{URN: poolURN, Type: "localcloud:index:Pool", Name: "worker-pool", Numbers: map[string]int{"size": 3}}},
		Keys:      []snippet.Key{{Key: "other", Value: 8}, {Key: "workerCount", Value: 3}},
	}
	return f
}

const workerSnippet = `export const pulumiscale = {
    "worker-pool": {
        urn: workerPool.urn,
        configKey: "workerCount",
        min: 1,
        max: 10,
        current: workerPool.size,
    },
};
`

func TestInitPrintsTheRule(t *testing.T) {
	f := startable()
	term := newTerminal(f, "")
	term.run(t, "init --target worker-pool --config-key workerCount --max 10", 0)
	wantText(t, term.stdout.String(), workerSnippet)
	wantPart(t, term.stderr.String(), "note: the stack has no token, which `pulumiscale serve` needs; --yes sets a random one\n")
	if len(f.secrets) > 0 {
		t.Error("a token was set unasked")
	}
}

func TestInitAsksOnATerminalWhatItWasNotTold(t *testing.T) {
	for name, c := range map[string]struct{ line, input, want string }{
		"the proposals, and a token": {"init", "\n\n\n\n\nyes\n", workerSnippet},
		"by number, and no token":    {"init", "1\n1\n\n\n\nno\n", workerSnippet},
		"by name":                    {"init", "worker-pool\nworkerCount\nworker-pool\n1\n10\nno\n", workerSnippet},
		"again after nonsense":       {"init", "9\nx y\n1\na b\n\n b d\n\n-1\n1\n0\nx\n10\nno\n", workerSnippet},
		"only what is open":          {"init --target " + poolURN + " --min 1", "workerCount\nworker-pool\n10\nno\n", workerSnippet},
		"nothing is open":            {"init --target worker-pool --config-key workerCount --pool worker-pool --min 1 --max 10 --no-token", "no\n", workerSnippet},
	} {
		t.Run(name, func(t *testing.T) {
			f := startable()
			term := newTerminal(f, c.input)
			term.run(t, c.line, 0)
			wantText(t, term.stdout.String(), c.want)
			if set := len(f.secrets) > 0; set != strings.HasSuffix(c.input, "yes\n") {
				t.Errorf("token set: %v\n%s", set, term.stderr.String())
			}
		})
	}
}

func TestInitSetsARandomTokenAndNeverShowsIt(t *testing.T) {
	line := "init --target worker-pool --config-key workerCount --max 10 --yes"
	seen := map[string]bool{}
	for range 2 {
		f := startable()
		term := newTerminal(f, "")
		term.run(t, line, 0)
		token := f.secrets[webhook.TokenKey]
		if seen[token] || !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(token) {
			t.Errorf("token %q", token)
		}
		seen[token] = true
		if strings.Contains(term.stdout.String()+term.stderr.String(), token) {
			t.Error("it shows the token")
		}
		wantPart(t, term.stderr.String(), "`pulumi config get pulumiscale:token --stack dev` shows it")
	}
	f := startable()
	f.secrets = map[string]string{webhook.TokenKey: "the one that is there"}
	term := newTerminal(f, "")
	term.run(t, line, 0)
	if f.secrets[webhook.TokenKey] != "the one that is there" || strings.Contains(term.stdout.String()+term.stderr.String(), "that is there") {
		t.Errorf("it did not leave the token alone\n%s", term.stderr.String())
	}
	term = newTerminal(startable(), "")
	term.run(t, strings.ReplaceAll(line, "--yes", "--no-token --yes"), 0)
	if strings.Contains(term.stderr.String(), "token") {
		t.Errorf("it speaks of the token\n%s", term.stderr.String())
	}
}

func TestTheRuleIsPrintedAlsoWhereTheTokenCannotBeSet(t *testing.T) {
	f := startable()
	f.secretErr = errors.New("no passphrase")
	term := newTerminal(f, "")
	term.run(t, "init --target worker-pool --config-key workerCount --max 10 --yes", 1)
	wantText(t, term.stdout.String(), workerSnippet)
	wantPart(t, term.stderr.String(), "error: no passphrase")
}

func TestInitNamesWhatIsMissing(t *testing.T) {
	for line, want := range map[string]string{
		"init":                                                  "--target: must say what a scaling updates\n  " + poolURN + "\n",
		"init --target x --config-key k --max 1":                `--target: no resource of the stack, or more than one, is meant by "x"`,
		"init --target worker-pool":                             "--config-key: must say which config key holds the count\n  workerCount (3)\n  other (8)\n",
		"init --target worker-pool --config-key k":              "--max: must say how far the pool may grow",
		"init --target worker-pool --min 5 --max 4":             "--min, --max: min must not be above max, and 5 is above 4",
		"init --url https://x":                                  "--url: it is for a sender, and none is named",
		"init --sender http --url http://example.com":           "--url: must be the server's address",
		"init --sender pager":                                   `--sender: must be alertmanager, grafana, cloudwatch, eventbridge, azure, google, datadog, newrelic, dynatrace, zabbix or http, not "pager"`,
		"init --target **::x-* --config-key k --max 1 --yes":    "--target: no resource of the stack is matched by \"**::x-*\"\n  " + poolURN + "\n",
		"init --target worker-pool --config-key ? --max 1":      `--config-key: must be a config key, such as workerCount or namespace:workerCount, not "?"`,
		"init --language perl":                                  "--language: must be typescript, ",
		"init --pool worker-pool x":                             "x: unexpected argument",
		"init --pool café --target ** --config-key k --max 1":   "--pool: the name of a pool must be",
		"init --target ** --config-key k --max 1 --sender http": "--url: must say where http reaches",
	} {
		term := newTerminal(startable(), "")
		term.run(t, line, 2)
		wantPart(t, term.stderr.String(), "error: "+want)
		wantText(t, term.stdout.String(), "")
	}
	f := startable()
	f.inventory.Language, f.inventory.Runtime = "", "cobol"
	term := newTerminal(f, "")
	term.run(t, "init --target ** --config-key k --max 1", 2)
	wantPart(t, term.stderr.String(), `error: --language: must be given: a program of the runtime "cobol"`)
}

// What cannot be is refused where it is asked for, with what would do.
func TestInitRefusesAtTheQuestion(t *testing.T) {
	f := startable()
	f.inventory.Resources[0].Numbers = nil
	f.inventory.Keys = []snippet.Key{{Key: "port", Value: 80}, {Key: "zone", Value: 8}}
	term := newTerminal(f, "**::x-*\nworker-pool\n?\n\nport\n\n\n\nno\n")
	term.run(t, "init", 0)
	for _, want := range []string{
		`note: no resource of the stack is matched by "**::x-*"; these would do: localcloud:index:Pool worker-pool` + "\n",
		`note: must be a config key, such as workerCount or namespace:workerCount, not "?"` + "\n",
		"which config key holds the count? ", // and proposes none, since nothing speaks for one
	} {
		wantPart(t, term.stderr.String(), want)
	}
	if strings.Contains(term.stderr.String(), "which config key holds the count? [1]") {
		t.Error("it guesses by the alphabet")
	}
	wantPart(t, term.stdout.String(), `configKey: "port",`)
}

// For TypeScript on Kubernetes: a Deployment, and a loop of them in a component.
func TestInitForKubernetes(t *testing.T) {
	f := startable()
	deployment := func(parent, name string) snippet.Resource {
		return snippet.Resource{
			URN: "urn:pulumi:dev::demo::" + parent + "kubernetes:apps/v1:Deployment::" + name, Type: "kubernetes:apps/v1:Deployment", Name: name,
			Numbers: map[string]int{snippet.Replicas: 1},
		}
	}
	f.inventory.Resources = []snippet.Resource{deployment("", "web"), deployment("my:comp:Workers$", "workers-0"), deployment("my:comp:Workers$", "workers-1")}
	f.inventory.Keys = []snippet.Key{{Key: "cacheSize", Value: 2}, {Key: "webReplicas", Value: 1}, {Key: "workerCount", Value: 2}}
	for name, c := range map[string]struct{ line, input, want string }{
		"a deployment": {
			"init --target web --max 9 --min 1 --pool web --no-token", "\n",
			"        urn: web.urn,\n        configKey: \"webReplicas\",\n        min: 1,\n        max: 9,\n        current: web.spec.replicas,\n",
		},
		"the loop in a component": {
			"init --max 9 --min 1 --pool workers --no-token", "\n\n",
			"        targets: [\"**::my:comp:Workers$kubernetes:apps/v1:Deployment::workers-*\"],\n        configKey: \"workerCount\",\n        min: 1,\n        max: 9,\n" +
				"        current: pulumi.all(workers.map((w) => w.id)).apply((ids) => ids.filter(Boolean).length),\n",
		},
		"no size is wanted": {
			"init --target **::my:comp:**::workers-* --config-key workerCount --max 9 --min 1 --pool workers --no-token --current none", "",
			"        max: 9,\n    },\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			term := newTerminal(f, c.input)
			term.run(t, c.line, 0)
			wantPart(t, term.stdout.String(), c.want)
		})
	}
}

func TestInitForAPoolThatIsThere(t *testing.T) {
	f := startable()
	f.inventory.Pools, f.inventory.Taken = []string{"worker-pool"}, []string{"workerCount"}
	term := newTerminal(f, "")
	term.run(t, "init --pool worker-pool --yes --sender alertmanager --url https://scale.example.com", 0)
	wantPart(t, term.stdout.String(), "--- alertmanager: rules.yml\n")
	wantPart(t, term.stdout.String(), "- url: https://scale.example.com/webhook/prometheus\n")
	if strings.Contains(term.stdout.String(), "configKey") || f.secrets[webhook.TokenKey] == "" {
		t.Errorf("got %s", term.stdout.String())
	}
	term = newTerminal(f, "")
	term.run(t, "init --pool more --target worker-pool --config-key workerCount --max 3", 2)
	wantPart(t, term.stderr.String(), `error: --config-key: "workerCount" is that of another pool`)
}

func TestInitGivesScriptsThePieces(t *testing.T) {
	term := newTerminal(startable(), "")
	term.run(t, "init --json --target worker-pool --config-key newKey --max 10 --current size --language python --sender http --url http://127.0.0.1:1", 0)
	var got output.Init
	if err := json.Unmarshal(term.stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, f := range got.SenderFiles {
		names = append(names, f.Name)
	}
	if diff := cmp.Diff([]string{"header.sh", "dry-run.sh", "count.sh"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantPart(t, got.Snippet, `"current": worker_pool.size`)
	got.SenderFiles, got.Snippet, got.Notes = nil, "", nil
	want := output.Init{
		Stack: "dev", Language: "python", Pool: "worker-pool", Target: poolURN, ConfigKey: "newKey", Min: 1, Max: 10, Current: "size",
		Reads: `pulumi.Config().require_int("newKey")`, Token: "missing", Sender: "http",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoMoreInputChangesNothing(t *testing.T) {
	f := startable()
	term := newTerminal(f, "\n")
	term.run(t, "init", 1)
	wantText(t, term.stdout.String(), "")
	wantPart(t, term.stderr.String(), "declined: nothing was changed")
	if len(f.secrets) > 0 {
		t.Error("a token was set")
	}
}

// Whoever appends the code to the program wants nothing else there.
func TestInitPrintsTheCodeAlone(t *testing.T) {
	line := "init --target worker-pool --config-key newKey --max 10 --current size --language yaml --no-token --sender http --url http://127.0.0.1:1"
	for _, tty := range []bool{false, true} {
		f := startable()
		term := newTerminal(f, "")
		term.outTTY = tty
		term.run(t, line, 0)
		const code, sender = "configKey: newKey", "--- http:"
		if out := term.stdout.String(); !strings.Contains(out, code) || strings.Contains(out, sender) != tty {
			t.Errorf("on a terminal: %v, stdout:\n%s", tty, out)
		}
		if strings.Contains(term.stderr.String(), sender) == tty {
			t.Errorf("on a terminal: %v, stderr:\n%s", tty, term.stderr.String())
		}
	}
}
