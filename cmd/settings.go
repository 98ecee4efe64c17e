package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack"
	"github.com/pulumiscale/pulumiscale/scale/yamlfile"
	"github.com/pulumiscale/pulumiscale/webhook/identity"
	"github.com/pulumiscale/pulumiscale/webhook/notify"
)

// settingsFile is the file of settings in the program directory.
const settingsFile = "pulumiscale.yaml"

// envPrefix is what the names of environment variables begin with.
const envPrefix = "PULUMISCALE"

// settings are the flags that every command has.
type settings struct {
	stack, cwd, stateDir string
	trace                string
	json, nonInteractive bool
	headStart            bool
	color                output.Color
	onDrift              scale.OnDrift
	parallel, retries    int
	retryDelay           time.Duration
	backendTimeout       time.Duration
	git                  gitSettings
}

// flags defines the flags, with their defaults.
func (s *settings) flags(root *cobra.Command) {
	s.color, s.onDrift, s.retries, s.retryDelay, s.backendTimeout = output.ColorAuto, scale.Restore, 5, time.Second, stack.BackendTimeout
	colors := choice[output.Color]{&s.color, []output.Color{output.ColorAuto, output.ColorAlways, output.ColorNever, output.ColorRaw}}
	drifts := choice[scale.OnDrift]{&s.onDrift, []scale.OnDrift{scale.Restore, scale.Keep, scale.Fail}}
	f := root.PersistentFlags()
	f.StringVarP(&s.stack, "stack", "s", "", "the stack to work on; default: the selected one")
	f.StringVarP(&s.cwd, "cwd", "C", "", "run as if started in this directory")
	f.BoolVarP(&s.json, "json", "j", false, "write the result to stdout as one JSON document")
	f.Var(colors, "color", "colour the output: "+colors.expects())
	f.BoolVar(&s.nonInteractive, "non-interactive", false, "ask nothing and draw no moving picture")
	f.Var(drifts, "on-drift", "what to do where the stack's config file is not what was last scaled to: "+drifts.expects())
	f.StringVar(&s.stateDir, "state-dir", "", "where the lock, the records and the journal of accepted work are kept, in a folder for each stack; default: .pulumiscale in the program directory")
	f.StringVar(&s.trace, "trace", "", "append a trace of the work to this file, as OpenTelemetry's OTLP in JSON: see docs/performance.md")
	f.Var(whole{&s.parallel, 0, 1 << 20}, "parallel", "how many resource operations run at once; 0: PULUMI_PARALLEL, else Pulumi's default")
	f.Var(whole{&s.retries, 0, 1000}, "retries", "how often a locked stack or an unreachable backend is tried again")
	f.Var(wait{&s.retryDelay}, "retry-delay", "the wait before the first retry; each further one waits twice as long")
	f.Var(wait{&s.backendTimeout}, "backend-timeout", "how long the backend may take to answer any one question before it counts as out of reach; 0: without end")
	f.BoolVar(&s.headStart, "head-start", true, "start Pulumi's engine early, while the stack is still being read, and read only what may have changed; false: slower, but no engine is started in vain")
	s.git.flags(f)
	colors.complete(root, "color")
	drifts.complete(root, "on-drift")
}

// stackOptions returns the options with which the stack is opened, as far as flags that every command has set them.
func (s *settings) stackOptions() stack.Options {
	return stack.Options{
		Source: s.git.source, Managed: s.git.url != "",
		Dir: s.cwd, Stack: s.stack, StateDir: s.stateDir, BackendTimeout: s.backendTimeout, Parallel: s.parallel, Trace: s.trace, Afresh: !s.headStart,
	}
}

// headStartOf returns the stack's head start, or nil if the head start is switched off.
func (s *settings) headStartOf(from scale.HeadStart) scale.HeadStart {
	if !s.headStart {
		return nil
	}
	return from
}

// programsOf returns what keeps the deployed program, or nil if no flag asks to keep the program.
func (s *settings) programsOf(from scale.ProgramKeeper) scale.ProgramKeeper {
	if s.git.source == nil {
		return nil
	}
	return from
}

// source says how a flag was set. The larger value is the stronger source.
type source int

const (
	unset source = iota
	fromFile
	fromEnv
	fromFlag
)

// begin fills the flags that the command line leaves unset from the environment and, if withFile is true, from the
// settings file. It takes over from cobra: later errors are the command's own.
func (a *app) begin(cmd *cobra.Command, withFile bool) error {
	a.begun = true
	if err := a.configure(cmd, withFile); err != nil {
		return err
	}
	return a.trace(cmd)
}

// configure does what begin does, except that it neither takes over from cobra nor begins the trace.
func (a *app) configure(cmd *cobra.Command, withFile bool) error {
	a.sources = map[string]source{}
	v := viper.New()
	v.SetEnvPrefix(envPrefix)
	v.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	v.AutomaticEnv()
	// These flags come first: the settings file is in the directory that some of them name, and json and color say how
	// errors are shown.
	for _, name := range []string{"json", "color", "cwd", "git", "path", "stack", "state-dir"} {
		if err := a.fill(v, cmd.Flags().Lookup(name), ""); err != nil {
			return err
		}
	}
	if err := a.checkOut(cmd.Context()); err != nil {
		return err
	}
	path := ""
	if withFile {
		if path = findSettings(a.settings.cwd); path != "" {
			var err error
			if a.sections, err = readSettings(v, path, cmd.Root()); err != nil {
				return err
			}
		}
	}
	var first error
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if err := a.fill(v, flag, path); err != nil && first == nil {
			first = err
		}
	})
	if first != nil {
		return first
	}
	if !withFile {
		return nil // the command is about no program
	}
	return a.keepProgram()
}

