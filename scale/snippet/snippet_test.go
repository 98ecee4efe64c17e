package snippet_test

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/snippet"
)

var (
	full    = snippet.Rule{Pool: "worker-pool", Resource: "my-workers", ConfigKey: "workerCount", Min: 1, Max: 9, Current: "desiredCapacity"}
	pattern = snippet.Rule{Pool: "w.1", Pattern: "**::aws:ec2/instance:Instance::w-*", ConfigKey: "pools.a[0].n", ConfigPath: true, Min: 0, Max: 5}
)

// workload and listed have a size that takes more than a property.
var (
	workload = snippet.Rule{Pool: "web", Resource: "web", ConfigKey: "webReplicas", Min: 1, Max: 9, Current: snippet.Replicas}
	listed   = snippet.Rule{Pool: "workers", Pattern: "**::my:comp:Workers$aws:ec2/instance:Instance::w-*", ConfigKey: "n", Max: 5, List: "workers"}
)

func export(t *testing.T, l snippet.Language, r snippet.Rule) string {
	t.Helper()
	text, err := l.Export(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// This checks what each language calls the resource and its property; TestSnippetsParse checks that the rest is code.
func TestEachLanguageHasItsIdiom(t *testing.T) {
	for l, want := range map[snippet.Language][]string{
		snippet.TypeScript: {"export const pulumiscale = {", "urn: myWorkers.urn,", "current: myWorkers.desiredCapacity,", `configKey: "workerCount",`},
		snippet.JavaScript: {"exports.pulumiscale = {", "urn: myWorkers.urn,"},
		snippet.ESModule:   {"export const pulumiscale = {"},
		snippet.Python:     {`pulumi.export("pulumiscale", {`, `"urn": my_workers.urn,`, `"current": my_workers.desired_capacity,`},
		snippet.Go:         {`ctx.Export("pulumiscale", pulumi.Map{`, "myWorkers.URN(),", "myWorkers.DesiredCapacity,", `pulumi.String("workerCount"),`},
		snippet.YAML:       {"outputs:\n  pulumiscale:\n    worker-pool:", "urn: ${my-workers.urn}", "current: ${my-workers.desiredCapacity}"},
		snippet.CSharp:     {`["pulumiscale"] = new Dictionary<string, object?>`, `["urn"] = myWorkers.Urn,`, `["current"] = myWorkers.DesiredCapacity,`},
		snippet.Java:       {`ctx.export("pulumiscale", Output.tuple(myWorkers.urn(), myWorkers.desiredCapacity())`, `"urn", of.t1,`},
	} {
		got := export(t, l, full)
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %q is not in\n%s", l, part, got)
			}
		}
	}
}

func TestEachLanguageReachesTheSize(t *testing.T) {
	const each = "current: pulumi.all(workers.map((w) => w.id)).apply((ids) => ids.filter(Boolean).length),"
	for l, want := range map[snippet.Language][2]string{
		snippet.TypeScript: {"current: web.spec.replicas,", each},
		snippet.JavaScript: {"current: web.spec.replicas,", each},
		snippet.ESModule:   {"current: web.spec.replicas,", each},
		snippet.Python:     {`"current": web.spec.replicas,`, `"current": pulumi.Output.all(*[w.id for w in workers])`},
		snippet.Go:         {"web.Spec.Replicas(),", "for _, worker := range workers {"},
		snippet.CSharp:     {`["current"] = web.Spec.Apply(of => of.Replicas),`, `["current"] = Output.All(workers.Select(w => w.Id))`},
		snippet.Java:       {"Output.tuple(web.urn(), web.spec().applyValue(of -> of.replicas().orElse(0)))", ""},
		snippet.YAML:       {"current: ${web.spec.replicas}", ""},
	} {
		for i, r := range []snippet.Rule{workload, listed} {
			got := export(t, l, r)
			if !strings.Contains(got, want[i]) || (want[i] == "") == strings.Contains(got, "current") {
				t.Errorf("%s: %q is not in\n%s", l, want[i], got)
			}
		}
	}
}

