package cli

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

func TestFlagsInTheEnvironmentAreKeptFromTheCLI(t *testing.T) {
	kept := []string{
		"PATH=/bin", "PULUMI_HOME=/h", "PULUMI_BACKEND_URL=file:///b", "PULUMI_ACCESS_TOKEN=t", "PULUMI_CONFIG_PASSPHRASE=p", "PULUMI_CONFIG_PASSPHRASE_FILE=f",
		"PULUMI_STACK=dev", "PULUMI_DEFAULT_ORGANIZATION=o", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true", "PULUMI_DEBUG_PROVIDERS=x:1",
		"PULUMI_DIY_BACKEND_GZIP=true", "PULUMI_EXPERIMENTAL=1", "PULUMI_GIT_HEAD=abc", "PULUMI_OPTIONS=mine", "AWS_PROFILE=a", "OPTION_TARGET=x", "EMPTY=",
	}
	taken := []string{
		"PULUMI_OPTION_TARGET=**x", "PULUMI_OPTION_EXCLUDE=**x", "PULUMI_OPTION_REPLACE=**x", "PULUMI_OPTION_CONFIG_FILE=f", "PULUMI_OPTION_REFRESH=", "PULUMI_OPTION_CWD=/",
		"PULUMI_OPTION_ANYTHING_THAT_COMES=1", "PULUMI_PARALLEL=1", "PULUMI_CONTINUE_ON_ERROR=true", "PULUMI_RUN_PROGRAM=true", "PULUMI_SKIP_CHECKPOINTS=true",
		"PULUMI_SKIP_CONFIRMATIONS=true", "PULUMI_NEO=true", "PULUMI_COPILOT=true", "PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true",
	}
	windows := []string{"=C:=C:\\dir", "Pulumi_Option_Target=**x", "pulumi_parallel=1"}
	if runtime.GOOS == "windows" {
		kept, taken = append(kept, windows[0]), append(taken, windows[1:]...)
	} else {
		kept = append(kept, windows...)
	}
	got := Environment(slices.Concat(taken, kept), "", "MINE=1", "PULUMI_SKIP_UPDATE_CHECK=true")
	if diff := cmp.Diff(append(kept, "MINE=1", "PULUMI_SKIP_UPDATE_CHECK=true"), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTheCLIBelievesToBeInItsDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no PWD there")
	}
	if got := Environment([]string{"PWD=/elsewhere"}, "/dir"); got[len(got)-1] != "PWD=/dir" {
		t.Errorf("got %q", got)
	}
}

func TestParallelIsTakenFromPulumisVariable(t *testing.T) {
	for text, want := range map[string]int{"": 0, "4": 4, "-1": 0, "many": 0} {
		t.Setenv(parallelVariable, text)
		if got := Parallel(); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func TestWithheld(t *testing.T) {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "PULUMI_") {
			t.Setenv(name, "") // it is put back after the test
			_ = os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{"PULUMI_OPTION_TARGET_REPLACE": "x", project.StackOption: "dev", "PULUMI_CONTINUE_ON_ERROR": "", "PULUMI_HOME": "/h"} {
		t.Setenv(name, value)
	}
	want := []Variable{
		{Name: "PULUMI_CONTINUE_ON_ERROR", Does: "stands for --continue-on-error: an update that has failed would go on"},
		{Name: "PULUMI_OPTION_STACK", Does: "stands for --stack, and names the stack where --stack does not", Harmless: true},
		{Name: "PULUMI_OPTION_TARGET_REPLACE", Does: "stands for --target-replace"},
	}
	if diff := cmp.Diff(want, Withheld()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
