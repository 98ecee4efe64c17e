package doctor_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/doctor"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

const urn = "urn:pulumi:dev::demo::cloud:index:Pool::pool"

// ill is a probe that finds all healthy until a test says what it has.
type ill struct {
	cliErr, programErr, stackErr, backendErr, surveyErr, secretsErr, checkErr, timeErr error

	cli       doctor.CLI
	withheld  []doctor.Variable
	backend   doctor.Backend
	survey    doctor.Survey
	config    map[string]doctor.Value
	language  doctor.Plugin
	packages  string
	providers []doctor.Plugin
	checks    []scale.RuleCheck
	file      doctor.ConfigFile
	drifts    []scale.Drift
	pending   map[string][]scale.PendingChange
	unknown   bool // whether anything is pending, unless it is proved
	dir       doctor.StateDir
	locks     []doctor.Lock
	noLocks   bool
	ahead     time.Duration
	server    bool
	working   bool
	serving   bool
	held      scale.Holds
	samples   []scale.Sample
	listeners []doctor.Listener
	heldErr   error
	git       []doctor.GitLook
}

func (p *ill) Holds() (scale.Holds, error) { return p.held, p.heldErr }

func text(s string) *string { return &s }
func num(n int) *int        { return &n }

func healthy() *ill {
	rule := scale.Rule{Pool: "pool", Targets: []string{urn}, ConfigKey: "count", Min: 1, Max: 9, Current: num(3)}
	return &ill{
		cli:     doctor.CLI{Path: "/bin/pulumi", Version: "3.250.0", Minimum: "3.200.0"},
		backend: doctor.Backend{URL: "file:///b", User: "ana"},
		survey: doctor.Survey{Snapshot: &scale.Snapshot{
			Rules: scale.Rules{"pool": rule}, Resources: []string{urn}, Complete: true, File: map[string]*string{"pool": text("3")},
			Updates: []scale.Update{{Kind: "update", Succeeded: true, Start: noon.Add(-time.Hour), End: noon.Add(-time.Hour), Values: map[string]*string{"pool": text("3")}}},
		}},
		config:    map[string]doctor.Value{"t": {Text: "0123456789abcdef", Secret: true}},
		language:  doctor.Plugin{Name: "pulumi-language-yaml", Path: "/bin/pulumi-language-yaml"},
		providers: []doctor.Plugin{{Name: "cloud", Version: "1.2.3", Path: "/bin/pulumi-resource-cloud"}},
		file:      doctor.ConfigFile{Path: "Pulumi.dev.yaml"},
		dir:       doctor.StateDir{Path: ".pulumiscale", Disk: "ext4", Free: 1 << 30},
	}
}

func (p *ill) CLI(context.Context) (doctor.CLI, error) { return p.cli, p.cliErr }
func (p *ill) Withheld() []doctor.Variable             { return p.withheld }
func (p *ill) Program(context.Context) (doctor.Program, error) {
	return doctor.Program{File: "Pulumi.yaml", Name: "demo", Runtime: "yaml"}, p.programErr
}
func (p *ill) StackName(context.Context) (string, error)             { return "dev", p.stackErr }
func (p *ill) Backend(context.Context) (doctor.Backend, error)       { return p.backend, p.backendErr }
func (p *ill) Survey(context.Context) (*doctor.Survey, error)        { return &p.survey, p.surveyErr }
func (p *ill) LanguageHost(context.Context) doctor.Plugin            { return p.language }
func (p *ill) MissingPackages() (folder, command string)             { return p.packages, "npm install" }
func (p *ill) Providers(context.Context) []doctor.Plugin             { return p.providers }
func (p *ill) Metrics(context.Context, scale.Rule) []scale.Sample    { return p.samples }
func (p *ill) Listeners(context.Context) []doctor.Listener           { return p.listeners }
func (p *ill) CheckRules(context.Context) ([]scale.RuleCheck, error) { return p.checks, p.checkErr }
func (p *ill) ConfigFile() doctor.ConfigFile                         { return p.file }
func (p *ill) Drifts(context.Context) ([]scale.Drift, error)         { return p.drifts, nil }
func (p *ill) Pending(_ context.Context, prove bool) (map[string][]scale.PendingChange, bool, error) {
	if p.unknown && !prove {
		return nil, false, nil
	}
	return p.pending, true, nil
}
func (p *ill) Git(context.Context) []doctor.GitLook               { return p.git }
func (p *ill) StateDir(context.Context) doctor.StateDir           { return p.dir }
func (p *ill) Locks(context.Context) ([]doctor.Lock, bool, error) { return p.locks, !p.noLocks, nil }
func (p *ill) Working() (bool, error)                             { return p.working, nil }
func (p *ill) Secrets(context.Context, ...string) (map[string]doctor.Value, error) {
	return p.config, p.secretsErr
}
func (p *ill) BackendTime(context.Context) (time.Duration, bool, error) {
	return p.ahead, p.server, p.timeErr
}

