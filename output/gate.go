package output

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// tidy returns a copy of a value with texts that are fit to be shown: see [board.Texts]. Each exported method of
// [Style] calls tidy first, before anything is coloured. So all escape sequences in the method's result are written by
// this package, and [Gate] lets only those pass. Values of somebody's program stay as they are, because [value] escapes
// them. Pulumi's colour commands stay if a text has several lines: see [Style.engine].
func tidy[T any](of T) T {
	return board.Texts(of, func(text string, shape board.Shape) string {
		switch shape {
		case board.Value:
			return text
		case board.SeveralLines:
			return cleanTagged(text)
		}
		return clean(text)
	})
}

// clean turns a text from elsewhere into a single line that does nothing to a terminal. The line has no escape
// sequences, no colour commands of Pulumi's, and no characters that control, hide or reorder.
func clean(text string) string { return board.OneLine(board.Plain(text), board.LongestLine) }

// cleanLines is like [clean], for a text of several lines. The lines keep their indentation.
func cleanLines(text string) []string {
	return strings.Split(board.Lines(strings.TrimSpace(board.Plain(text)), board.LongestLines), "\n")
}

// cleanTagged makes a text of several lines do nothing to a terminal. It keeps Pulumi's colour commands.
func cleanTagged(text string) string {
	var out strings.Builder
	for _, piece := range pieces(text) {
		out.WriteString(piece.text)
		out.WriteString(piece.tag)
	}
	return board.Lines(out.String(), board.LongestLines)
}

// piece is a text without colour commands, and the colour command of Pulumi's that follows the text.
type piece struct{ text, tag string }

func pieces(text string) []piece {
	var out []piece
	from := 0
	for _, at := range board.ColorTag.FindAllStringIndex(text, -1) {
		out = append(out, piece{board.Plain(text[from:at[0]]), text[at[0]:at[1]]})
		from = at[1]
	}
	return append(out, piece{text: board.Plain(text[from:])})
}

// sequence is one of the escape sequences that this package writes: colours, and what [Progress] draws with.
var sequence = regexp.MustCompile(`^(\x1b\[[0-9;]{0,20}m|\x1b\[[0-9]{1,4}A|\x1b\[\?25[lh]|\r\x1b\[J)`)

// Gate writes to a terminal or a file. It drops all characters that are not shown, except the ends of lines, tabs, and
// the escape sequences of this package. The gate is the last safeguard, for texts that [tidy] has missed. It is safe
// for concurrent use.
type Gate struct {
	to io.Writer

	mu sync.Mutex
	// rest is the beginning of a character whose other bytes are still to come. Write reads and writes it under mu.
	rest []byte
}

// NewGate makes a gate before a stream.
func NewGate(to io.Writer) *Gate { return &Gate{to: to} }

// passes says whether a character by itself passes the gate.
func passes(r rune) bool { return board.Shown(r) || r == '\n' || r == '\t' }

// Write implements [io.Writer]. An escape sequence must be written in one call.
func (g *Gate) Write(text []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.rest) == 0 && !bytes.ContainsFunc(text, func(r rune) bool { return !passes(r) || r == utf8.RuneError }) {
		return g.to.Write(text)
	}
	all := slices.Concat(g.rest, text)
	g.rest = nil
	out := make([]byte, 0, len(all))
	for len(all) > 0 {
		if !utf8.FullRune(all) {
			g.rest = append(g.rest, all...)
			break
		}
		if all[0] == '\x1b' || all[0] == '\r' {
			if own := sequence.Find(all); own != nil {
				out, all = append(out, own...), all[len(own):]
				continue
			}
		}
		r, size := utf8.DecodeRune(all)
		if passes(r) {
			out = utf8.AppendRune(out, r)
		}
		all = all[size:]
	}
	if _, err := g.to.Write(out); err != nil {
		return 0, err
	}
	return len(text), nil
}
