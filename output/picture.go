package output

import (
	"fmt"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	eraseBelow = "\r\x1b[J"
	spinner    = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
	// mostLines limits the lines of the picture, so that it always fits a terminal: lines that have scrolled away
	// cannot be drawn over.
	mostLines = 10
)

// print writes text and, on a live terminal, redraws the picture below the text. All of it is one write, so that
// nothing flickers. p.mu must be held.
func (p *Progress) print(text string) {
	if !p.live {
		if text != "" {
			_, _ = fmt.Fprint(p.out, text) // there is nowhere to report it
		}
		return
	}
	picture := p.picture()
	if text == "" && len(picture) == 0 && p.drawn == 0 {
		return
	}
	var out strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA", p.drawn)
		out.WriteString(eraseBelow)
	}
	out.WriteString(text)
	switch {
	case p.drawn == 0 && len(picture) > 0:
		out.WriteString(hideCursor)
	case p.drawn > 0 && len(picture) == 0:
		out.WriteString(showCursor)
	}
	for _, line := range picture {
		out.WriteString(p.style.cut(line) + "\n")
	}
	p.drawn = len(picture)
	_, _ = fmt.Fprint(p.out, out.String()) // there is nowhere to report it
}

// picture has the lines at the bottom of the terminal: a line for each running step, or one for the work as a whole.
func (p *Progress) picture() []string {
	if p.closed || p.work == "" {
		return nil
	}
	now := p.now()
	frames := []rune(spinner)
	spin := string(frames[int(now.Sub(p.begun)/frame)%len(frames)])
	var lines []string
	for i, s := range p.running {
		if i == mostLines {
			lines = append(lines, fmt.Sprintf("  … and %d more", len(p.running)-i))
			break
		}
		s.step = tidy(s.step)
		op := operationOf(s.step.Op)
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s %s", op.color(p.style).Render(spin), op.color(p.style).Render(fmt.Sprintf("%-2s", op.sign)),
			s.step.Type, s.step.Name, op.doing, p.style.dim.Render("("+board.Elapsed(now.Sub(s.at))+")")))
	}
	if len(lines) == 0 {
		lines = append(lines, fmt.Sprintf("%s %s %s", spin, p.work, p.style.dim.Render("("+board.Elapsed(now.Sub(p.begun))+")")))
	}
	return lines
}