func examine(t *testing.T, p *ill, verify bool) doctor.Report {
	t.Helper()
	report, err := doctor.Examine(context.Background(), p, doctor.Options{
		Verify: verify, Now: func() time.Time { return noon }, TokenKey: "t", PreviousTokenKey: "p",
		Serving: func(string) (bool, error) { return p.serving, nil },
		CheckTokens: func(current, _ string) error {
			if len(current) < 16 {
				return errors.New("too short")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestAHealthyStackHasNothingButOK(t *testing.T) {
	report := examine(t, healthy(), false)
	if report.Stack != "dev" || len(report.Checks) != 28 {
		t.Errorf("stack %q, %d checks", report.Stack, len(report.Checks))
	}
	for _, c := range report.Checks {
		if c.Result != doctor.OK || c.Found == "" || c.Hint != "" {
			t.Errorf("%+v", c)
		}
	}
}

func TestWhatDependsOnAProblemIsNotCheckedAndTheRestIs(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		change  func(*ill)
		skipped string
	}{
		"no CLI":     {func(p *ill) { p.cliErr = broken }, "backend state secrets language plugins token rules targets schedules metrics listeners current drift deployed git locks pending unsettled clock"},
		"no program": {func(p *ill) { p.programErr = broken }, "stack backend state secrets language plugins token rules targets schedules metrics listeners current config-file drift deployed git state-dir disk locks pending unsettled holds clock at-work"},
		"no stack":   {func(p *ill) { p.stackErr = broken }, "state secrets plugins token rules targets schedules metrics listeners current config-file drift deployed git locks pending unsettled holds clock"},
		"no backend": {func(p *ill) { p.backendErr = broken }, "state secrets plugins token rules targets schedules metrics listeners current drift deployed git locks pending unsettled clock"},
		"no state":   {func(p *ill) { p.surveyErr = broken }, "secrets plugins token rules targets schedules metrics listeners current drift deployed git locks pending unsettled clock"},
		"no secrets": {func(p *ill) { p.secretsErr = broken }, "token metrics listeners"},
		"bad rules":  {func(p *ill) { p.survey.RulesErr = &scale.RulesError{Problems: []scale.Problem{{Expected: "x"}}} }, "targets schedules metrics current drift deployed unsettled"},
	} {
		t.Run(name, func(t *testing.T) {
			p := healthy()
			c.change(p)
			var got []string
			report := examine(t, p, false)
			for _, check := range report.Checks {
				if check.Result == doctor.NotChecked {
					got = append(got, check.ID)
				}
			}
			if diff := cmp.Diff(strings.Fields(c.skipped), got); diff != "" {
				t.Errorf("not checked (-want +got):\n%s", diff)
			}
			if len(report.Titles(doctor.Problem)) != 1 {
				t.Errorf("problems %v", report.Titles(doctor.Problem))
			}
		})
	}
}

func TestEachThingThatCanBeWrong(t *testing.T) {
	holder := func(since time.Time, dead bool) scale.LockHolder {
		return scale.LockHolder{User: "ana", Host: "there", PID: 7, Since: since, Dead: dead}
	}
	status := func(change func(*scale.Rule)) func(*ill) {
		return func(p *ill) {
			rule := p.survey.Rules["pool"]
			change(&rule)
			p.survey.Rules["pool"] = rule
		}
	}
	for name, c := range map[string]struct {
		id     string
		change func(*ill)
		result doctor.Result
		want   string
	}{
		"an old CLI": {"cli", func(p *ill) { p.cli.TooOld = true }, doctor.Problem, "v3.200.0 or newer"},
		"a flag by a variable": {"environment", func(p *ill) {
			p.withheld = []doctor.Variable{{Name: "PULUMI_OPTION_TARGET", Does: "stands for --target"}, {Name: "PULUMI_PARALLEL", Does: "is ours", Harmless: true}}
		}, doctor.Warning, "PULUMI_OPTION_TARGET stands for --target\nPULUMI_PARALLEL is ours\nnot passed on to Pulumi: 2 environment variables that would change what an update does\nunset PULUMI_OPTION_TARGET: your own `pulumi` commands use it, PulumiScale does not"},
		"a variable that nobody misses": {"environment", func(p *ill) {
			p.withheld = []doctor.Variable{{Name: "PULUMI_PARALLEL", Does: "is ours", Harmless: true}}
		}, doctor.OK, "PULUMI_PARALLEL is ours\nnot passed on to Pulumi: 1 environment variable"},
		"an unreachable backend":         {"backend", func(p *ill) { p.backendErr = &scale.UnavailableError{Detail: "EOF"} }, doctor.Problem, "pulumi whoami"},
		"a setup error's hint":           {"secrets", func(p *ill) { p.secretsErr = &scale.SetupError{Problem: "wrong", Hint: "do this"} }, doctor.Problem, "do this"},
		"an empty stack":                 {"state", func(p *ill) { p.survey.Resources = nil }, doctor.Warning, "pulumi up --stack dev"},
		"no language host":               {"language", func(p *ill) { p.language.Path = "" }, doctor.Problem, "pulumi-language-yaml"},
		"no packages":                    {"language", func(p *ill) { p.packages = "/srv/node_modules" }, doctor.Problem, "`npm install`"},
		"a plugin that will be acquired": {"plugins", func(p *ill) { p.providers[0].Path, p.providers[0].Acquired = "", true }, doctor.Warning, "cloud 1.2.3"},
		"a plugin that will not":         {"plugins", func(p *ill) { p.providers[0].Path = "" }, doctor.Problem, "pulumi plugin install"},
		"no provider":                    {"plugins", func(p *ill) { p.providers = nil }, doctor.OK, "needs none"},
		"no token":                       {"token", func(p *ill) { p.config = nil }, doctor.Warning, "pulumi config set --secret t --stack dev"},
		"a previous token alone":         {"token", func(p *ill) { p.config = map[string]doctor.Value{"p": {Text: "0123456789abcdef", Secret: true}} }, doctor.Problem, "too short"},
		"a short token":                  {"token", func(p *ill) { p.config["t"] = doctor.Value{Text: "x", Secret: true} }, doctor.Problem, "too short"},
		"a token in plain text":          {"token", func(p *ill) { p.config["t"] = doctor.Value{Text: "0123456789abcdef"} }, doctor.Problem, "plain text"},
		"a previous one in plain text":   {"token", func(p *ill) { p.config["p"] = doctor.Value{Text: "0123456789abcdef"} }, doctor.Problem, "p is there in plain text"},
		"a rotation":                     {"token", func(p *ill) { p.config["p"] = doctor.Value{Text: "0123456789abcdef", Secret: true} }, doctor.Warning, "pulumi config rm p --stack dev"},
		"rules without pools":            {"rules", func(p *ill) { p.survey.Rules = scale.Rules{} }, doctor.Warning, "no pools"},
		"mistakes in the rules": {"rules", func(p *ill) {
			p.survey.RulesErr = &scale.RulesError{Problems: []scale.Problem{{Pool: "a", Field: "min", Expected: "must be"}, {Pool: "b", Field: "max", Expected: "must be"}}}
		}, doctor.Problem, "b: max: must be"},
		"a literal target that is gone": {"targets", status(func(r *scale.Rule) { r.Targets = []string{"urn:gone"} }), doctor.Problem, "urn:gone matches nothing"},
		"a pattern without a match":     {"targets", status(func(r *scale.Rule) { r.Targets = []string{"**::gone"} }), doctor.Problem, "**::gone matches nothing"},
		"a pattern, and an empty pool":  {"targets", status(func(r *scale.Rule) { r.Targets, r.Current = []string{"**::gone"}, num(0) }), doctor.Warning, "which may be right"},
		"a size that is not as configured": {
			"current", status(func(r *scale.Rule) { r.Current = num(4) }), doctor.Warning, "the real size is 4, and the last successful update was configured for 3",
		},
		"a window that is over": {
			"schedules", status(func(r *scale.Rule) {
				r.Schedules = []scale.Window{{Name: "w", Dates: []scale.Date{{Year: 2001, Month: 1, Day: 1}}, Max: 9}}
			}), doctor.Warning, "pool: w: its dates are over",
		},
		"a window that will hold": {"schedules", status(func(r *scale.Rule) { r.Schedules = []scale.Window{{Name: "w", Max: 9}} }), doctor.OK, "each window will hold"},
		"a metric that has a value": {"metrics", func(p *ill) {
			status(func(r *scale.Rule) { r.Metrics = []scale.Metric{{Name: "queue"}} })(p)
			p.samples = []scale.Sample{{Metric: "queue", Value: 7}}
		}, doctor.OK, "pool: queue is 7"},
		"a metric that has none": {"metrics", func(p *ill) {
			status(func(r *scale.Rule) { r.Metrics = []scale.Metric{{Name: "queue"}} })(p)
			p.samples = []scale.Sample{{Metric: "queue", Problem: "connection refused"}}
		}, doctor.Warning, "pool: queue has no value: connection refused"},
		"a listener that answers": {"listeners", func(p *ill) {
			p.listeners = []doctor.Listener{{Name: "chat", Kind: "slack", Host: "hooks.example.com", Pools: []string{"pool"}}}
		}, doctor.OK, "chat: slack, hooks.example.com"},
		"a listener without its secret": {"listeners", func(p *ill) {
			p.listeners = []doctor.Listener{{Name: "chat", Kind: "slack", Problem: "no value for the key"}}
		}, doctor.Problem, "chat: slack: no value for the key"},
		"a listener of a pool that there is not": {"listeners", func(p *ill) {
			p.listeners = []doctor.Listener{{Name: "chat", Kind: "slack", Pools: []string{"pol"}}}
		}, doctor.Warning, "chat: slack: no rule has pol"},
		"no listener":                      {"listeners", func(*ill) {}, doctor.OK, "the settings name none"},
		"a size outside of a window":       {"current", status(func(r *scale.Rule) { r.Schedules = []scale.Window{{Name: "w", Min: 4, Max: 9}} }), doctor.Warning, "3, outside of 4 to 9"},
		"a size outside of the guardrails": {"current", status(func(r *scale.Rule) { r.Min = 4 }), doctor.Warning, "3, outside of 4 to 9"},
		"no size is exported":              {"current", status(func(r *scale.Rule) { r.Current = nil }), doctor.OK, "no rule exports"},
		"a count that is none":             {"current", func(p *ill) { p.survey.Updates[0].Values["pool"] = text("many") }, doctor.Problem, `"many"`},
		"a config file without its folder": {"config-file", func(p *ill) { p.file.DirErr = errors.New("denied") }, doctor.Problem, "denied"},
		"a config file that is locked":     {"config-file", func(p *ill) { p.file.FileErr = errors.New("immutable") }, doctor.Problem, "immutable"},
		"a key that nothing has": {
			"current", func(p *ill) { p.survey.Updates[0].Values, p.survey.File = nil, nil }, doctor.Warning, `neither the config file nor the last successful update has config "count"`,
		},
		"a read-only config file":         {"config-file", func(p *ill) { p.file.ReadOnly = true }, doctor.Warning, "can replace it"},
		"a count that cannot be changed":  {"config-file", func(p *ill) { p.survey.Forms = map[string]string{"pool": "behind an alias"} }, doctor.Problem, "pool: behind an alias\nthe counts of 1 pool cannot"},
		"a configuration of the service":  {"config-file", func(p *ill) { p.file.Remote = true }, doctor.Problem, "Pulumi Cloud stores"},
		"no config file":                  {"config-file", func(p *ill) { p.file.Missing = true }, doctor.Problem, "`pulumi config refresh --stack dev`"},
		"a config file that is no YAML":   {"config-file", func(p *ill) { p.survey.FileErr = errors.New("line 3") }, doctor.Problem, "line 3"},
		"drift is not checked without it": {"drift", func(p *ill) { p.survey.FileErr = errors.New("line 3") }, doctor.NotChecked, "cannot be read"},
		"another commit, and nothing is known of what is pending": {"deployed", func(p *ill) {
			p.unknown, p.survey.Program = true, scale.Program{Deploy: &scale.Deploy{Commit: "aaaa"}, Commit: "bbbb"}
		}, doctor.Warning, "deployed from commit aaaa, and this checkout is at commit bbbb\nthe deployed commit or configuration differs from this checkout\nrun with --verify"},
		"another commit that concerns no pool": {"deployed", func(p *ill) {
			p.survey.Program = scale.Program{Deploy: &scale.Deploy{Commit: "aaaa"}, Commit: "bbbb"}
		}, doctor.Warning, "the deployed commit or configuration differs from this checkout, but no pool is affected\n`pulumi up --stack dev` deploys this checkout"},
		"keys that are not as deployed": {"deployed", func(p *ill) { p.survey.ConfigDiffers = []string{"demo:size"} }, doctor.Warning, "Pulumi.dev.yaml differs from the last successful update in demo:size"},
		"a pool that waits for pending changes": {"deployed", func(p *ill) {
			p.pending = map[string][]scale.PendingChange{"pool": {{Op: "output", Name: "url"}}}
		}, doctor.Warning, "pool: not scaled while changes are pending: stack output url\n1 pool cannot be scaled from here: an update would also make pending changes\ndeploy them with `pulumi up --stack dev`, or check out the commit that is deployed"},
		"a program that is not available": {"deployed", func(p *ill) {
			p.pending = map[string][]scale.PendingChange{"pool": {{Op: scale.OpProgram, Name: "it is pushed nowhere"}}}
		}, doctor.Warning, "pool: not scaled while changes are pending: it is pushed nowhere\n1 pool cannot be scaled: the deployed program is not available\ndeploy from a clean checkout"},
		"nothing is known of what is pending": {"deployed", func(p *ill) { p.unknown = true }, doctor.OK, "--verify proves whether changes are pending"},
		"no config file to compare":           {"deployed", func(p *ill) { p.survey.FileMissing = true }, doctor.NotChecked, "cannot be read"},
		"git that is not used":                {"git", func(*ill) {}, doctor.OK, "not used"},
		"git that works": {"git", func(p *ill) {
			p.git = []doctor.GitLook{{Name: "remote", Found: "file:///r answers"}}
		}, doctor.OK, "remote: file:///r answers\nwhat --git-sync or --git-push needs works"},
		"git without which scalings go on": {"git", func(p *ill) {
			p.git = []doctor.GitLook{{Name: "remote", Problem: "away", Hint: "look at it", Minor: true}, {Name: "signing", Found: "none"}}
		}, doctor.Warning, "remote: away\nsigning: none\nwhat --git-sync or --git-push needs works only in part\nlook at it"},
		"a remote that takes no push": {"git", func(p *ill) {
			p.git = []doctor.GitLook{{Name: "remote", Problem: "away", Hint: "look at it", Minor: true}, {Name: "push", Problem: "refused", Hint: "let it"}, {Name: "signing", Problem: "no", Hint: "never", Minor: true}}
		}, doctor.Problem, "remote: away\npush: refused\nsigning: no\nwhat --git-sync or --git-push needs does not work\nlet it"},
		"a stale count":                  {"drift", func(p *ill) { p.drifts = []scale.Drift{{Pool: "pool", Key: "count"}} }, doctor.Warning, "pulumiscale restore --stack dev"},
		"somebody's edit":                {"drift", func(p *ill) { p.drifts = []scale.Drift{{Pool: "pool", Key: "count", Edit: true}} }, doctor.Warning, "edit on its way"},
		"no write access to the state":   {"state-dir", func(p *ill) { p.dir.WriteErr = errors.New("denied") }, doctor.Problem, "cannot be written: denied"},
		"no state directory can be made": {"state-dir", func(p *ill) { p.dir.WriteErr, p.dir.Missing = errors.New("denied"), true }, doctor.Problem, "cannot be made: denied"},
		"files of others in the state directory": {
			"state-dir", func(p *ill) { p.dir.Closed = []string{"lock"} }, doctor.Problem, "lock\n1 file in .pulumiscale cannot be used by this user\nrun pulumiscale as their owner",
		},
		"no state directory yet":         {"state-dir", func(p *ill) { p.dir.Missing = true }, doctor.OK, "first scaling"},
		"a full disk":                    {"disk", func(p *ill) { p.dir.Free = 10<<20 - 1 }, doctor.Problem, "9 MiB free"},
		"a nearly full disk":             {"disk", func(p *ill) { p.dir.Free = 10 << 20 }, doctor.Warning, "nearly full: 10 MiB free"},
		"a disk of the network":          {"disk", func(p *ill) { p.dir.Disk = "nfs" }, doctor.Warning, "--state-dir"},
		"a disk that cannot be asked":    {"disk", func(p *ill) { p.dir.DiskErr = errors.New("no statfs") }, doctor.NotChecked, "no statfs"},
		"a backend that hides its locks": {"locks", func(p *ill) { p.noLocks = true }, doctor.NotChecked, "tries to take it"},
		"a lock of ours": {"locks", func(p *ill) { p.locks = []doctor.Lock{{LockHolder: holder(noon, true), Here: true, Ours: true}} },
			doctor.Warning, "removes it by itself"},
		"a stale lock": {"locks", func(p *ill) { p.locks = []doctor.Lock{{LockHolder: holder(noon, true), Here: true}} }, doctor.Problem, "pulumi cancel --stack dev"},
		"a lock of this machine": {"locks", func(p *ill) {
			p.locks = []doctor.Lock{{LockHolder: holder(noon.Add(-24*time.Hour), false), Here: true}}
		},
			doctor.Warning, "wait for the update"},
		"a young lock of another machine": {"locks", func(p *ill) { p.locks = []doctor.Lock{{LockHolder: holder(noon.Add(-time.Hour), false)}} }, doctor.Warning, "wait for the update"},
		"an old lock of another machine": {"locks", func(p *ill) { p.locks = []doctor.Lock{{LockHolder: holder(noon.Add(-time.Hour-1), false)}} },
			doctor.Problem, "see on there whether process 7"},
		"the worst of several locks counts": {"locks", func(p *ill) {
			p.locks = []doctor.Lock{{LockHolder: holder(noon, false)}, {LockHolder: holder(noon, true), Here: true}, {LockHolder: holder(noon, false)}}
		}, doctor.Problem, "the lock is stale"},
		"a damaged lock":              {"locks", func(p *ill) { p.locks = []doctor.Lock{{Damaged: true}} }, doctor.Problem, "cannot be read"},
		"an update of Pulumi Cloud's": {"locks", func(p *ill) { p.locks = []doctor.Lock{{LockHolder: scale.LockHolder{Since: noon}}} }, doctor.Warning, "running, since 2026-03-04T12:00:00Z"},
		"pending operations":          {"pending", func(p *ill) { p.survey.Pending = []string{"urn:x"} }, doctor.Warning, "urn:x"},
		"an unsettled pool":           {"unsettled", func(p *ill) { p.survey.Unsettled = []string{"pool"} }, doctor.Warning, "half scaled, by an update that failed or was cut off: pool"},
		"a hold":                      {"holds", func(p *ill) { p.held = scale.Holds{{Pool: "pool", Until: noon.Add(time.Hour), By: "ana@ws"}} }, doctor.Warning, "nothing is scaled that is held"},
		"a hold that has ended":       {"holds", func(p *ill) { p.held = scale.Holds{{Pool: "pool", Until: noon}} }, doctor.OK, "none"},
		"holds that cannot be read":   {"holds", func(p *ill) { p.heldErr = &scale.SetupError{Problem: "broken", Hint: "mend it"} }, doctor.Problem, "mend it"},
		"a creation that was lost":    {"unsettled", func(p *ill) { p.survey.Pending, p.survey.Resources = []string{urn}, nil }, doctor.Warning, "half scaled, by an update that failed or was cut off: pool"},
		"an update from the future":   {"clock", func(p *ill) { p.survey.Updates[0].End = noon.Add(6 * time.Second) }, doctor.Warning, "6s in the future"},
		"one from far in the future":  {"clock", func(p *ill) { p.survey.Updates[0].End = noon.Add(time.Minute) }, doctor.Problem, "1m0s in the future"},
		"the resolution of a history": {"clock", func(p *ill) { p.survey.Updates[0].End = noon.Add(5 * time.Second) }, doctor.OK, "no update"},
		"a server that is ahead":      {"clock", func(p *ill) { p.server, p.ahead = true, 7*time.Second }, doctor.Warning, "7s ahead"},
		"a server that is behind":     {"clock", func(p *ill) { p.server, p.ahead = true, -2*time.Minute }, doctor.Problem, "2m0s behind"},
		"a server with our time":      {"clock", func(p *ill) { p.server, p.ahead = true, -time.Second }, doctor.OK, "within 5s"},
		"a server that does not say":  {"clock", func(p *ill) { p.server, p.timeErr, p.ahead = true, errors.New("EOF"), time.Hour }, doctor.OK, "no update"},
		"nothing to compare with":     {"clock", func(p *ill) { p.survey.Updates = nil }, doctor.NotChecked, "nothing to compare"},
		"another one at work":         {"at-work", func(p *ill) { p.working = true }, doctor.Warning, "changing the stack from here, and no server"},
		"a server":                    {"at-work", func(p *ill) { p.serving = true }, doctor.OK, "`pulumiscale serve` runs here"},
	} {
		t.Run(name, func(t *testing.T) {
			p := healthy()
			c.change(p)
			checks := examine(t, p, false).Checks
			check := checks[slices.IndexFunc(checks, func(check doctor.Check) bool { return check.ID == c.id })]
			if check.Result != c.result {
				t.Errorf("%s, want %s", check.Result, c.result)
			}
			if all := strings.Join(append(check.Details, check.Found, check.Hint), "\n"); !strings.Contains(all, c.want) {
				t.Errorf("%q is not in\n%s", c.want, all)
			}
			if check.Result == doctor.Problem && check.Hint == "" && c.id != "backend" && check.Found != "line 3" {
				t.Error("a problem without a hint")
			}
		})
	}
}

func TestVerifyAsksTheEngine(t *testing.T) {
	p := healthy()
	p.survey.Resources = nil // what the engine says counts
	p.checks = []scale.RuleCheck{{Pool: "pool"}}
	if got := examine(t, p, true).Titles(doctor.Problem); len(got) > 0 {
		t.Errorf("problems %v", got)
	}
	p.checks[0].Problem, p.checks[0].Owners = "the preview failed", []string{"kubectl"}
	hintOf := func() (hint string) {
		for _, check := range examine(t, p, true).Checks {
			if check.Title == "targets" {
				hint = check.Hint
			}
		}
		return hint
	}
	if hint := hintOf(); !strings.Contains(hint, "others have set the field") {
		t.Errorf("the hint after a refused apply is %q", hint)
	}
	p.checks = append(p.checks, scale.RuleCheck{Pool: "api", Problem: "changes nothing"})
	if hint := hintOf(); !strings.Contains(hint, "fix the rules") {
		t.Errorf("the hint to a wrong rule beside it is %q", hint)
	}
	if diff := cmp.Diff([]string{"targets"}, examine(t, p, true).Titles(doctor.Problem)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.unknown, p.pending = true, map[string][]scale.PendingChange{"pool": {{Op: "output", Name: "url"}}}
	if diff := cmp.Diff([]string{"what is deployed"}, examine(t, p, true).Titles(doctor.Warning)[1:]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.checkErr = errors.New("no engine")
	if diff := cmp.Diff([]string{"targets"}, examine(t, p, true).Titles(doctor.Problem)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnEndedContextEndsTheExamination(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var seen []string
	_, err := doctor.Examine(ctx, healthy(), doctor.Options{Now: time.Now, Begin: func(title string) {
		if seen = append(seen, title); title == "stack" {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{"Pulumi CLI", "environment", "program", "stack"}, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
