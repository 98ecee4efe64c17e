package cmd

import (
	"io"
	"os"
	"slices"

	"golang.org/x/term"

	"github.com/pulumiscale/pulumiscale/cmd/signals"
	"github.com/pulumiscale/pulumiscale/output"
)

// streams are the standard streams, and what is known of the terminal behind them.
type streams struct {
	in io.Reader
	// out and errs are behind a gate, which lets no escape sequences pass to a terminal except our own: see
	// [output.Gate].
	out, errs io.Writer
	// screen is stdout itself, for what draws on the whole terminal.
	screen io.Writer
	// inTTY, outTTY and errTTY say which of the standard streams is a terminal.
	inTTY, outTTY, errTTY bool
	outWidth, errWidth    func() int
	// terminalGone says whether one of the streams was a terminal and no longer is. A server ends in that case.
	terminalGone func() bool
	// noColor says that the user wants no colour anywhere. dumb says that the terminal knows no escape sequences.
	noColor, dumb bool
}

func standard(in, out, errs *os.File) streams {
	return streams{
		in: in, out: output.NewGate(out), errs: output.NewGate(errs), screen: out,
		inTTY: isTerminal(in), outTTY: isTerminal(out), errTTY: isTerminal(errs),
		outWidth: widthOf(out), errWidth: widthOf(errs),
		terminalGone: terminalGone(in, out, errs),
		noColor:      os.Getenv("NO_COLOR") != "", dumb: os.Getenv("TERM") == "dumb",
	}
}

// terminalGone returns a function that says, at each call, whether one of the files was a terminal and no longer is.
func terminalGone(files ...*os.File) func() bool {
	terminals := slices.DeleteFunc(files, func(f *os.File) bool { return !isTerminal(f) })
	if signals.IgnoresHangup() {
		terminals = nil
	}
	return func() bool { return slices.ContainsFunc(terminals, func(f *os.File) bool { return !isTerminal(f) }) }
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

func widthOf(f *os.File) func() int {
	return func() int {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return width
	}
}

// outStyle and errStyle are how text looks on stdout and stderr.
func (a *app) outStyle() *output.Style { return a.style(a.outTTY, a.outWidth) }
func (a *app) errStyle() *output.Style { return a.style(a.errTTY, a.errWidth) }

func (a *app) style(tty bool, width func() int) *output.Style {
	color := a.settings.color
	if color == output.ColorAuto || color == "" {
		color = output.ColorNever
		if tty && !a.noColor && !a.dumb {
			color = output.ColorAlways
		}
	}
	if !tty {
		width = nil
	}
	return output.NewStyle(color, width)
}

// live says whether progress is drawn as a moving picture.
func (a *app) live() bool {
	return a.errTTY && !a.dumb && !a.settings.nonInteractive && !a.settings.json
}

// asks says whether there is somebody to answer a question.
func (a *app) asks() bool { return a.inTTY && a.errTTY && !a.settings.nonInteractive }
