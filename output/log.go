package output

import (
	"fmt"
	"log/slog"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// The most that is logged of a value: the characters of a text, and the items of a list.
const (
	longestLogged = 4_000
	mostLogged    = 50
)

// LogAttr makes what is logged fit to be read in a terminal, and limits how long it is. It is the ReplaceAttr of
// [slog.HandlerOptions]. It keeps the lines of a text of several lines, because the handlers themselves escape the ends
// of lines.
func LogAttr(_ []string, a slog.Attr) slog.Attr {
	fit := func(text string) string { return board.Lines(board.Plain(text), longestLogged) }
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(fit(a.Value.String()))
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case error:
			a.Value = slog.StringValue(fit(v.Error()))
		case fmt.Stringer:
			a.Value = slog.StringValue(fit(v.String()))
		case []string:
			if more := len(v) - mostLogged; more > 0 {
				v = append(v[:mostLogged:mostLogged], fmt.Sprintf("… and %d more", more))
			}
			a.Value = slog.AnyValue(board.Texts(v, func(text string, _ board.Shape) string { return fit(text) }))
		case *slog.Source, nil:
		default:
			a.Value = slog.AnyValue(board.Texts(v, func(text string, _ board.Shape) string { return fit(text) }))
		}
	default: // numbers and times, and groups, whose members come one by one
	}
	return a
}
