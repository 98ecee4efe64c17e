package webhook

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/pulumiscale/pulumiscale/scale"
)

// page is the status page as it is now.
func (r *rig) page() *reply {
	r.t.Helper()
	return r.get("/").is(http.StatusOK)
}

// shows checks that the page's text, with single spaces for all white space, matches regular expressions.
func (r *rig) shows(patterns ...string) {
	r.t.Helper()
	text := textOf(r.t, r.page().Body.String())
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(text) {
			r.t.Errorf("the page does not show %s:\n%s", p, text)
		}
	}
}

// textOf is the text of a page, as a browser takes it.
func textOf(t testing.TB, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "meter" && n.Parent.Data != "noscript" {
			words = append(words, strings.Fields(n.Data)...)
		}
	}
	return strings.Join(words, " ")
}

func TestPageHeaders(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		for path, media := range map[string]string{
			"/": "text/html; charset=utf-8", "/page/style.css": "text/css; charset=utf-8", "/page/page.js": "text/javascript; charset=utf-8",
			"/page/icon.svg": "image/svg+xml",
		} {
			got := r.get(path).is(http.StatusOK)
			for name, want := range map[string]string{
				"Content-Type": media, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
				"X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
			} {
				if got.Header().Get(name) != want {
					t.Errorf("%s: %s is %q, want %q", path, name, got.Header().Get(name), want)
				}
			}
			policy := got.Header().Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: %s", path, policy)
			}
		}
	})
}

// The policy forbids what stands in the page itself, and the page has none of it.
func TestPageLoadsNothingFromElsewhereAndHasNothingInline(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		root, err := html.Parse(r.page().Body)
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Data == "style" || n.Data == "script" && n.FirstChild != nil {
				t.Errorf("an inline %s", n.Data)
			}
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
				}
				// The address must be relative, so that the page also works below a path of a proxy's.
				if (a.Key == "src" || a.Key == "href") && (strings.HasPrefix(a.Val, "/") || strings.Contains(a.Val, ":")) {
					t.Errorf("%s refers to %q", n.Data, a.Val)
				}
			}
		}
	})
}

func TestPageIsForThoseWithTheToken(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		for _, path := range []string{"/", "/page/style.css", "/page/page.js", "/page/icon.svg", "/status"} {
			got := r.send(httptest.NewRequest(http.MethodGet, path, http.NoBody)).is(http.StatusUnauthorized)
			if !strings.HasPrefix(got.Header().Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("%s: a browser is not asked for a password: %v", path, got.Header())
			}
			r.call(http.MethodGet, path, nil, "Authorization", basic("ana", tokenA)).is(http.StatusOK)
		}
		if got := r.call(http.MethodHead, "/", nil).is(http.StatusOK); got.Header().Get("Content-Type") == "" {
			t.Error(got.Header())
		}
	})
}

func TestPageWithNothingToShow(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.shows("Ready the stack was read", "api 2 1 10 no never worker 3 1 10 no never", "Recent scalings None yet")
		for _, absent := range []string{"running", "waiting", "failures", "rules", "unready", "differs"} {
			if strings.Contains(r.page().Body.String(), `id="`+absent+`"`) {
				t.Errorf("there is a section %q", absent)
			}
		}
		r.stack.set(func() { r.stack.rules = scale.Rules{} })
		if err := r.Queue.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.shows("The stack output pulumiscale has no pools")
	})
}

// A server whose stack has never been read has a page all the same.
func TestPageBeforeTheFirstReading(t *testing.T) {
	serving(t, func(t *testing.T, _ *rig) {
		fresh := newRig(t)
		fresh.shows("Not read yet", "The stack has not been read yet")
	})
}

