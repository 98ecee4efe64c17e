package cli

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

// variable is a variable of Pulumi's, or a family of them, that is kept from the CLI.
type variable struct {
	// name is the variable's name; if family is set, it is how the names begin.
	name   string
	family bool
	// does is what the variable makes the CLI do.
	does string
	// harmless says that nobody misses the variable: PulumiScale itself does what the variable asks for.
	harmless bool
}

const (
	// optionPrefix begins the names of the variables that stand for flags, of every command.
	optionPrefix = "PULUMI_OPTION_"
	// parallelVariable is the CLI's default for --parallel.
	parallelVariable = "PULUMI_PARALLEL"
)

// withheldVariables are the variables that make an update, a preview or a refresh do something other than its flags
// tell it to: a scaling changes the count of its pool, and nothing else. The list was made from the source of the CLI,
// from v3.200.0 to v3.276.0. Variables that say where things are and who one is (credentials, the backend, the
// passphrase, PULUMI_HOME, plugins, tracing) are not withheld, and neither are variables with which all of the user's
// own deploys run.
func withheldVariables() []variable {
	return []variable{
		// From v3.208.0 on, each flag of each command has a variable. The variable of a flag that takes a list adds to
		// the flag's own list.
		{name: optionPrefix, family: true, does: "stands for a flag"},
		{name: parallelVariable, does: "stands for --parallel, and PulumiScale takes it for its own", harmless: true},
		{name: "PULUMI_SKIP_CONFIRMATIONS", does: "stands for --yes, which PulumiScale always gives", harmless: true},
		{name: "PULUMI_CONTINUE_ON_ERROR", does: "stands for --continue-on-error: an update that has failed would go on"},
		{name: "PULUMI_RUN_PROGRAM", does: "stands for --run-program"},
		{name: "PULUMI_NEO", does: "stands for --neo"},
		{name: "PULUMI_COPILOT", does: "stands for --copilot"},
		{name: "PULUMI_ENABLE_STREAMING_JSON_PREVIEW", does: "changes what a preview prints", harmless: true},
		// Without checkpoints, the state would lack the resources that a killed engine has made.
		{name: "PULUMI_SKIP_CHECKPOINTS", does: "keeps what an update does out of the state until it ends"},
	}
}

// withheldAs returns the entry of [withheldVariables] that keeps a variable of this name from the CLI; false if there
// is no such entry. On Windows the case of a name does not count.
func withheldAs(name string) (variable, bool) {
	if runtime.GOOS == "windows" {
		name = strings.ToUpper(name)
	}
	all := withheldVariables()
	at := slices.IndexFunc(all, func(v variable) bool { return name == v.name || v.family && strings.HasPrefix(name, v.name) })
	if at < 0 {
		return variable{}, false
	}
	return all[at], true
}

// Environment returns the environment of the CLI: the inherited variables without those that are withheld, and the
// added ones. PWD is set to dir, because the CLI takes PWD for the path of its directory if PWD leads there, as it does
// after a shell's `cd`.
func Environment(inherited []string, dir string, added ...string) []string {
	out := make([]string, 0, len(inherited)+len(added)+1)
	for _, entry := range inherited {
		name, _, _ := strings.Cut(entry, "=")
		if _, withheld := withheldAs(name); !withheld {
			out = append(out, entry)
		}
	}
	if dir != "" && runtime.GOOS != "windows" {
		out = append(out, "PWD="+dir)
	}
	return append(out, added...)
}

// Parallel returns how many resource operations the environment says may run at once; 0 stands for the engine's
// default.
func Parallel() int {
	n, err := strconv.Atoi(os.Getenv(parallelVariable))
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// Variable is a variable that is set and kept from the CLI.
type Variable struct {
	Name string
	// Does is what the variable would make the CLI do, as the rest of a sentence that begins with its name.
	Does string
	// Harmless says that nobody misses the variable, because PulumiScale itself does what it asks for.
	Harmless bool
}

// Withheld returns the variables that are set and kept from the CLI, sorted by name.
func Withheld() []Variable {
	var out []Variable
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		v, withheld := withheldAs(name)
		if !withheld {
			continue
		}
		found := Variable{Name: name, Does: v.does, Harmless: v.harmless}
		if flag, ok := strings.CutPrefix(strings.ToUpper(name), optionPrefix); ok {
			found.Does = "stands for --" + strings.ToLower(strings.ReplaceAll(flag, "_", "-"))
			if name == project.StackOption {
				found.Does += ", and names the stack where --stack does not"
				found.Harmless = true
			}
		}
		out = append(out, found)
	}
	slices.SortFunc(out, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// ShortLived returns the variables that keep a CLI command from collecting garbage, which would take a third of its
// time: the command ends before collecting pays. It returns none if the user has set one of them.
func ShortLived() []string {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if _, set := os.LookupEnv(name); set {
			return nil
		}
	}
	return []string{"GOGC=off", "GOMEMLIMIT=1GiB"}
}
