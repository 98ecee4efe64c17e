// Package output renders what PulumiScale found out and did: tables, decisions, diffs and live progress for people, and
// JSON documents for scripts.
//
// Of this module it imports only the domain: package scale and the packages below it. Rendering is pure: values go in
// and text comes out. A [Style] holds what rendering needs to know of the terminal. Only [Progress], and the trace of
// [OpenTrace], write by themselves. The package must not decide anything, read the environment or exit.
package output

import (
	"io"
	"regexp"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Color says whether text is coloured, in the words of Pulumi's own --color.
type Color string

const (
	// ColorAuto colours what goes to a terminal.
	ColorAuto Color = "auto"
	// ColorAlways colours everything.
	ColorAlways Color = "always"
	// ColorNever colours nothing.
	ColorNever Color = "never"
	// ColorRaw colours nothing and leaves Pulumi's colour tags, such as <{%fg 1%}>, in what the engine says.
	ColorRaw Color = "raw"
)

// Style is how text looks on one stream. The zero Style is not valid; use [NewStyle].
type Style struct {
	width func() int
	color bool
	raw   bool

	plain, bold, dim, green, yellow, red, magenta lipgloss.Style
}

// NewStyle makes a style. ColorAuto counts as ColorNever, because only the caller knows whether there is a terminal.
// width is called whenever lines must be cut, and returns 0 if lines need not be cut. If width is nil, no lines are
// cut.
func NewStyle(color Color, width func() int) *Style {
	if width == nil {
		width = func() int { return 0 }
	}
	profile := termenv.Ascii
	if color == ColorAlways {
		profile = termenv.ANSI
	}
	renderer := lipgloss.NewRenderer(io.Discard)
	renderer.SetColorProfile(profile)
	paint := func(color string) lipgloss.Style { return renderer.NewStyle().Foreground(lipgloss.Color(color)) }
	return &Style{
		width: width, color: color == ColorAlways, raw: color == ColorRaw,
		plain: renderer.NewStyle(), bold: renderer.NewStyle().Bold(true), dim: renderer.NewStyle().Faint(true),
		green: paint("2"), yellow: paint("3"), red: paint("1"), magenta: paint("5"),
	}
}

// cut shortens a line to the terminal's width.
func (s *Style) cut(line string) string {
	if width := s.width(); width > 0 {
		return ansi.Truncate(line, width, "…")
	}
	return line
}

// engine returns the engine's text, with Pulumi's colour commands turned into what the stream understands. [tidy] must
// have made the text fit.
func (s *Style) engine(text string) string {
	if s.raw {
		return text
	}
	if !s.color {
		return board.Plain(text)
	}
	tagged := false
	text = board.ColorTag.ReplaceAllStringFunc(text, func(tag string) string {
		tagged = true
		return escape(board.ColorTag.FindStringSubmatch(tag)[1])
	})
	if tagged {
		text += escape("reset")
	}
	return text
}

var colorNumber = regexp.MustCompile(`^[0-9]{1,3}$`)

// escape returns the terminal's escape sequence for one of Pulumi's colour commands. It returns "" for an unknown
// command.
func escape(command string) string {
	switch command {
	case "reset":
		return "\x1b[0m"
	case "bold":
		return "\x1b[1m"
	case "underline":
		return "\x1b[4m"
	}
	if color, ok := strings.CutPrefix(command, "fg "); ok && colorNumber.MatchString(color) {
		return "\x1b[38;5;" + color + "m"
	}
	if color, ok := strings.CutPrefix(command, "bg "); ok && colorNumber.MatchString(color) {
		return "\x1b[48;5;" + color + "m"
	}
	return ""
}
