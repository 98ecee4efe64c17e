package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// binaries are what the scripts run, by their place in the repository.
var binaries = []string{
	".tools/bin/pulumi", ".tools/bin/pulumi-language-yaml", ".tools/bin/pulumi-language-loop", ".tools/bin/pulumi-resource-localcloud",
	".tools/bin/alertmanager", ".tools/bin/goaws",
	"bin/pulumiscale", "bin/pulumi-tool-pulumiscale",
}

func TestScripts(t *testing.T) {
	// What the tests start takes hangups as on any terminal, also if the tests themselves were started by nohup.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range binaries {
		if _, err := os.Stat(filepath.Join(root, name)); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is missing: run these tests by `make e2e`", name)
		}
		t.Skipf("%s is missing: run these tests by `make e2e`", name)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			return setup(env, root)
		},
		Condition: func(name string) (bool, error) {
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
			"killengine": killEngine,
			"onscreen":   onscreen,
			"panels":     panels,
			"picture":    picture,
			"quiet":      quiet,
			"readonly":   readonly,
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
	})
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
	path := filepath.Join(root, "bin") + string(os.PathListSeparator) + filepath.Join(root, ".tools/bin") + string(os.PathListSeparator) + os.Getenv("PATH")
	for name, value := range map[string]string{
		"PATH":                     path,
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
