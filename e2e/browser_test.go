package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/rogpeppe/go-internal/testscript"
)

// browser is a Chromium of a script's own, with one page in it.
type browser struct {
	// ctx is the page's. close ends the browser.
	ctx   context.Context
	close func()
	// home is the address of the server. The page must ask nothing else.
	home string

	mu sync.Mutex
	// complaints are what the page must not cause: errors in the console, uncaught exceptions, violations of its
	// policy, requests that fail, and requests to other hosts.
	complaints []string
}

// pageTimeout is how long anything in the browser is waited for. It is long because a busy machine is slow to draw.
const pageTimeout = time.Minute

// openBrowser starts a browser that answers the server's challenge as a person would: with any user, and with the
// token.
func openBrowser(ts *testscript.TestScript) *browser {
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "en"), chromedp.UserDataDir(ts.Getenv("WORK")+"/chromium"))
	if path := os.Getenv("CHROMIUM"); path != "" {
		options = append(options, chromedp.ExecPath(path))
	}
	allocated, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closePage := chromedp.NewContext(allocated)
	b := &browser{ctx: ctx, close: func() { closePage(); free() }, home: ts.Getenv("SERVE_URL") + "/"}
	ts.Check(chromedp.Listen(ctx, b.listen))
	call(ts, b, fetch.Enable, fetch.EnableParams{HandleAuthRequests: new(true)})
	call(ts, b, log.Enable, cdp.Empty{})
	call(ts, b, audits.Enable, cdp.Empty{})
	return b
}

// listen answers the server's challenge, and notes what the page must not cause.
func (b *browser) listen(event any) {
	switch e := event.(type) {
	case *fetch.EventAuthRequired:
		go func() {
			_, _ = chromedp.Call(b.ctx, fetch.ContinueWithAuth, fetch.ContinueWithAuthParams{
				RequestID: e.RequestID,
				AuthChallengeResponse: &fetch.AuthChallengeResponse{
					Response: fetch.AuthChallengeResponseResponseProvideCredentials, Username: "ana", Password: token,
				},
			})
		}()
	case *fetch.EventRequestPaused:
		if asked, err := url.Parse(e.Request.URL); err != nil || "http://"+asked.Host+"/" != b.home {
			b.complain("a request to " + e.Request.URL)
		}
		go func() {
			_, _ = chromedp.Call(b.ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID})
		}()
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			b.complain(fmt.Sprintf("%s is answered with %d", e.Response.URL, e.Response.Status))
		}
	case *log.EventEntryAdded:
		b.complain(fmt.Sprintf("%s, %s: %s", e.Entry.Source, e.Entry.Level, e.Entry.Text))
	case *runtime.EventConsoleAPICalled:
		b.complain("the console is used: " + string(e.Type))
	case *runtime.EventExceptionThrown:
		b.complain("an exception: " + e.ExceptionDetails.Text)
	case *audits.EventIssueAdded:
		b.complain("an issue: " + string(e.Issue.Code))
	}
}

func (b *browser) complain(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, what)
}

// timed is the page's context for one thing to do.
func (b *browser) timed() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, pageTimeout)
}

// do does things in the page.
func (b *browser) do(ts *testscript.TestScript, steps ...chromedp.Action[chromedp.Void]) {
	ctx, cancel := b.timed()
	defer cancel()
	ts.Check(chromedp.Do(ctx, steps...))
}

// value is the value of an expression in the page, once it is there.
func value[T any](ts *testscript.TestScript, b *browser, expression string) T {
	ctx, cancel := b.timed()
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	ts.Check(err)
	return out
}

// call calls a command of the browser's protocol.
func call[P, R any](ts *testscript.TestScript, b *browser, command cdp.Command[P, R], params P) R {
	ctx, cancel := b.timed()
	defer cancel()
	out, err := chromedp.Call(ctx, command, params)
	ts.Check(err)
	return out
}

// prefer makes the browser prefer light or dark colours. It makes the page so many pixels wide and high.
func (b *browser) prefer(ts *testscript.TestScript, scheme string, width, height int64) {
	call(ts, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	b.do(ts, chromedp.EmulateViewport(width, height))
}

// screen makes the page that of an ordinary screen.
func (b *browser) screen(ts *testscript.TestScript) { b.prefer(ts, "light", 1100, 900) }