func TestPageWhileTheStackCannotBeRead(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() { r.stack.readErr = &scale.UnavailableError{Detail: "dial tcp 10.0.0.1: connection refused"} })
		time.Sleep(time.Minute)
		r.shows("Stack cannot be read the stack was read 1m ago", "the backend cannot be reached: dial tcp 10.0.0.1: connection refused", "worker 3 1 10")
		r.stack.set(func() {
			r.stack.readErr = &scale.SetupError{Problem: "cannot read Pulumi.prod.yaml", Err: io.ErrUnexpectedEOF}
		})
		time.Sleep(time.Minute)
		r.shows("Stack cannot be read the stack was read 2m ago", "the stack cannot be read: cannot read Pulumi.prod.yaml: unexpected EOF")
	})
}

func TestPageOfARunningOperation(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		id := r.post(pathScale, `{"count":5,"reason":"sale begins"}`).is(202).operation()
		time.Sleep(updateTime / 2)
		r.shows(
			"Scaling the stack was read", `Running for 4\.\ds worker 3 → 5 http: sale begins count 5`,
			`running update pool cloud:index:Pool size 3 → 5 4\.\ds`, "worker 3 → 5 1 10",
		)
		body := r.page().Body.String()
		for _, want := range []string{
			`data-refresh="1000"`, `data-headline="Scaling worker 3 to 5"`, `href="operations/` + id + `"`,
			`<meter min="1" max="10" value="3" aria-label="worker: 3, from 1 to 10">`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("no %s in\n%s", want, body)
			}
		}
		// A dry run beside it is not shown as something that it is not.
		r.post("/scale/api?dryRun=true", `{"count":5}`).is(200)
		r.done(id, "scaled")
		r.shows("Ready", "worker 5 1 10 cooldown 4m", "worker 3 → 5 succeeded 10s http: sale begins")
		if body := r.page().Body.String(); !strings.Contains(body, `data-headline="worker was scaled 3 to 5"`) || !strings.Contains(body, `data-refresh="3000"`) {
			t.Error(body)
		}
	})
}

func TestPageOfAFailure(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() { r.stack.broken["worker"] = true })
		id := r.post(pathScale, `{"count":5}`).is(202).operation()
		r.done(id, "failed")
		r.shows("Failures failed worker 3 → 5", "http · operation", "the update failed: worker is broken")
		if body := r.page().Body.String(); !strings.Contains(body, `data-headline="Scaling worker 3 to 5: failed"`) {
			t.Error(body)
		}
		r.get("/operations/"+id).is(200, `"runs":[{"message":"pulumiscale: worker 3 -> 5 (http)"`, `"state":"failed"`)
	})
}

// What has been put right is no longer red.
func TestPageOfAMendedFailure(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() { r.stack.broken["worker"] = true })
		r.done(r.post(pathScale, `{"count":5}`).is(202).operation(), "failed")
		if body := r.page().Body.String(); !strings.Contains(body, `class="mark failed"`) {
			t.Error(body)
		}
		time.Sleep(2 * time.Second)
		r.stack.set(func() { r.stack.broken["worker"] = false })
		r.done(r.post(pathScale, `{"count":6}`).is(202).operation(), "scaled")
		r.shows("Failures failed, scaled since worker 3 → 5")
		if body := r.page().Body.String(); strings.Contains(body, `class="mark failed"`) || !strings.Contains(body, `<article class="mended">`) {
			t.Error(body)
		}
	})
}

func TestPageNamesTheProjectAndTheStack(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		want := "<h1>shop/" + r.stack.Name() + " <span>PulumiScale</span></h1>"
		if body := r.page().Body.String(); !strings.Contains(body, want) || !strings.Contains(body, " · shop/"+r.stack.Name()+" · PulumiScale</title>") {
			t.Errorf("no %s in\n%s", want, body)
		}
		r.get("/status").is(200, `"project":"shop"`)
	})
}

