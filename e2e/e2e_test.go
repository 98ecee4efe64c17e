package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
)

// binaries are what the scripts run, by their place in the repository.
var binaries = []string{
	".tools/bin/pulumi", ".tools/bin/pulumi-language-yaml", ".tools/bin/pulumi-language-loop", ".tools/bin/pulumi-resource-localcloud",
	".tools/nodejs/pulumi-language-nodejs", ".tools/bin/alertmanager", ".tools/bin/goaws",
	"bin/pulumiscale", "bin/pulumi-tool-pulumiscale",
}

func TestScripts(t *testing.T) {
	root := prepared(t)
	if kind := os.Getenv("BACKEND"); kind != "" && kind != backend.File {
		t.Skip("the tests are run on another backend: see TestBackends")
	}
	testscript.Run(t, params("testdata/script", root, backend.File, func(env *testscript.Env) error { return setup(env, root) }))
}

// prepared is the repository, once all that the scripts run has been found.
func prepared(t *testing.T) string {
	t.Helper()
	// What the tests start takes hangups as on any terminal, also if the tests themselves were started by nohup.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	needed := binaries
	if version := os.Getenv("CLI"); version != "" {
		needed = append(slices.Clone(binaries), ".tools/pulumi-"+strings.TrimPrefix(version, "v")+"/pulumi")
	}
	for _, name := range needed {
		if _, err := os.Stat(filepath.Join(root, name)); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is missing: run these tests by `make e2e`", name)
		}
		t.Skipf("%s is missing: run these tests by `make e2e`", name)
	}
	return root
}

// params are those of a folder of scripts, whose state is in a backend of a kind.
func params(dir, root, kind string, setup func(*testscript.Env) error) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Condition: func(name string) (bool, error) {
			if slices.Contains(backend.Kinds(), name) {
				return name == kind, nil
			}
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "container":
				return exec.Command("unshare", "--uts", "--pid", "--fork", "--mount-proc", "true").Run() == nil, nil
			}
			return hasTool(root, name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"accessible": accessible,
			"address":    address,
			"agree":      agree,
			"ask":        ask,
			"await":      await,
			"backend":    changeBackend,
			"browse":     browse,
			"deploy":     deploy,
			"disk":       disk,
			"docblock":   docblock,
			"exits":      exits,
			"fakecloud":  fakeCloud,
			"firing":     firing,
			"fits":       fits,
			"gauge":      gauge,
			"hangup":     hangup,
			"heard":      heard,
			"hook":       listenCommand,
			"killengine": killEngine,
			"killup":     killUp,
			"onscreen":   onscreen,
			"panels":     panels,
			"picture":    picture,
			"quiet":      quiet,
			"readonly":   readonly,
			"replicas":   replicas,
			"resize":     resize,
			"roles":      roles,
			"said":       said,
			"samesteps":  samesteps,
			"schemes":    schemes,
			"sees":       sees,
			"serve":      serve,
			"shot":       shot,
			"shown":      shown,
			"steps":      steps,
			"tabs":       tabs,
			"tell":       tell,
			"terminal":   terminal,
			"tty":        tty,
			"typed":      typed,
			"unmoved":    unmoved,
			"workers":    workers,
		},
	}
}

// hasTool is the condition [tool:NAME], for programs that not every developer has. CI has them all.
func hasTool(root, condition string) (bool, error) {
	name, ok := strings.CutPrefix(condition, "tool:")
	if !ok {
		return false, fmt.Errorf("there is no condition %q", condition)
	}
	if exists(filepath.Join(root, ".tools/bin", name)) {
		return true, nil
	}
	_, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") != "" {
		return false, fmt.Errorf("%s is missing: .ci/run installs it", name)
	}
	return err == nil, nil
}

// setup gives a script an engine of its own. Nothing of the user's Pulumi, of other scripts or of the network is in
// reach.
func setup(env *testscript.Env, root string) error {
	keepState(env)
	folders := []string{filepath.Join(root, "bin"), filepath.Join(root, ".tools/bin"), os.Getenv("PATH")}
	if version := os.Getenv("CLI"); version != "" {
		folders = slices.Insert(folders, 1, filepath.Join(root, ".tools", "pulumi-"+strings.TrimPrefix(version, "v")))
	}
	for name, value := range map[string]string{
		"PATH":                     strings.Join(folders, string(os.PathListSeparator)),
		"ROOT":                     root,
		"HOME":                     filepath.Join(env.WorkDir, "home"),
		"PULUMI_HOME":              filepath.Join(env.WorkDir, "home", ".pulumi"),
		"PULUMI_BACKEND_URL":       "file://" + filepath.Join(env.WorkDir, "backend"),
		"PULUMI_CONFIG_PASSPHRASE": "end to end",
		"PULUMI_SKIP_UPDATE_CHECK": "true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
		"PULUMISCALE_RETRY_DELAY":                     "100ms",
		"NO_COLOR":                                    "1",
		"GIT_CONFIG_COUNT":                            "2",
		"GIT_CONFIG_KEY_0":                            "user.name",
		"GIT_CONFIG_VALUE_0":                          "e2e",
		"GIT_CONFIG_KEY_1":                            "user.email",
		"GIT_CONFIG_VALUE_1":                          "e2e@example.com",
	} {
		env.Setenv(name, value)
	}
	for _, dir := range []string{"home", "backend"} {
		if err := os.MkdirAll(filepath.Join(env.WorkDir, dir), 0o755); err != nil {
			return err
		}
	}
	return nil
}