// fill sets a flag from the strongest source that has it, and notes the source.
func (a *app) fill(v *viper.Viper, flag *pflag.Flag, path string) error {
	if !settable(flag) {
		return nil
	}
	env := envPrefix + "_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
	var field string
	switch {
	case flag.Changed:
		a.sources[flag.Name] = fromFlag
		return nil
	case os.Getenv(env) != "":
		a.sources[flag.Name], field = fromEnv, env
	case v.InConfig(flag.Name):
		a.sources[flag.Name], field = fromFile, path+": "+flag.Name
	default:
		return nil
	}
	text, ok := scalar(v.Get(flag.Name))
	if !ok || flag.Value.Set(text) != nil {
		return malformed(field, text, flag, "it sets --"+flag.Name+": "+flag.Usage)
	}
	if flag.Name == "state-dir" && a.sources[flag.Name] == fromFile && !filepath.IsAbs(text) {
		return flag.Value.Set(filepath.Join(filepath.Dir(path), text))
	}
	return nil
}

// placeFlags returns the flags that say where the settings file is.
func placeFlags() []string { return []string{"cwd", "git", "path", "fleet"} }

// settable says whether a flag can also be set by the environment or the settings file.
func settable(flag *pflag.Flag) bool { return flag.Name != "help" && flag.Name != "version" }

// scalar returns a value of the settings file as text; ok is false for a list, a map or a missing value.
func scalar(value any) (text string, ok bool) {
	switch value.(type) {
	case string, bool, int, int64, uint64, float64:
		return fmt.Sprint(value), true
	}
	return fmt.Sprint(value), false
}

// findSettings returns the path of the settings file in the program directory, which is the nearest directory with a
// Pulumi.yaml, upwards from dir. The path is empty if there is no such directory.
func findSettings(dir string) string {
	if program := findProgram(dir); program != "" {
		return filepath.Join(program, settingsFile)
	}
	return ""
}

// findProgram returns the program directory, upwards from dir; empty if there is none.
func findProgram(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	for {
		for _, name := range []string{"Pulumi.yaml", "Pulumi.yml", "Pulumi.json"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				return dir
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// readSettings reads the settings file: flags into v, and the sections. A missing file sets nothing.
func readSettings(v *viper.Viper, path string, root *cobra.Command) (sections, error) {
	file := viper.New()
	file.SetConfigFile(path)
	if err := file.ReadInConfig(); errors.Is(err, fs.ErrNotExist) {
		return sections{}, nil
	} else if err != nil {
		return sections{}, &scale.UsageError{Field: path, Problem: strings.Join(strings.Fields(err.Error()), " "), Hint: "it must be a YAML map from flag name to value"}
	}
	known, lists := names(root), sectionNames()
	all := append(slices.Clip(known), lists...)
	keys := file.AllKeys()
	slices.Sort(keys)
	for _, key := range keys {
		top, _, nested := strings.Cut(key, ".")
		switch {
		case slices.Contains(placeFlags(), top):
			return sections{}, &scale.UsageError{
				Field: path + ": " + top, Problem: "cannot be set here: it says where this file is", Hint: "use --" + top + " or PULUMISCALE_" + strings.ToUpper(top),
			}
		case slices.Contains(lists, top):
			file.Set(top, nil)
		case !slices.Contains(known, top):
			return sections{}, &scale.UsageError{Field: path + ": " + top, Problem: "no such setting", Hint: "the settings are " + strings.Join(all, ", ")}
		case nested || file.Get(key) == nil:
			return sections{}, &scale.UsageError{Field: path + ": " + top, Problem: "must be a single value, not a map, a list or nothing", Hint: "the settings are " + strings.Join(all, ", ")}
		}
	}
	if err := v.MergeConfigMap(file.AllSettings()); err != nil {
		return sections{}, err
	}
	return readSections(path)
}

// names returns the flags of all commands that can be set in the settings file, sorted.
func names(root *cobra.Command) []string {
	var out []string
	add := func(flag *pflag.Flag) {
		if settable(flag) && !slices.Contains(placeFlags(), flag.Name) && !slices.Contains(out, flag.Name) {
			out = append(out, flag.Name)
		}
	}
	root.PersistentFlags().VisitAll(add)
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" && cmd.Name() != "help" {
			cmd.LocalNonPersistentFlags().VisitAll(add)
		}
	}
	slices.Sort(out)
	return out
}

// sections are what the settings file has besides flags: lists, which no flag could hold.
type sections struct {
	Identities []identity.Setting `yaml:"identities"`
	Listeners  []notify.Setting   `yaml:"listeners"`
}

// sectionNames returns the names of the sections in the settings file.
func sectionNames() []string {
	var out []string
	for field := range reflect.TypeFor[sections]().Fields() {
		out = append(out, field.Tag.Get("yaml"))
	}
	return out
}

// readSections reads the sections of the settings file. A misspelt field is an error that names its line. Viper, which
// reads the flags, does not read the sections: it makes all keys lower case, and names of claims may have upper case.
func readSections(path string) (sections, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return sections{}, err
	}
	file := struct {
		sections `yaml:",inline"`
		Flags    map[string]any `yaml:",inline"`
	}{}
	if mistakes := yamlfile.Decode(text, &file); len(mistakes) > 0 {
		return sections{}, &scale.UsageError{
			Field: path, Problem: strings.Join(mistakes, "; "), Hint: "docs/commands.md has the settings that are lists: " + strings.Join(sectionNames(), ", "),
		}
	}
	if err := identity.Check(path+": identities", file.Identities); err != nil {
		return sections{}, err
	}
	return file.sections, notify.Check(path+": listeners", file.Listeners)
}