func TestPageOfWhatWaits(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.rule("worker", func(rule *scale.Rule) { rule.OnCooldown = scale.Defer })
		r.stack.scaled("worker", 4, time.Minute)
		r.post("/-/reload", nil).is(200)
		r.post(pathPrometheus, alertsOf("firing", `{"alertname":"HighCPU"}`)).is(202)
		r.shows(`Waiting .* worker signal HighCPU : operation of worker prometheus: HighCPU just now the cooldown, (4m|3m\d+s)`)
	})
}

// Pools that are not as they should be say so in words.
func TestPageNotes(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		seven := 7
		r.stack.rule("worker", func(rule *scale.Rule) { rule.Current, rule.Paused = &seven, scale.PauseUp })
		r.stack.rule("api", func(rule *scale.Rule) { rule.Paused, rule.Min = scale.PauseBoth, 4 })
		r.stack.set(func() { r.stack.file = map[string]string{"api": "9"} })
		r.post("/-/reload", nil).is(200)
		r.shows(
			"api 2 4 10 paused never", "The count is outside the guardrails.", "worker 7 1 10 paused up never", "The stack is configured for 3.",
			"Drift: apiCount is 9 in the config file and 2 in the last successful update; it is taken for an edit",
		)
		r.get("/pools/api").is(200, `"drift":{"pool":"api","configKey":"apiCount","file":"9","configured":"2","edit":true}`)
	})
}

// What is not as it was deployed stands near the top, and what waits for that stands below its pool.
func TestPageOfWhatWasDeployed(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() {
			r.stack.program = scale.Program{
				Deploy: &scale.Deploy{Head: "h", Commit: "aaaaaaaaaaaaaaaa"}, Commit: "bbbbbbbbbbbbbbbb", ConfigDiffers: []string{"demo:size"},
			}
			r.stack.pending = map[string][]scale.PendingChange{"worker": {{Op: "output", Name: "url"}}}
		})
		r.post("/-/reload", nil).is(200)
		time.Sleep(2 * time.Minute)
		r.shows(
			"Not as it was deployed the stack was deployed from commit aaaaaaaaaa, and this checkout is at commit bbbbbbbbbb "+
				"Pulumi.dev.yaml differs from the last successful update in demo:size: .* Pools Pool Count",
			"worker 3 1 10 no never Not scaled while changes are pending: stack output url.",
		)
		r.get("/pools").is(200, `"deployed":{"head":"h",`, `"commit":"bbbbbbbbbbbbbbbb"`, `"configDiffers":["demo:size"]`)
	})
}

func TestPageOfRulesWithMistakes(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() {
			r.stack.rulesErr = &scale.RulesError{Problems: []scale.Problem{{Pool: "worker", Field: "mni", Expected: "not a field of a rule", Suggestion: "min"}}}
		})
		r.post("/-/reload", nil).is(409)
		r.shows("Rules have mistakes", "The rules in force are the ones before", `worker: mni: not a field of a rule \(did you mean "min"\?\)`, "worker 3 1 10")
	})
}

// Names, reasons and the engine's words come from outside: they are text wherever they stand.
func TestPageEscapes(t *testing.T) {
	const forged = `<script>alert(1)</script><img src=x onerror="alert(2)">'"`
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() {
			r.stack.updates[0].By = forged
			r.stack.rulesErr = &scale.RulesError{Problems: []scale.Problem{{Pool: forged, Found: forged, Expected: forged}}}
			r.stack.broken["api"] = true
			r.stack.words = forged
		})
		r.stack.scaled("worker", 4, time.Hour)
		r.stack.set(func() { r.stack.updates[0].By, r.stack.updates[0].Message = forged, forged })
		r.post("/-/reload", nil).is(409)
		r.done(r.post("/scale/api", `{"count":5,"reason":"<script>alert(1)</script>"}`).is(202).operation(), "failed")
		r.post(pathPrometheus, alertsOf("firing", `{"alertname":"<script>alert(1)</script>"}`))
		r.post("/scale/api", `{"count":6,"reason":"<script>alert(1)</script>"}`).is(202)
		time.Sleep(updateTime / 2)
		body := r.page().Body.String()
		root, err := html.Parse(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		scripts, images := 0, 0
		for n := range root.Descendants() {
			switch {
			case n.Type != html.ElementNode:
			case n.Data == "script":
				scripts++
			case n.Data == "img":
				images++
			}
		}
		if scripts != 1 || images != 1 {
			t.Errorf("%d scripts and %d images:\n%s", scripts, images, body)
		}
		if text := textOf(t, body); strings.Count(text, forged) < 4 || strings.Count(text, "http: <script>alert(1)</script>") < 2 {
			t.Errorf("what was forged is not shown as it is:\n%s", text)
		}
	})
}

