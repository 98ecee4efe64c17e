package output

import (
	"fmt"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Trouble is what went wrong, in words for people.
type Trouble struct {
	// HeldOff says that nothing is wrong: what was asked for must wait.
	HeldOff bool
	// Message says what happened, and Hint what to do. The hint may be empty.
	Message string `text:"lines"`
	Hint    string `text:"lines"`
	// Diagnostics are the messages of the engine that nobody has seen yet.
	Diagnostics []scale.Diagnostic
}

// Trouble renders trouble: the error on a line, the engine's messages below it, and the hint on a line of its own.
func (s *Style) Trouble(t Trouble) string {
	t = tidy(t)
	var out strings.Builder
	label := s.red.Render("error:")
	if t.HeldOff {
		label = s.yellow.Render("held off:")
	}
	fmt.Fprintf(&out, "%s %s\n", label, s.engine(t.Message))
	for _, d := range scale.SayOnce(t.Diagnostics) {
		out.WriteString(indent(s.saidOf(d), "  ") + "\n")
	}
	if t.Hint != "" {
		fmt.Fprintf(&out, "%s %s\n", s.bold.Render("hint:"), t.Hint)
	}
	return out.String()
}

// saidOf renders a message of the engine. If it is about several resources, they stand below it, each on a line.
func (s *Style) saidOf(d scale.SaidOf) string {
	if len(d.URNs) < 2 {
		return s.diagnostic(d.Diagnostic)
	}
	d.URN = ""
	var out strings.Builder
	out.WriteString(s.diagnostic(d.Diagnostic))
	for _, urn := range d.URNs {
		typ, name := board.ResourceOf(urn)
		fmt.Fprintf(&out, "\n  of %s (%s)", typ, name)
	}
	return out.String()
}

// diagnostic renders a message of the engine, after the resource that the message is about. A message that only informs
// has no label.
func (s *Style) diagnostic(d scale.Diagnostic) string {
	label := ""
	switch d.Severity {
	case "error":
		label = s.red.Render("error:") + " "
	case "warning":
		label = s.yellow.Render("warning:") + " "
	}
	if typ, name := board.ResourceOf(d.URN); d.URN != "" {
		label += fmt.Sprintf("%s (%s): ", typ, name)
	}
	message := strings.TrimSpace(s.engine(d.Message))
	if label != "" && strings.Contains(message, "\n") {
		return strings.TrimSuffix(label, " ") + "\n" + indent(message, "  ")
	}
	return label + message
}

// Note renders a remark.
func (s *Style) Note(text string) string {
	return s.bold.Render("note:") + " " + board.Lines(board.Plain(text), board.LongestLines) + "\n"
}

// DriftNote says that the configuration file differs from the last successful update, and what was done about it.
func DriftNote(d scale.Drift, restored bool) string {
	switch {
	case restored:
		return d.String() + "; the file has been put right"
	case d.Edit:
		return d.String() + "; no update ever had that value, so it is taken for an edit on its way to `pulumi up` and left alone"
	}
	return d.String() + "; the file is left as it is"
}

// PendingNote says that a pool is not scaled while changes are pending.
func PendingNote(pool string, pending []scale.PendingChange) string {
	return fmt.Sprintf("pool %s: not scaled while changes are pending: %s", pool, scale.DescribePending(pending))
}

// eventText says what people are told about an event. It returns "" if there is nothing to say.
func (s *Style) eventText(event scale.Event) string {
	switch e := tidy(event).(type) {
	case scale.Waiting:
		return s.Note("another pulumiscale is at work here (" + e.Lock + "); waiting for it to end")
	case scale.Retrying:
		return s.yellow.Render("retry:") + fmt.Sprintf(" %v; retry %d of %d in %s\n", e.Err, e.Attempt, e.Of, board.Elapsed(e.Delay))
	case scale.Drifted:
		return s.Note(DriftNote(e.Drift, e.Restored))
	case scale.Diagnosed:
		return s.diagnostic(e.Diagnostic) + "\n"
	case scale.Proving:
		return s.Note("checking whether the update would also make pending changes")
	case scale.Stale:
		return s.Note(e.Err.What + "; computing the count again")
	case scale.Overtaken:
		return s.Note("another update of the stack finished first; computing the count again from its result: " + strings.Join(e.Pools, ", "))
	case scale.PendingOperations:
		return s.pending(e)
	case scale.LockRemoved:
		return s.Note(removedLock(e.Holders))
	case scale.Settling:
		return s.Note("an update failed or was cut off; bringing back to the previous count: " + strings.Join(e.Pools, ", "))
	case scale.Settled:
		if e.Err != nil {
			return s.yellow.Render("warning:") + fmt.Sprintf(" not yet back at the previous count: %s (%v)\n", strings.Join(e.Pools, ", "), e.Err)
		}
		return s.Note("back at the previous count: " + strings.Join(e.Pools, ", "))
	}
	return s.programText(event)
}

// committed names the commit that was made on a branch, and the edits there that were left alone.
func (s *Style) committed(c scale.Committed) string {
	var out strings.Builder
	if c.Commit != "" {
		out.WriteString(s.Note(fmt.Sprintf("committed on branch %s: %s", c.Branch, scale.Abbreviate(c.Commit))))
	}
	for _, edit := range c.Edits {
		out.WriteString(s.Note(edit.String() + "; no update of ours brought it there, so it is taken for somebody's edit and left alone"))
	}
	return out.String()
}

// programText says what people are told about the program in the clone and about commits of counts. It returns "" if
// there is nothing to say.
func (s *Style) programText(event scale.Event) string {
	switch e := tidy(event).(type) {
	case scale.CountsCommitted:
		return s.committed(e.Committed)
	case scale.CountsNotCommitted:
		return s.yellow.Render("warning:") + fmt.Sprintf(" the count is not committed on branch %s: %v; the next scaling there, or a server, commits it\n", e.Branch, e.Err)
	case scale.ProgramMoving:
		return s.Note("bringing the program to commit " + scale.Abbreviate(e.To) + ", from which the stack was deployed")
	case scale.ProgramPreparing:
		return s.Note("preparing the program: " + e.Command)
	case scale.ProgramMoved:
		return s.Note(fmt.Sprintf("the program is at commit %s and prepared, after %s", scale.Abbreviate(e.To), board.Elapsed(e.Took)))
	case scale.ProgramEdited:
		return s.yellow.Render("warning:") + fmt.Sprintf(" files in PulumiScale's own checkout of the program were edited (%s): the edits are saved as git ref %s and removed from it\n",
			strings.Join(e.Files, ", "), e.Ref)
	}
	return ""
}

func removedLock(of []scale.LockHolder) string {
	if len(of) == 0 {
		return "an engine could not write its lock and left a damaged one; removed it"
	}
	return "the engine of an earlier pulumiscale died and left the stack locked; removed the lock of " + holders(of)
}

func holders(of []scale.LockHolder) string {
	out := make([]string, len(of))
	for i, h := range of {
		out[i] = h.String()
	}
	return strings.Join(out, "; ")
}

func (s *Style) pending(e scale.PendingOperations) string {
	names := make([]string, len(e.URNs))
	for i, urn := range e.URNs {
		_, names[i] = board.ResourceOf(urn)
	}
	return s.yellow.Render("warning:") + fmt.Sprintf(" %s, of an update that still runs or was interrupted: %s\n",
		plural(len(names), "pending operation"), strings.Join(names, ", "))
}
