package e2e

import (
	"fmt"
	"html"
	"image/color"
	"os"
	"path/filepath"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/rogpeppe/go-internal/testscript"
)

// shot writes a picture of the terminal for the documentation, but only with -update-screenshots. A prompt with the
// command may stand above it, as if somebody had typed it.
//
//	shot watch.png
//	shot scale.png '$ pulumiscale scale worker-pool --delta 3'
func shot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: shot FILE [PROMPT]")
	}
	if !*updateScreenshots {
		return
	}
	c := consoleOf(ts)
	prompt := ""
	if len(args) == 2 {
		prompt = html.EscapeString(args[1]) + "\n"
	}
	file := filepath.Join(ts.Getenv("WORK"), "terminal.html")
	ts.Check(os.WriteFile(file, []byte(fmt.Sprintf(terminalPage, prompt, c.html())), 0o644))
	b := openBrowser(ts)
	defer b.close()
	b.do(ts, chromedp.Navigate("file://"+file))
	b.prefer(ts, "dark", 1600, 1200)
	width := value[int64](ts, b, "Math.ceil(document.querySelector('pre').getBoundingClientRect().width)")
	height := value[int64](ts, b, "Math.ceil(document.querySelector('pre').getBoundingClientRect().height)")
	b.prefer(ts, "dark", width, height)
	picture := call(ts, b, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng})
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("ROOT"), "docs/images", args[0]), smaller(ts, picture.Data), 0o644))
}

// terminalPage is a page that looks like a terminal.
const terminalPage = `<!doctype html><meta charset="utf-8"><style>
body { margin: 0; background: #0d1117 }
pre { display: inline-block; margin: 0; padding: 14px 18px; color: #d6dde6; background: #0d1117; font: 15px/1.3 "DejaVu Sans Mono", monospace }
</style><pre>%s%s</pre>`

// html is what is on the screen, down to the last line that has something.
func (c *console) html() string {
	var lines []string
	last := 0
	for y := range c.Height() {
		var line strings.Builder
		for x := range c.Width() {
			if cell := c.CellAt(x, y); cell != nil && cell.Width > 0 {
				fmt.Fprintf(&line, `<span style="%s">%s</span>`, styleOf(cell.Style), html.EscapeString(cell.Content))
				if cell.Content != " " {
					last = y
				}
			}
		}
		lines = append(lines, line.String())
	}
	return strings.Join(lines[:last+1], "\n")
}

// styleOf is how a cell looks, in CSS.
func styleOf(s uv.Style) string {
	var out []string
	if s.Fg != nil {
		out = append(out, "color:"+cssColor(s.Fg))
	}
	if s.Attrs&uv.AttrBold != 0 {
		out = append(out, "font-weight:bold")
	}
	if s.Attrs&uv.AttrFaint != 0 {
		out = append(out, "opacity:.62")
	}
	return strings.Join(out, ";")
}

// palette are the eight colours of a terminal.
var palette = []string{"#484f58", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#d6dde6"}

func cssColor(c color.Color) string {
	if basic, ok := c.(ansi.BasicColor); ok && int(basic) < len(palette) {
		return palette[basic]
	}
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