// A browser that has shown the page sends its password with whatever another site has it send.
func TestSitesCannotUseABrowsersPassword(t *testing.T) {
	posts := []string{pathScale + "?count=5", pathPrometheus, pathShared, pathCloudWatch, "/-/reload"}
	cases := map[string]struct {
		headers []string
		refused bool
	}{
		"a sender, which is no browser":             {nil, false},
		"a browser, for this page":                  {[]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, false},
		"a browser, by the user's own doing":        {[]string{"Sec-Fetch-Site", "none"}, false},
		"an old browser, for this page":             {[]string{"Origin", "http://example.com"}, false},
		"a browser, for another site":               {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example"}, true},
		"a browser, for another host of the domain": {[]string{"Sec-Fetch-Site", "same-site", "Origin", "http://other.example.com"}, true},
		"an old browser, for another site":          {[]string{"Origin", "https://elsewhere.example"}, true},
		"a browser, for a page without a site":      {[]string{"Origin", "null"}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) {
				for _, target := range posts {
					if got := r.post(target, nil, append(c.headers, "Authorization", basic("ana", tokenA))...); (got.Code == http.StatusForbidden) != c.refused {
						t.Errorf("%s is answered with %d: %s", target, got.Code, got.Body)
					}
				}
				if c.refused {
					r.stack.wantUntouched()
				}
				// A request that only looks changes nothing.
				r.call(http.MethodGet, "/pools", nil, c.headers...).is(http.StatusOK)
				// Without the token there is nothing to learn.
				request := httptest.NewRequest(http.MethodPost, pathScale, http.NoBody)
				for i := 0; i < len(c.headers); i += 2 {
					request.Header.Set(c.headers[i], c.headers[i+1])
				}
				r.send(request).is(http.StatusUnauthorized)
			})
		})
	}
}

func TestStatusIsWhatAViewNeeds(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() { r.stack.broken["api"] = true })
		r.done(r.post("/scale/api", `{"count":5}`).is(202).operation(), "failed")
		id := r.post(pathScale, `{"count":5}`).is(202).operation()
		time.Sleep(updateTime / 2)
		got := r.get("/status").is(200)
		for _, c := range []struct {
			want any
			path []any
		}{
			{"dev", []any{"stack"}},
			{true, []any{"ready"}},
			{"api", []any{"pools", 0, "pool"}},
			{id, []any{"running", "operations", 0}},
			{"running", []any{"running", "runs", 0, "steps", 0, "state"}},
			{"size", []any{"running", "runs", 0, "steps", 0, "diffs", 0, "path"}},
			{id, []any{"open", 0, "id"}},
			{"the update failed: api is broken", []any{"failures", 0, "error"}},
			{false, []any{"scalings", 0, "succeeded"}},
			{"http", []any{"scalings", 0, "why"}},
		} {
			if at := got.at(c.path...); at != c.want {
				t.Errorf("%v is %v, want %v: %s", c.path, at, c.want, got.Body)
			}
		}
		r.done(id, "scaled")
		if got := r.get("/status").is(200); got.at("running") != nil || got.at("open", 0) != nil {
			t.Error(got.Body)
		}
	})
}
