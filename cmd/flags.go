package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pulumiscale/pulumiscale/scale"
)

// whole is a flag that takes a whole number inside bounds.
type whole struct {
	n        *int
	min, max int
}

func (w whole) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < w.min || n > w.max {
		return errors.New("out of bounds")
	}
	*w.n = n
	return nil
}

func (w whole) String() string { return strconv.Itoa(*w.n) }
func (w whole) Type() string   { return "int" }

func (w whole) expects() string {
	return fmt.Sprintf("a whole number from %d to %d", w.min, w.max)
}

// moment is a flag that takes a time with its offset from UTC.
type moment struct{ to *time.Time }

func (m moment) Set(text string) (err error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} { // people leave out the seconds
		if *m.to, err = time.Parse(layout, text); err == nil {
			return nil
		}
	}
	return err
}

func (m moment) String() string {
	if m.to.IsZero() {
		return ""
	}
	return m.to.Format(time.RFC3339)
}

func (moment) Type() string { return "time" }
func (moment) expects() string {
	return "a time with its offset from UTC, such as 2026-12-24T18:00+01:00 or 2026-12-24T17:00Z"
}

// values is a flag that takes the value of a metric, as in queue=1200. It may be repeated.
type values struct{ to *map[string]float64 }

func (v values) Set(text string) error {
	name, number, ok := strings.Cut(text, "=")
	value, err := strconv.ParseFloat(number, 64)
	if !ok || name == "" || err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return errors.New("no value of a metric")
	}
	if *v.to == nil {
		*v.to = map[string]float64{}
	}
	(*v.to)[name] = value
	return nil
}

func (v values) String() string {
	var out []string
	if v.to != nil {
		for _, name := range slices.Sorted(maps.Keys(*v.to)) {
			out = append(out, name+"="+strconv.FormatFloat((*v.to)[name], 'g', -1, 64))
		}
	}
	return strings.Join(out, ",")
}

func (values) Type() string    { return "name=value" }
func (values) expects() string { return "the name of a metric and its value, such as queue=1200" }

// choice is a flag that takes one of some words.
type choice[T ~string] struct {
	to *T
	of []T
}

func (c choice[T]) Set(text string) error {
	if !slices.Contains(c.of, T(text)) {
		return errors.New("no such choice")
	}
	*c.to = T(text)
	return nil
}

func (c choice[T]) String() string { return string(*c.to) }
func (c choice[T]) Type() string   { return "string" }

func (c choice[T]) expects() string {
	words := c.words()
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

func (c choice[T]) words() []string {
	words := make([]string, len(c.of))
	for i, word := range c.of {
		words[i] = string(word)
	}
	return words
}

// complete offers the words to the shell.
func (c choice[T]) complete(cmd *cobra.Command, flag string) {
	// It fails only if there is no such flag.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(c.words(), cobra.ShellCompDirectiveNoFileComp))
}

// wait is a flag that takes a duration, 0 or more.
type wait struct{ d *time.Duration }

func (w wait) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New("no duration")
	}
	*w.d = d
	return nil
}

func (w wait) String() string  { return w.d.String() }
func (w wait) Type() string    { return "duration" }
func (w wait) expects() string { return "a duration of 0 or more, such as 1s or 500ms" }

// malformed returns the usage error for a value that a flag does not take. field names the flag or, if the value came
// from elsewhere, its source.
func malformed(field, text string, flag *pflag.Flag, hint string) error {
	expected := "a " + flag.Value.Type()
	if e, ok := flag.Value.(interface{ expects() string }); ok {
		expected = e.expects()
	} else if flag.Value.Type() == "bool" {
		expected = "true or false"
	}
	return &scale.UsageError{Field: field, Problem: fmt.Sprintf("must be %s, not %q", expected, text), Hint: hint}
}

// flagError turns an error of the flag parser into a usage error.
func flagError(cmd *cobra.Command, err error) error {
	help := "`" + cmd.CommandPath() + " --help` explains the flags"
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return malformed("--"+e.GetFlag().Name, e.GetValue(), e.GetFlag(), help)
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := e.GetSpecifiedName()
		if e.GetSpecifiedShortnames() != "" {
			name = "-" + name
		} else {
			name = "--" + name
		}
		return &scale.UsageError{Field: name, Problem: "no such flag", Hint: help}
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return &scale.UsageError{Field: "--" + e.GetFlag().Name, Problem: "needs a value", Hint: help}
	}
	return &scale.UsageError{Field: "flags", Problem: err.Error(), Hint: help}
}

// usageOf turns an error of cobra's own into a usage error.
func usageOf(cmd *cobra.Command, err error) error {
	if scale.IsA[*scale.UsageError](err) {
		return err
	}
	hint := "`" + cmd.CommandPath() + " --help` lists what there is"
	// Cobra has no type for this error. So the name that was given is taken from the error's text, to suggest a better
	// one.
	message, _, _ := strings.Cut(err.Error(), "\n")
	if rest, ok := strings.CutPrefix(message, "unknown command "); ok {
		quoted, _ := strconv.QuotedPrefix(rest)
		name, _ := strconv.Unquote(quoted)
		if near := cmd.Root().SuggestionsFor(name); len(near) > 0 {
			hint = fmt.Sprintf("did you mean %q? %s", near[0], hint)
		}
		return &scale.UsageError{Field: name, Problem: "no such command", Hint: hint}
	}
	return &scale.UsageError{Field: cmd.Name(), Problem: message, Hint: hint}
}

// wantsJSON says whether the command line or the environment asks for JSON. It is for arguments that could not be
// parsed as a whole.
func wantsJSON(args []string) bool {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	wanted := flags.BoolP("json", "j", false, "")
	_ = flags.Parse(args) // ignored: the first parsing has found the error already, and it is told
	fromEnv, _ := strconv.ParseBool(os.Getenv(envPrefix + "_JSON"))
	return *wanted || fromEnv
}

// onePool checks the arguments of a command that works on one pool.
func onePool(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0 || args[0] == "":
		return &scale.UsageError{Field: "POOL", Problem: "the name of a pool must be given", Hint: "`pulumiscale rules` lists the pools; usage: " + cmd.UseLine()}
	case len(args) > 1:
		return &scale.UsageError{Field: "POOL", Problem: fmt.Sprintf("only one can be given, not %s", strings.Join(args, " ")),
			Hint: "usage: " + cmd.UseLine()}
	}
	return nil
}

// atMost returns the check of a command that takes at most n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return &scale.UsageError{Field: args[n], Problem: "unexpected argument", Hint: "usage: " + cmd.UseLine()}
		}
		return nil
	}
}

// patience is how long the completion in a shell waits for the stack to be read.
const patience = 3 * time.Second

// completeFrom offers the shell what read finds in the stack. It offers nothing if the stack cannot be read soon.
func (a *app) completeFrom(read func(context.Context, openedStack) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) (found []string, _ cobra.ShellCompDirective) {
		if a.begin(cmd, true) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		opened, err := a.open(ctx, a.settings.stackOptions())
		if err == nil {
			found, _ = read(ctx, opened)
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// completePools offers the names of the pools to the shell.
func (a *app) completePools(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeFrom(func(ctx context.Context, opened openedStack) ([]string, error) {
		snap, err := opened.Read(ctx)
		if err != nil {
			return nil, err
		}
		return snap.Rules.Names(), nil
	})(cmd, args, word)
}
