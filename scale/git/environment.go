package git

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// elsewhere are the variables that point git at a different repository, or make git print what nobody asked for. A
// hook, an alias or an IDE may have set them.
var elsewhere = []string{ //nolint:gochecknoglobals // a constant in all but name
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CEILING_DIRECTORIES", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_CURL_VERBOSE",
	"GIT_DEFAULT_HASH", "GIT_DIR", "GIT_EXTERNAL_DIFF", "GIT_GLOB_PATHSPECS", "GIT_GRAFT_FILE", "GIT_ICASE_PATHSPECS",
	"GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_LITERAL_PATHSPECS", "GIT_NAMESPACE",
	"GIT_NOGLOB_PATHSPECS", "GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_OPTIONAL_LOCKS", "GIT_PREFIX",
	"GIT_QUARANTINE_PATH", "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
}

// plainEnvironment returns this process's environment without the variables in elsewhere and without git's traces.
func plainEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return slices.Contains(elsewhere, name) || strings.HasPrefix(name, "GIT_TRACE")
	})
}

// environment returns the environment for each run of git: git then prints English and asks nobody for anything.
func environment() []string {
	env := append(plainEnvironment(), "LC_ALL=C", "LANGUAGE=", "GIT_TERMINAL_PROMPT=0", "GCM_INTERACTIVE=never",
		"GIT_ADVICE=0", "GIT_PAGER=cat", "GIT_EDITOR=:", "GIT_SEQUENCE_EDITOR=:", "GIT_MERGE_AUTOEDIT=no")
	if mayShowPrompt() {
		// An empty value counts as set: git then runs no program that asks for a password.
		env = append(env, "GIT_ASKPASS=", "SSH_ASKPASS=", "SSH_ASKPASS_REQUIRE=never")
	}
	return env
}

// mayShowPrompt says whether a program that git runs to ask for a password could show a window. If no window can be
// shown, as on a server, such a program is a script that prints a token, and git may run it.
func mayShowPrompt() bool {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return true
	}
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "VSCODE_GIT_IPC_HANDLE"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

// environment returns the environment for a git that works in the clone. The credentials of the remote's URL are in it,
// since arguments could be seen in the list of processes.
func (r *Repository) environment() []string {
	env := environment()
	if r.batch {
		env = append(env, "GIT_SSH_COMMAND=ssh -o BatchMode=yes")
	}
	if with, without := rewriteRule(r.options.URL); with != "" {
		env = addSetting(env, "url."+with+".insteadOf", without)
	}
	return env
}

// addSetting adds a value of git's configuration to the values that the environment has.
func addSetting(env []string, key, value string) []string {
	count := 0
	for _, setting := range env {
		if text, is := strings.CutPrefix(setting, "GIT_CONFIG_COUNT="); is {
			count, _ = strconv.Atoi(text)
		}
	}
	n := strconv.Itoa(count)
	return append(env, "GIT_CONFIG_KEY_"+n+"="+key, "GIT_CONFIG_VALUE_"+n+"="+value,
		"GIT_CONFIG_COUNT="+strconv.Itoa(count+1))
}
