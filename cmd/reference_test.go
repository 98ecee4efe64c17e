package cmd

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "rewrite the generated pages")

// referencePage is the page of docs/ that the commands themselves write.
const referencePage = "../docs/reference.md"

// TestReferenceIsFresh compares the committed page with the commands; `make docs` rewrites it.
//
// The page is made here, and not by cobra's own generator. That generator repeats the flags of every command under each
// of them, and cannot say which variable of the environment sets a flag.
func TestReferenceIsFresh(t *testing.T) {
	a := &app{version: "v0.0.0"}
	root := a.root()
	root.InitDefaultCompletionCmd("completion")
	got := reference(root)
	if *update {
		if err := os.WriteFile(referencePage, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is stale: run `make docs` (-page +commands):\n%s", referencePage, diff)
	}
}

// reference is the page: every command, and then the flags that all of them have.
func reference(root *cobra.Command) string {
	page := &strings.Builder{}
	page.WriteString("<!-- Made from the commands by `make docs`. Do not edit: a test compares them. -->\n\n# Command reference\n\n" +
		"Every command and every flag, as `--help` has them. What they do beyond that is in [commands](commands.md).\n\n" +
		"| command | does |\n|---|---|\n")
	commands := sectionsOf(root)
	for _, cmd := range commands {
		name := strings.TrimPrefix(cmd.CommandPath(), root.Name()+" ")
		fmt.Fprintf(page, "| [`%s`](#%s) | %s |\n", name, strings.ReplaceAll(cmd.CommandPath(), " ", "-"), cell(cmd.Short))
	}
	page.WriteString("\nThe flags [of every command](#flags-of-every-command) are at the end.\n")
	for _, cmd := range commands {
		section(page, cmd)
	}
	page.WriteString("\n## Flags of every command\n")
	flagTable(page, root.PersistentFlags())
	return page.String()
}

// sectionsOf are the commands that have a section, each followed by its subcommands. The commands of `completion` are
// the shells, and have none.
func sectionsOf(root *cobra.Command) (out []*cobra.Command) {
	for _, cmd := range commandsOf(root) {
		out = append(out, cmd)
		if !isCompletion(cmd) {
			out = append(out, sectionsOf(cmd)...)
		}
	}
	return out
}

// isCompletion says whether a command is `completion`, which cobra makes.
func isCompletion(cmd *cobra.Command) bool { return cmd.Name() == "completion" }

// commandsOf are the commands of a command, in the order of their names.
func commandsOf(parent *cobra.Command) []*cobra.Command {
	out := slices.DeleteFunc(slices.Clone(parent.Commands()), func(cmd *cobra.Command) bool { return !cmd.IsAvailableCommand() })
	slices.SortFunc(out, func(a, b *cobra.Command) int { return strings.Compare(a.Name(), b.Name()) })
	return out
}

func section(page *strings.Builder, cmd *cobra.Command) {
	usage, long := cmd.UseLine(), strings.TrimSpace(cmd.Long)
	if subs := commandsOf(cmd); len(subs) > 0 {
		var names []string
		for _, sub := range subs {
			names = append(names, sub.Name())
		}
		usage += " (" + strings.Join(names, " | ") + ")"
		if isCompletion(cmd) {
			long = "Write the completion script of a shell. `" + cmd.CommandPath() + " " + names[0] + " --help` says how to load it."
		}
	}
	if long == "" {
		long = cmd.Short + "."
	}
	fmt.Fprintf(page, "\n## %s\n\n```text\n%s\n```\n\n%s\n", cmd.CommandPath(), usage, prose(long))
	if cmd.HasExample() {
		fmt.Fprintf(page, "\nFor example:\n\n```text\n%s\n```\n", unindented(cmd.Example))
	}
	flagTable(page, cmd.LocalNonPersistentFlags())
}

// prose is a description as Markdown. The text stays as it stands, unless it is laid out by spaces.
func prose(text string) string {
	if strings.Contains(text, "\n  ") || strings.Contains(text, "\n\t") {
		return "```text\n" + text + "\n```"
	}
	return text
}

// unindented takes away the two spaces with which cobra wants examples to begin.
func unindented(text string) string {
	return strings.ReplaceAll(strings.TrimPrefix(text, "  "), "\n  ", "\n")
}

func flagTable(page *strings.Builder, flags *pflag.FlagSet) {
	rows := &strings.Builder{}
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden || flag.Name == "help" || flag.Name == "version" {
			return
		}
		name := "`--" + flag.Name + "`"
		if flag.Shorthand != "" {
			name = "`-" + flag.Shorthand + "`, " + name
		}
		value := flag.Value.Type()
		if value == "stringSlice" {
			value = "list"
		}
		fallback := ""
		if !slices.Contains([]string{"", "[]", "false", "0"}, flag.DefValue) {
			fallback = "`" + flag.DefValue + "`"
		}
		env := "`" + envPrefix + "_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_")) + "`"
		fmt.Fprintf(rows, "| %s | %s | %s | %s | %s |\n", name, value, fallback, env, cell(flag.Usage))
	})
	if rows.Len() > 0 {
		page.WriteString("\n| flag | takes | default | in the environment | |\n|---|---|---|---|---|\n" + rows.String())
	}
}

// cell is a text that does not end a table's cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
