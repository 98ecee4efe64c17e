package output

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// drawn is a pool of 5 with other bounds since an hour, over a span in whose course it was scaled four times.
func drawn(span string) board.Timeline {
	part := board.SpanNamed(span).Length / 60
	scaling := func(parts, from, to int, succeeded bool) scale.Scaling {
		return scale.Scaling{Pool: "worker-pool", From: from, To: to, Update: scale.Update{Succeeded: succeeded, End: noon.Add(-time.Duration(parts) * part)}}
	}
	return board.TimelineOf(board.Past{
		Rule:  scale.Rule{Pool: "worker-pool", Min: 2, Max: 14, Schedules: []scale.Window{{Name: "noon", From: 11 * 60, To: 15 * 60, Min: 4, Max: 12}}},
		Count: num(5), Since: noon.Add(-50 * part),
		Scalings: []scale.Scaling{scaling(5, 11, 5, true), scaling(20, 11, 14, false), scaling(25, 3, 11, true), scaling(40, 6, 3, true)},
	}, board.SpanNamed(span), noon)
}

func TestPlot(t *testing.T) {
	check(t, narrow(40).Plot(drawn("6h"), Blocks), `
worker-pool over the last 6 hours:
between 3 and 11, now 5, known since
07:00
14 ┤╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
   │                              ╌╌╌╌╌╌
   │                     ▇▇▇▇▇▇▇▇▇▇▇▇
   │                     ████████████
   │                     ████████████
 7 ┤      ▂▂▂▂▂▂         ████████████
   │      ██████         ████████████▅▅▅
   │      ██████▁▁▁▁▁▁▁▁▁█████████▒▒▒▒▒▒
   │╌╌╌╌╌╌▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒██████
   │      ██████████████████████████████
 0 └──────┬─────┬─────┬─────┬─────┬─────
        07:00       09:00       11:00
                ▼        ▲  ✕        ▼

█ count  ╌ bounds  ▒ lower bound
▲ scaled out  ▼ scaled in  ✕ failed
within 2 and 14, from 11:00 within 4 and
12
4 scalings: 6 to 3 at 08:00, 3 to 11 at
09:30, 11 to 14 at 10:00 failed, 11 to 5
at 11:30
`[1:])
	check(t, narrow(40).Plot(drawn("6h"), ASCII), `
worker-pool over the last 6 hours:
between 3 and 11, now 5, known since
07:00
14 +------------------------------
   |                              ------
   |                     ############
   |                     ############
   |                     ############
 7 +                     ############
   |      ######         ###############
   |      ######         #########::::::
   |------::::::::::::::::::::::::######
   |      ##############################
 0 +------+-----+-----+-----+-----+-----
        07:00       09:00       11:00
                v        ^  x        v

# count  - bounds  : lower bound
^ scaled out  v scaled in  x failed
within 2 and 14, from 11:00 within 4 and
12
4 scalings: 6 to 3 at 08:00, 3 to 11 at
09:30, 11 to 14 at 10:00 failed, 11 to 5
at 11:30
`[1:])
}

// The picture is as wide as the terminal, and no wider. Off a terminal it has a width of its own.
func TestPlotFitsTheTerminal(t *testing.T) {
	for _, span := range []string{"6h", "day", "week"} {
		for _, width := range []int{20, 21, 40, 80, 133, 300} {
			for _, set := range []Charset{Blocks, ASCII} {
				widest, text := 0, NewStyle(ColorAlways, func() int { return width }).Plot(drawn(span), set)
				for line := range strings.Lines(text) {
					widest = max(widest, ansi.StringWidth(strings.TrimSuffix(line, "\n")))
				}
				if widest > width || width > 40 && widest < width-len(gap) {
					t.Errorf("%s, %s: the widest line of %d has %d:\n%s", span, set, width, widest, text)
				}
				if set == ASCII && strings.ContainsFunc(text, func(r rune) bool { return r > 126 }) {
					t.Errorf("what is not ASCII is in\n%s", text)
				}
			}
		}
	}
	if text := bare.Plot(drawn("6h"), Blocks); ansi.StringWidth(strings.Split(text, "\n")[11]) != plotWidth {
		t.Errorf("off a terminal:\n%s", text)
	}
	if text := narrow(3).Plot(drawn("6h"), Blocks); text != narrow(leastPlot).Plot(drawn("6h"), Blocks) {
		t.Errorf("on a very narrow one:\n%s", text)
	}
}

// Colour says nothing that signs do not say.
func TestPlotIsTheSameWithoutColour(t *testing.T) {
	width := func() int { return 60 }
	coloured := NewStyle(ColorAlways, width).Plot(drawn("day"), Blocks)
	check(t, ansi.Strip(coloured), NewStyle(ColorNever, width).Plot(drawn("day"), Blocks))
	if !strings.Contains(coloured, "\x1b[") {
		t.Error("there is no colour")
	}
}

func TestPlotOfWhatIsNotKnown(t *testing.T) {
	line := board.TimelineOf(board.Past{Rule: scale.Rule{Pool: "api", Max: 500}}, board.SpanNamed("6h"), noon)
	text := narrow(60).Plot(line, Blocks)
	for _, want := range []string{"api over the last 6 hours: the count is not known\n", "within 0 and 500\n", "no scaling\n", "(the upper one is above the picture)"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "█") {
		t.Errorf("a count is drawn:\n%s", text)
	}
}

// The least count is seen, and a count of 0 is none.
func TestPlotShowsTheLeastCount(t *testing.T) {
	for count, want := range map[int]bool{0: false, 1: true} {
		past := board.Past{Rule: scale.Rule{Pool: "api", Max: 7000}, Count: &count, Since: noon.Add(-9 * time.Hour), Scalings: []scale.Scaling{
			{Pool: "api", From: 900, To: count, Update: scale.Update{Succeeded: true, End: noon.Add(-3 * time.Hour)}},
		}}
		rows := strings.Split(narrow(60).Plot(board.TimelineOf(past, board.SpanNamed("6h"), noon), Blocks), "\n")
		if last := rows[plotHeight]; strings.HasSuffix(last, "▁") != want {
			t.Errorf("of %d: %s", count, strings.Join(rows, "\n"))
		}
	}
}
