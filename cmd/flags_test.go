package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack"
)

// parseLine runs a command line up to the point where the command would do something.
func parseLine(a *app, args ...string) (scaleOptions, error) {
	var got scaleOptions
	root := &cobra.Command{Use: "pulumiscale", SilenceErrors: true, SilenceUsage: true}
	root.SetFlagErrorFunc(flagError)
	a.settings.flags(root)
	root.AddCommand(scaleCommand(a, func(o *scaleOptions) error { got = *o; return nil }), historyCommand(a, nil), rulesCommand(a, nil))
	root.SetArgs(args)
	err := root.Execute()
	got.app = nil
	return got, err
}

// A preview at a time asks for the bounds of then, unless a change is asked for.
func TestPreviewAt(t *testing.T) {
	evening := time.Date(2026, time.December, 24, 18, 0, 0, 0, time.FixedZone("", 3600))
	for line, want := range map[string]scale.Intent{
		"w --at 2026-12-24T18:00+01:00":            {Pool: "w", ToBounds: true, Source: "cli"},
		"w --at 2026-12-24T17:00:00Z --count 3":    {Pool: "w", Count: num(3), Source: "cli"},
		"w --delta -1 --at=2026-12-24T18:00+01:00": {Pool: "w", Delta: num(-1), Source: "cli"},
	} {
		var got *previewOptions
		a := &app{}
		root := &cobra.Command{Use: "pulumiscale", SilenceErrors: true, SilenceUsage: true}
		a.settings.flags(root)
		root.AddCommand(previewCommand(a, func(o *previewOptions) error { got = o; return nil }))
		root.SetArgs(append([]string{"preview"}, strings.Fields(line)...))
		if err := root.Execute(); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if diff := cmp.Diff(want, got.intent); diff != "" || !got.at.Equal(evening) {
			t.Errorf("%s: at %s\n%s", line, got.at, diff)
		}
	}
}

