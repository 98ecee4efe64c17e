package output

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// operation says how one of Pulumi's operations on a resource is shown, after the manner of `pulumi up`.
type operation struct {
	sign         string
	doing, done  string
	color        func(*Style) lipgloss.Style
	partOfLarger bool // a step of a replacement, which also has one step for the whole
}

func green(s *Style) lipgloss.Style   { return s.green }
func yellow(s *Style) lipgloss.Style  { return s.yellow }
func red(s *Style) lipgloss.Style     { return s.red }
func magenta(s *Style) lipgloss.Style { return s.magenta }
func plain(s *Style) lipgloss.Style   { return s.bold.UnsetBold() }

func operationOf(op string) operation {
	switch op {
	case "create":
		return operation{sign: "+", doing: "creating", done: "created", color: green}
	case "update":
		return operation{sign: "~", doing: "updating", done: "updated", color: yellow}
	case "delete":
		return operation{sign: "-", doing: "deleting", done: "deleted", color: red}
	case "replace":
		return operation{sign: "+-", doing: "replacing", done: "replaced", color: magenta}
	case "create-replacement":
		return operation{sign: "++", doing: "creating replacement", done: "created replacement", color: magenta, partOfLarger: true}
	case "delete-replaced":
		return operation{sign: "--", doing: "deleting original", done: "deleted original", color: magenta, partOfLarger: true}
	case "refresh":
		return operation{sign: "~", doing: "refreshing", done: "refreshed", color: yellow}
	case "read":
		return operation{sign: ">", doing: "reading", done: "read", color: plain}
	case "import":
		return operation{sign: "=", doing: "importing", done: "imported", color: green}
	}
	return operation{sign: "*", doing: op, done: op, color: plain}
}

// Diff shows what the steps change: each resource on a line, with its properties below it. It is empty if nothing
// changes. Nothing is cut, because somebody approves it.
func (s *Style) Diff(steps []scale.ResourceStep) string {
	var out strings.Builder
	for _, step := range tidy(whole(steps)) {
		op := operationOf(step.Op)
		color := op.color(s)
		fmt.Fprintf(&out, "%s %s %s %s\n", color.Render(op.sign), step.Type, s.bold.Render(step.Name), color.Render(step.Op))
		for _, diff := range step.Diffs {
			out.WriteString("    " + s.property(diff) + "\n")
		}
	}
	return out.String()
}

// whole leaves out the parts of a replacement if the replacement has a step for the whole.
func whole(steps []scale.ResourceStep) []scale.ResourceStep {
	return slices.DeleteFunc(slices.Clone(steps), func(part scale.ResourceStep) bool {
		return operationOf(part.Op).partOfLarger && slices.ContainsFunc(steps, func(step scale.ResourceStep) bool {
			return step.Op == "replace" && step.URN == part.URN
		})
	})
}

func (s *Style) property(diff scale.PropertyDiff) string {
	color, sign, values := s.yellow, "~", value(diff.Old)+" => "+value(diff.New)
	switch {
	case diff.Old == nil && diff.New == nil:
		values = ""
	case diff.Old == nil:
		color, sign, values = s.green, "+", value(diff.New)
	case diff.New == nil:
		color, sign, values = s.red, "-", value(diff.Old)
	}
	if diff.Replaces {
		color, sign, values = s.magenta, "+-", values+" (replaces the resource)"
	}
	return strings.TrimRight(fmt.Sprintf("%s %s: %s", color.Render(sign), diff.Path, values), ": ")
}

func value(of any) string {
	text, err := board.JSON(of, "")
	if err != nil {
		return clean(fmt.Sprint(of))
	}
	return strings.TrimSuffix(string(text), "\n")
}

// Changes counts the steps by what they do, as "1 to update, 2 to delete".
func Changes(steps []scale.ResourceStep) string {
	counts := map[string]int{}
	var ops []string
	for _, step := range tidy(whole(steps)) {
		if counts[step.Op]++; counts[step.Op] == 1 {
			ops = append(ops, step.Op)
		}
	}
	if len(ops) == 0 {
		return "no resource changes"
	}
	for i, op := range ops {
		ops[i] = fmt.Sprintf("%d to %s", counts[op], op)
	}
	return strings.Join(ops, ", ")
}

// summary names the changed properties in one line, as "[diff: ~size]".
func summary(diffs []scale.PropertyDiff) string {
	if len(diffs) == 0 {
		return ""
	}
	names := make([]string, len(diffs))
	for i, diff := range diffs {
		sign := "~"
		switch {
		case diff.Old == nil && diff.New != nil:
			sign = "+"
		case diff.New == nil && diff.Old != nil:
			sign = "-"
		}
		names[i] = sign + diff.Path
	}
	return " [diff: " + strings.Join(names, ",") + "]"
}