func TestBracketsAgree(t *testing.T) {
	for _, l := range snippet.Languages() {
		for _, r := range []snippet.Rule{full, pattern, workload, listed, {Pool: "p", Resource: "p", ConfigKey: "c", Max: 1}} {
			var open []rune
			text := export(t, l, r)
			for _, c := range text {
				switch c {
				case '(', '[', '{':
					open = append(open, c+1+min(1, c-'(')) // ( and ) are neighbours, [ and ] have one between them, as have { and }
				case ')', ']', '}':
					if len(open) == 0 || open[len(open)-1] != c {
						t.Fatalf("%s:\n%s", l, text)
					}
					open = open[:len(open)-1]
				}
			}
			if len(open) > 0 {
				t.Errorf("%s leaves brackets open:\n%s", l, text)
			}
		}
	}
}

// The code of Go and YAML is parsed here. That of Python and JavaScript is parsed if there is a program to do so; the
// code in TypeScript is also JavaScript. That of C# and Java is only looked at.
func TestSnippetsParse(t *testing.T) {
	reserved := snippet.Rule{Pool: "class", Resource: "class", ConfigKey: "ns:key", Max: 3, Current: "size"}
	for _, r := range []snippet.Rule{full, pattern, reserved, workload, listed, {Pool: "p", Resource: "1 ü/x", ConfigKey: "c", Max: 1}} {
		source := "package p\nfunc _() {\n" + export(t, snippet.Go, r) + "}\n"
		if _, err := parser.ParseFile(token.NewFileSet(), "p.go", source, parser.AllErrors); err != nil {
			t.Errorf("%v\n%s", err, source)
		}
		var document map[string]map[string]map[string]map[string]any
		text := export(t, snippet.YAML, r)
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		rule := document["outputs"][scale.OutputName][r.Pool]
		if rule["configKey"] != r.ConfigKey || rule["max"] != r.Max || rule["min"] != r.Min || (rule["configPath"] == true) != r.ConfigPath {
			t.Errorf("got %v of\n%s", rule, text)
		}
	}
	for _, c := range []struct {
		language snippet.Language
		suffix   string
		parser   []string
	}{
		{snippet.Python, ".py", []string{"python3", "-m", "py_compile"}},
		{snippet.JavaScript, ".cjs", []string{"node", "--check"}},
		{snippet.ESModule, ".mjs", []string{"node", "--check"}},
		{snippet.TypeScript, ".mjs", []string{"node", "--check"}},
	} {
		t.Run(string(c.language), func(t *testing.T) {
			if _, err := exec.LookPath(c.parser[0]); err != nil {
				if os.Getenv("CI") != "" {
					t.Fatalf("%s is missing: .ci/run installs it", c.parser[0])
				}
				t.Skipf("there is no %s to parse it", c.parser[0])
			}
			for _, r := range []snippet.Rule{full, pattern, reserved, workload, listed} {
				file := filepath.Join(t.TempDir(), "snippet"+c.suffix)
				if err := os.WriteFile(file, []byte(export(t, c.language, r)), 0o600); err != nil {
					t.Fatal(err)
				}
				if out, err := exec.Command(c.parser[0], append(c.parser[1:], file)...).CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			}
		})
	}
}

func TestReadsIsHowAProgramReadsTheKey(t *testing.T) {
	for l, want := range map[snippet.Language][2]string{
		snippet.TypeScript: {`new pulumi.Config().requireNumber("n")`, `new pulumi.Config("ns").requireNumber("n")`},
		snippet.Python:     {`pulumi.Config().require_int("n")`, `pulumi.Config("ns").require_int("n")`},
		snippet.Go:         {`config.New(ctx, "").RequireInt("n")`, `config.New(ctx, "ns").RequireInt("n")`},
		snippet.YAML:       {"${n}", "${ns:n}"},
		snippet.CSharp:     {`new Config().RequireInt32("n")`, `new Config("ns").RequireInt32("n")`},
		snippet.Java:       {`ctx.config().requireInteger("n")`, `ctx.config("ns").requireInteger("n")`},
	} {
		got := [2]string{l.Reads(snippet.Rule{ConfigKey: "n"}), l.Reads(snippet.Rule{ConfigKey: "ns:n"})}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", l, diff)
		}
		if text := l.Reads(snippet.Rule{ConfigKey: "a.b", ConfigPath: true}); text != "" {
			t.Errorf("a path: %s", text)
		}
	}
}