func TestScaleFlags(t *testing.T) {
	cli := func(count, delta *int) scale.Intent {
		return scale.Intent{Pool: "w", Count: count, Delta: delta, Source: "cli"}
	}
	for line, want := range map[string]scaleOptions{
		"scale w --count 5":       {intent: cli(num(5), nil)},
		"scale w --count=0":       {intent: cli(num(0), nil)},
		"scale w --delta 3":       {intent: cli(nil, num(3))},
		"scale w --delta -2":      {intent: cli(nil, num(-2))},
		"scale w --delta=-2":      {intent: cli(nil, num(-2))},
		"scale --delta -2 w":      {intent: cli(nil, num(-2))},
		"scale w --delta +2":      {intent: cli(nil, num(2))},
		"scale w --count 5 -y":    {intent: cli(num(5), nil), yes: true},
		"scale w --count 5 --yes": {intent: cli(num(5), nil), yes: true},
		"scale w --count 5 --dry-run --force -m deploy": {
			intent: scale.Intent{Pool: "w", Count: num(5), Source: "cli", Reason: "deploy", Force: true}, dryRun: true,
		},
	} {
		t.Run(line, func(t *testing.T) {
			got, err := parseLine(&app{}, strings.Fields(line)...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(scaleOptions{}), cmp.FilterPath(isApp, cmp.Ignore())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func isApp(p cmp.Path) bool { return p.Last().String() == ".app" }

func TestWrongUsageNamesTheFlagAndExitsWith2(t *testing.T) {
	for line, want := range map[string]string{
		"scale w":                           "--count, --delta: one of the two must be given",
		"scale w --count 1 --delta 1":       "--count, --delta: only one of the two can be given",
		"scale w --count -1":                `--count: must be a whole number from 0 to 1000000000, not "-1"`,
		"scale w --count 5.5":               `--count: must be a whole number from 0 to 1000000000, not "5.5"`,
		"scale w --count 99999999999999999": `--count: must be a whole number from 0 to 1000000000, not "99999999999999999"`,
		"scale w --delta x":                 `--delta: must be a whole number from -1000000000 to 1000000000, not "x"`,
		"scale --count 1":                   "POOL: the name of a pool must be given",
		"scale a b --count 1":               "POOL: only one can be given, not a b",
		"scale w --count":                   "--count: needs a value",
		"scale w --cuont 1":                 "--cuont: no such flag",
		"scale w -q":                        "-q: no such flag",
		"scael w":                           "scael: no such command",
		"rules x":                           "x: unexpected argument",
		"rules --color blue":                `--color: must be auto, always, never or raw, not "blue"`,
		"rules --on-drift no":               `--on-drift: must be restore, keep or fail, not "no"`,
		"rules --parallel -1":               `--parallel: must be a whole number from 0 to 1048576, not "-1"`,
		"rules --retries many":              `--retries: must be a whole number from 0 to 1000, not "many"`,
		"rules --retry-delay -1s":           `--retry-delay: must be a duration of 0 or more, such as 1s or 500ms, not "-1s"`,
		"rules --verify=maybe":              `--verify: must be true or false, not "maybe"`,
		"history --plot":                    "POOL: --plot draws one pool, whose name must be given",
		"history w --span 6h":               "--span: it is for --plot",
		"history w --plot --span 7h":        `--span: must be 6h, 24h or 168h, not "7h"`,
		"history --limit -1":                `--limit: must be a whole number from 0 to 1000000000, not "-1"`,
	} {
		t.Run(line, func(t *testing.T) {
			term := newTerminal(newFake(), "")
			if code := term.execute(strings.Fields(line)); code != 2 {
				t.Errorf("exit code %d", code)
			}
			message, hint, _ := strings.Cut(term.stderr.String(), "\n")
			if message != "error: "+want {
				t.Errorf("got  %s\nwant error: %s", message, want)
			}
			if !strings.HasPrefix(hint, "hint: ") || strings.Count(hint, "\n") != 1 {
				t.Errorf("the hint is %q", hint)
			}
			if term.stdout.Len() > 0 {
				t.Errorf("stdout has %q", term.stdout.String())
			}
		})
	}
}

func TestUnknownCommandSuggestsTheNearest(t *testing.T) {
	term := newTerminal(newFake(), "")
	term.execute([]string{"-s", "dev", "scael"})
	if !strings.Contains(term.stderr.String(), `did you mean "scale"?`) {
		t.Error(term.stderr.String())
	}
}

// program makes a program directory with a settings file. If the settings are empty, it makes no file.
func program(t *testing.T, settings string) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, settingsFile)
	for path, text := range map[string]string{filepath.Join(dir, "Pulumi.yaml"): "name: demo\n", file: settings} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, file
}

func TestSettings(t *testing.T) {
	for name, test := range map[string]struct {
		file string
		env  map[string]string
		args []string
		want func(*settings)
	}{
		"nothing set leaves the defaults": {want: func(*settings) {}},
		"the file counts": {
			file: "stack: prod\njson: true\nretries: 7\nretry-delay: 2s\ncolor: never\non-drift: keep\nparallel: 4\nnon-interactive: true\n",
			want: func(s *settings) {
				s.stack, s.json, s.retries, s.retryDelay, s.color = "prod", true, 7, 2*time.Second, output.ColorNever
				s.onDrift, s.parallel, s.nonInteractive = scale.Keep, 4, true
			},
		},
		"the environment is stronger than the file": {
			file: "stack: prod\nretries: 7\n", env: map[string]string{"PULUMISCALE_RETRIES": "8", "PULUMISCALE_NON_INTERACTIVE": "1"},
			want: func(s *settings) { s.stack, s.retries, s.nonInteractive = "prod", 8, true },
		},
		"a flag is stronger than both": {
			file: "retries: 7\non-drift: keep\n", env: map[string]string{"PULUMISCALE_RETRIES": "8", "PULUMISCALE_ON_DRIFT": "fail"},
			args: []string{"--retries", "5"},
			want: func(s *settings) { s.retries, s.onDrift = 5, scale.Fail },
		},
		"an empty variable is none": {
			file: "retries: 7\n", env: map[string]string{"PULUMISCALE_RETRIES": ""}, want: func(s *settings) { s.retries = 7 },
		},
		"a setting of another command is no mistake": {file: "limit: 3\nverify: true\n", want: func(*settings) {}},
		"numbers and words that YAML reads otherwise are taken as they are meant": {
			file: "stack: 12\n", want: func(s *settings) { s.stack = "12" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := program(t, test.file)
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			below := filepath.Join(dir, "src")
			if err := os.Mkdir(below, 0o700); err != nil {
				t.Fatal(err)
			}
			a := &app{}
			if _, err := parseLine(a, append([]string{"scale", "w", "--count", "1", "-C", below}, test.args...)...); err != nil {
				t.Fatal(err)
			}
			want := settings{cwd: below, color: output.ColorAuto, headStart: true, onDrift: scale.Restore, retries: 5, retryDelay: time.Second, backendTimeout: stack.BackendTimeout}
			want.git.message, want.git.skipCI = "pulumiscale: {{.Counts}}", true
			test.want(&want)
			if diff := cmp.Diff(want, a.settings, cmp.AllowUnexported(settings{}, gitSettings{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCountAndDeltaFromDifferentSources(t *testing.T) {
	dir, _ := program(t, "delta: 1\nyes: true\nmessage: night\n")
	got, err := parseLine(&app{}, "scale", "w", "--count", "4", "-C", dir)
	if err != nil {
		t.Fatal(err)
	}
	if got.intent.Delta != nil || *got.intent.Count != 4 || got.intent.Reason != "night" || !got.yes {
		t.Errorf("got %+v", got)
	}
	t.Setenv("PULUMISCALE_DELTA", "-3")
	if got, err = parseLine(&app{}, "scale", "w", "-C", dir); err != nil || *got.intent.Delta != -3 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestStateDirInTheFileIsRelativeToIt(t *testing.T) {
	dir, _ := program(t, "state-dir: state\n")
	a := &app{}
	if _, err := parseLine(a, "scale", "w", "--count", "4", "-C", dir); err != nil || a.settings.stateDir != filepath.Join(dir, "state") {
		t.Errorf("got %s, %v", a.settings.stateDir, err)
	}
	t.Setenv("PULUMISCALE_STATE_DIR", "here")
	if _, err := parseLine(a, "scale", "w", "--count", "4", "-C", dir); err != nil || a.settings.stateDir != "here" {
		t.Errorf("got %s, %v", a.settings.stateDir, err)
	}
}

func TestWrongSettingsNameFileAndKey(t *testing.T) {
	for name, test := range map[string]struct {
		file string
		env  map[string]string
		want string
	}{
		"unknown key":           {file: "retry: 5\n", want: "FILE: retry: no such setting"},
		"unknown nested key":    {file: "retry:\n  count: 5\n", want: "FILE: retry: no such setting"},
		"malformed number":      {file: "retries: many\n", want: `FILE: retries: must be a whole number from 0 to 1000, not "many"`},
		"malformed bool":        {file: "json: 3\n", want: `FILE: json: must be true or false, not "3"`},
		"duration without unit": {file: "retry-delay: 5\n", want: `FILE: retry-delay: must be a duration of 0 or more, such as 1s or 500ms, not "5"`},
		"a list":                {file: "stack: [a, b]\n", want: `FILE: stack: must be a string, not "[a b]"`},
		"a map":                 {file: "stack:\n  a: b\n", want: "FILE: stack: must be a single value, not a map, a list or nothing"},
		"nothing":               {file: "stack:\n", want: "FILE: stack: must be a single value, not a map, a list or nothing"},
		"the directory":         {file: "cwd: x\n", want: "FILE: cwd: cannot be set here: it says where this file is"},
		"invalid variable": {
			env: map[string]string{"PULUMISCALE_RETRY_DELAY": "soon"}, want: `PULUMISCALE_RETRY_DELAY: must be a duration of 0 or more, such as 1s or 500ms, not "soon"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, file := program(t, test.file)
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			_, err := parseLine(&app{}, "scale", "w", "--count", "1", "-C", dir)
			if err == nil || strings.ReplaceAll(err.Error(), file, "FILE") != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if code := exitCode(err); code != 2 {
				t.Errorf("exit code %d", code)
			}
		})
	}
	dir, file := program(t, "stack: [\n")
	if _, err := parseLine(&app{}, "scale", "w", "--count", "1", "-C", dir); err == nil || !strings.HasPrefix(err.Error(), file+": ") {
		t.Errorf("got %v", err)
	}
}

func TestVersionWorksWithABrokenSettingsFile(t *testing.T) {
	dir, _ := program(t, "nonsense: 1\n")
	term := newTerminal(newFake(), "")
	if code := term.execute([]string{"version", "-C", dir}); code != 0 || term.stdout.String() != "pulumiscale v1.2.3\n" {
		t.Errorf("exit code %d: %s%s", code, term.stdout.String(), term.stderr.String())
	}
}

func TestSettingsReachTheStackAndTheScaler(t *testing.T) {
	term := newTerminal(newFake(), "")
	term.run(t, "rules -s prod -C . --state-dir state --parallel 3", 0)
	if o := term.options; o.Stack != "prod" || o.Dir != "." || o.StateDir != "state" || o.Parallel != 3 || o.Interrupt == nil {
		t.Errorf("got %+v", o)
	}
}
