package e2e

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

var updateScreenshots = flag.Bool("update-screenshots", false, "write the pictures in docs/images")

// browse opens the status page of the server in a browser of its own, with or without JavaScript. With JavaScript, the
// address holds the password, as a bookmark may. Without it, the browser is asked for the password.
//
//	browse
//	browse noscript
func browse(ts *testscript.TestScript, neg bool, args []string) {
	noscript := len(args) == 1 && args[0] == "noscript"
	if neg || len(args) > 0 && !noscript {
		ts.Fatalf("usage: browse [noscript]")
	}
	state := stateOf(ts)
	if state.browser != nil {
		state.browser.close()
	}
	b := openBrowser(ts)
	state.browser = b
	call(ts, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: noscript})
	b.screen(ts)
	if noscript {
		b.do(ts, chromedp.Navigate(b.home))
	} else {
		b.do(ts, chromedp.Navigate(strings.Replace(b.home, "://", "://ana:"+token+"@", 1)))
		_ = value[bool](ts, b, "window.unmoved = true")
	}
}

func browserOf(ts *testscript.TestScript) *browser {
	b := stateOf(ts).browser
	if b == nil {
		ts.Fatalf("browse comes first")
	}
	return b
}

// sees waits until the text of the page matches a regular expression, with single spaces for all white space. With ! it
// waits until the text does not match.
//
//	sees 'worker-pool 3 → 5'
func sees(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] sees REGEXP")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	b := browserOf(ts)
	ctx, cancel := b.timed()
	defer cancel()
	var text string
	for ctx.Err() == nil {
		// The page can still be asked without JavaScript of its own. It may be loading itself anew just now.
		if now, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText")); err == nil {
			if text = strings.Join(strings.Fields(now), " "); pattern.MatchString(text) != neg {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the page is never as it should be about %s:\n%s", args[0], text)
}

// unmoved checks that the page is still the one that was opened, and has not been loaded again.
func unmoved(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: unmoved")
	}
	if !value[bool](ts, browserOf(ts), "window.unmoved === true") {
		ts.Fatalf("the page has been loaded again")
	}
}

// quiet checks that the page has caused no error, violated no policy, and asked no other host for anything. With ! it
// checks that the page has caused what is named, and forgets it.
//
//	quiet
//	! quiet 'Content Security Policy'
func quiet(ts *testscript.TestScript, neg bool, args []string) {
	if neg != (len(args) == 1) {
		ts.Fatalf("usage: quiet; ! quiet TEXT")
	}
	b := browserOf(ts)
	b.mu.Lock()
	defer b.mu.Unlock()
	all := strings.Join(b.complaints, "\n")
	if !neg && all != "" || neg && !strings.Contains(all, args[0]) {
		ts.Fatalf("the browser complains of %q", all)
	}
	b.complaints = nil
}

// fits checks that nothing sticks out of the page at some widths, in pixels.
//
//	fits 360 768
func fits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: fits WIDTH...")
	}
	b := browserOf(ts)
	for _, arg := range args {
		width := pixels(ts, arg)
		b.prefer(ts, "light", width, 800)
		out := value[[]string](ts, b, `[...document.querySelectorAll("body *")]
			.filter((e) => !e.closest(".unseen, thead") && e.getBoundingClientRect().right > innerWidth + 0.5)
			.map((e) => e.outerHTML.slice(0, 120))`)
		if wide := value[int64](ts, b, "document.documentElement.scrollWidth"); wide > width || len(out) > 0 {
			ts.Fatalf("at %d pixels the page is %d wide; what sticks out: %q", width, wide, out)
		}
	}
	b.screen(ts)
}

func pixels(ts *testscript.TestScript, arg string) int64 {
	n, err := strconv.ParseInt(arg, 10, 64)
	ts.Check(err)
	return n
}

// tabs checks what the Tab key reaches from the top, in that order, by texts or labels. Each must show that it has the
// focus.
//
//	tabs 'Skip to the status' 'Pause updates' Status
func tabs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: tabs TEXT...")
	}
	b := browserOf(ts)
	var got []string
	for range len(args) + 5 {
		b.do(ts, chromedp.KeyEvent(kb.Tab))
		name := value[string](ts, b, `(() => { const e = document.activeElement;
			return e === document.body ? "" : (e.ariaLabel || e.textContent).trim() + (getComputedStyle(e).outlineStyle === "none" ? " without an outline" : "") })()`)
		if name == "" {
			break
		}
		got = append(got, name)
	}
	if diff := cmp.Diff(args, got); diff != "" {
		ts.Fatalf("the order of Tab (-want +got):\n%s", diff)
	}
}

// schemes checks that the page has dark colours if they are preferred, and else light ones.
func schemes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: schemes")
	}
	b := browserOf(ts)
	ground := `getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).reduce((sum, part) => sum + Number(part), 0)`
	b.prefer(ts, "dark", 1100, 900)
	dark := value[int](ts, b, ground)
	b.screen(ts)
	if light := value[int](ts, b, ground); dark > 180 || light < 600 { // of 765
		ts.Fatalf("the brightness is %d in the dark and %d in the light", dark, light)
	}
}

// picture writes a picture of the page for the documentation, but only with -update-screenshots. The height 0 stands
// for the whole page.
//
//	picture status-page.png 1100 0 light
func picture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: picture FILE WIDTH HEIGHT light|dark")
	}
	if !*updateScreenshots {
		return
	}
	b := browserOf(ts)
	width, height := pixels(ts, args[1]), pixels(ts, args[2])
	b.prefer(ts, args[3], width, max(height, 400))
	if height == 0 {
		b.prefer(ts, args[3], width, value[int64](ts, b, "Math.ceil(document.documentElement.scrollHeight)"))
	}
	shot := call(ts, b, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng})
	path := filepath.Join(ts.Getenv("ROOT"), "docs/images", args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(os.WriteFile(path, smaller(ts, shot.Data), 0o644))
	b.screen(ts)
}

// smaller is a picture with the colours of a palette, which are enough for a page of text.
func smaller(ts *testscript.TestScript, picture []byte) []byte {
	full, err := png.Decode(bytes.NewReader(picture))
	ts.Check(err)
	seen := map[color.Color]int{}
	for y := range full.Bounds().Dy() {
		for x := range full.Bounds().Dx() {
			seen[full.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(seen), func(a, b color.Color) int { return seen[b] - seen[a] })
	few := image.NewPaletted(full.Bounds(), colours[:min(len(colours), 256)])
	draw.Draw(few, few.Bounds(), full, image.Point{}, draw.Src)
	var out bytes.Buffer
	ts.Check((&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, few))
	return out.Bytes()
}
