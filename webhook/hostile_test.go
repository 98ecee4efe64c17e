package webhook

import (
	"bytes"
	"errors"
	"html/template"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// FuzzPage holds that no text from outside brings a character that hides, reorders or controls to the page or to a
// document of the API, wherever the text stands in them.
func FuzzPage(f *testing.F) {
	for _, text := range []string{
		"a\x1b[2Jb", "\u202e", "\u2066x", "\u200b\ufeff\u00ad", "\x7f\u009b31m", "\xff\xfe", "\u2028\u2029", "\U000e0041", "\u3164", "<script>", "a\nb\r\tc",
	} {
		f.Add(text)
	}
	tmpl := pageTemplate()
	f.Fuzz(func(t *testing.T, text string) { checkPage(t, tmpl, text) })
}

// The page is bounded, however long the texts on it are.
func TestThePageOfLongTextsIsBounded(t *testing.T) {
	checkPage(t, pageTemplate(), strings.Repeat("n", 1<<20))
}

// checkPage makes the page and the document of a status whose texts are all the same one.
func checkPage(t *testing.T, tmpl *template.Template, text string) {
	t.Helper()
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	n := 3
	pending := []scale.PendingChange{{Op: "update", Properties: []string{""}}}
	op := board.Operation{ID: "a", From: &n, To: &n, Accepted: &at, Started: &at, Ended: &at}
	status := &board.Status{
		Now: at, ReadAt: &at, RuleErrors: []scale.Problem{{}}, Remarks: []string{""}, Deployed: &scale.Deploy{},
		Pools: []board.Pool{{Count: &n, Configured: &n, Max: 9, Last: &board.Scaling{End: &at}, Drift: &board.Drift{File: new(""), Configured: new("")}, Pending: pending, Hold: &board.Hold{Until: at}}},
		Running: &board.Work{Operations: []string{"a"}, Settling: []string{""}, Runs: []board.Run{{
			Steps: []board.Step{{ResourceStep: scale.ResourceStep{Diffs: []scale.PropertyDiff{{Old: "", New: []any{""}}}}}}, Said: []scale.Diagnostic{{}},
		}}},
		Open: []board.Operation{op, op}, Holds: []board.Hold{{Until: at.Add(time.Hour)}}, Upcoming: []board.Upcoming{{Do: "settle"}},
		Failures: []board.Operation{op}, Scalings: []board.Scaling{{Start: &at, End: &at}},
	}
	status = board.Texts(status, func(string, board.Shape) string { return text })
	var page, doc bytes.Buffer
	if err := tmpl.Execute(&page, viewOf(board.Tidy(status), at)); err != nil {
		t.Fatal(err)
	}
	writeJSON(&recorded{Buffer: &doc}, http.StatusOK, status)
	for name, got := range map[string]string{"page": page.String(), "document": doc.String()} {
		if bad := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && !board.Shown(r) || unicode.Is(unicode.Bidi_Control, r) }); bad >= 0 || !utf8.ValidString(got) {
			t.Errorf("the %s lets %q pass: %q", name, got[bad:min(bad+4, len(got))], text)
		}
		if len(got) > 500_000 {
			t.Errorf("the %s has %d bytes for a text of %d", name, len(got), len(text))
		}
	}
}

// recorded is an answer of which the body counts.
type recorded struct{ *bytes.Buffer }

func (*recorded) Header() http.Header { return http.Header{} }
func (*recorded) WriteHeader(int)     {}

// No answer tells in which directory of this machine the program or its state is.
func TestAnswersTellNoDirectory(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		dir := filepath.Join(t.TempDir(), `my <program> "é"`)
		r.Directories = []string{dir, filepath.Join(dir, ".pulumiscale")}
		r.handler = r.Handler()
		r.stack.mu.Lock()
		r.stack.readErr = errors.New("open " + filepath.Join(dir, ".pulumiscale", "lock") + ": permission denied; look into " + dir)
		r.stack.mu.Unlock()
		r.post("/-/reload", "")
		time.Sleep(time.Minute)
		for _, path := range []string{"/", "/status", "/readyz", "/pools", "/operations"} {
			if body := r.get(path).Body.String(); strings.Contains(body, filepath.Dir(dir)) {
				t.Errorf("%s tells it: %s", path, body)
			}
		}
		if !strings.Contains(r.get("/status").Body.String(), "open lock: permission denied") {
			t.Error(r.get("/status").Body)
		}
	})
}

// What is compressed is passed on as it is: bytes of it that look like a directory are not one.
func TestCompressedAnswersAreNotRewritten(t *testing.T) {
	for encoding, want := range map[string]string{"gzip": "x /srv/secret/y", "": "x y"} {
		recorder := httptest.NewRecorder()
		w := &statusWriter{ResponseWriter: recorder, veil: newVeil([]string{"/srv/secret"})}
		if encoding != "" {
			w.Header().Set("Content-Encoding", encoding)
		}
		if _, err := w.Write([]byte("x /srv/secret/y")); err != nil || recorder.Body.String() != want {
			t.Errorf("%q: %q, %v", encoding, recorder.Body, err)
		}
	}
}

// A directory is taken out of answers where it is one, and not where the name of another one begins or ends alike.
func TestVeil(t *testing.T) {
	v := newVeil([]string{"/srv/app", "/srv", "/", "relative", `/srv/a "b"`})
	for text, want := range map[string]string{
		"open /srv/app/Pulumi.dev.yaml: denied": "open Pulumi.dev.yaml: denied",
		"in /srv/app":                           "in app",
		"in /srv/app. Then /srv.":               "in app. Then srv.",
		"/srv/app.old/x":                        "app.old/x",
		"/srv.old/x":                            "/srv.old/x",
		"/srv/application/x":                    "application/x",
		"file:///srv/app?x=1":                   "file://app?x=1",
		"/srv/app/srv/app/x":                    "srv/app/x",
		"see https://example.com/srv/app/doc":   "see https://example.com/srv/app/doc",
		"/srv-2/x /usr/srv":                     "/srv-2/x /usr/srv",
		`{"error":"read /srv/a \"b\"/x"}`:       `{"error":"read x"}`,
		"":                                      "",
	} {
		if got := v.over(text); got != want {
			t.Errorf("%q is told as %q, want %q", text, got, want)
		}
	}
}