// The documentation has each sender's configuration as it is printed, for one pool and one address.
func TestSendersAreThoseOfTheDocumentation(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	var docs strings.Builder
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		docs.Write(text)
	}
	for _, s := range snippet.Senders() {
		for _, l := range []snippet.Language{snippet.YAML, snippet.TypeScript} {
			files, err := s.Configure(l, "worker-pool", "https://pulumiscale.example.com/")
			if err != nil || len(files) == 0 {
				t.Fatalf("%s: %d files, %v", s, len(files), err)
			}
			for _, f := range files {
				if !strings.Contains(docs.String(), "\n"+f.Text+"```\n") {
					t.Errorf("no block of docs/*.md is what is printed as %s of %s:\n%s", f.Name, s, f.Text)
				}
			}
		}
	}
}

func TestASenderGetsThePoolAndTheAddress(t *testing.T) {
	for s, want := range map[snippet.Sender]string{
		snippet.HTTP:         "https://h:1/base/scale/web",
		snippet.Alertmanager: "https://h:1/base/webhook/prometheus",
		snippet.Grafana:      "https://h:1/base/webhook/prometheus",
		snippet.CloudWatch:   "https://sns:${pulumiscale:token}@h:1/base/webhook/web/cloudwatch",
		snippet.EventBridge:  "https://h:1/base/webhook/web/cloudwatch",
		snippet.Azure:        "https://h:1/base/token/${token}/webhook/web/azure",
		snippet.Google:       "https://h:1/base/webhook/web/google",
		snippet.Datadog:      "https://h:1/base/signal/web",
		snippet.NewRelic:     "https://h:1/base/signal/web",
		snippet.Dynatrace:    "https://h:1/base/signal/web",
		snippet.Zabbix:       "https://h:1/base/signal/web",
	} {
		files, err := s.Configure(snippet.YAML, "web", "https://h:1/base/")
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, f := range files {
			text += f.Text
		}
		if !strings.Contains(text, want) || strings.Contains(text, "worker-pool") || strings.Contains(text, "example.com:443") {
			t.Errorf("%s: %q is not in\n%s", s, want, text)
		}
	}
}

func TestTheTokenTravelsOnlyBySafeWays(t *testing.T) {
	for address, want := range map[string]map[snippet.Sender]bool{
		"https://h":              {snippet.HTTP: true, snippet.CloudWatch: true},
		"https://h:8443/base":    {snippet.Grafana: true, snippet.EventBridge: true},
		"http://127.0.0.1:8080":  {snippet.HTTP: true, snippet.Alertmanager: true, snippet.CloudWatch: false, snippet.EventBridge: false},
		"http://[::1]:8080":      {snippet.Grafana: true},
		"http://localhost":       {snippet.HTTP: true},
		"http://h":               {snippet.HTTP: false},
		"http://localhost.h":     {snippet.HTTP: false},
		"h":                      {snippet.HTTP: false},
		"":                       {snippet.HTTP: false},
		"https://":               {snippet.HTTP: false},
		"ftp://h":                {snippet.HTTP: false},
		"https://u:p@h":          {snippet.HTTP: false},
		"https://h?x=1":          {snippet.HTTP: false},
		"https://h#x":            {snippet.HTTP: false},
		"https://h/\"; rm -rf /": {snippet.HTTP: false},
	} {
		for s, valid := range want {
			if err := s.CheckAddress("--url", address); (err == nil) != valid {
				t.Errorf("%s, %s: %v", s, address, err)
			}
		}
	}
}
