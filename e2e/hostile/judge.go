//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// judge says what is wrong with answers.
type judge struct {
	// paths are folders of this machine. No answer may name them.
	paths []string
}

// faults are what is wrong with what came back for an attack. If there are none, it was answered rightly.
func (j *judge) faults(a attack, r reply) []string {
	if len(r.answers) == 0 {
		return []string{fmt.Sprintf("no answer: %v", r.err)}
	}
	var faults []string
	// A sender who sends more than the server reads may see the connection reset, after the answer.
	if r.err != nil && !errors.Is(r.err, syscall.ECONNRESET) {
		faults = append(faults, fmt.Sprintf("after %d answers: %v", len(r.answers), r.err))
	}
	if !slices.Contains(a.want, r.answers[0].status) {
		faults = append(faults, fmt.Sprintf("answered with %d, want %v", r.answers[0].status, a.want))
	}
	for i, got := range r.answers {
		if i > 0 && !slices.Contains(a.then, got.status) {
			faults = append(faults, fmt.Sprintf("answer %d has %d, want %v", i+1, got.status, a.then))
		}
		faults = append(faults, j.answer(got, a.plain || i > 0, method(a) == http.MethodHead)...)
	}
	return faults
}

func method(a attack) string {
	word, _, _ := strings.Cut(a.text, " ")
	return word
}

// answer checks what holds for every answer. plain says that the answer may be plain text, and bare that it may have no
// body.
func (j *judge) answer(got answer, plain, bare bool) []string {
	faults := j.text(string(got.body))
	for name, values := range got.header {
		for _, fault := range j.text(strings.Join(values, " ")) {
			faults = append(faults, "header "+name+": "+fault)
		}
		if strings.HasPrefix(name, "Access-Control-Allow-") {
			faults = append(faults, "it opens itself to other sites: "+name)
		}
	}
	for status, name := range map[int]string{
		http.StatusUnauthorized: "Www-Authenticate", http.StatusMethodNotAllowed: "Allow", http.StatusServiceUnavailable: "Retry-After",
	} {
		if got.status == status && got.header.Get(name) == "" {
			faults = append(faults, fmt.Sprintf("%d without %s", status, name))
		}
	}
	if got.status < http.StatusBadRequest || bare {
		return faults
	}
	media, _, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	switch {
	case media == "application/problem+json":
		var problem struct {
			Title  string
			Status int
		}
		if err := json.Unmarshal(got.body, &problem); err != nil || problem.Title == "" || problem.Status != got.status {
			faults = append(faults, fmt.Sprintf("the problem is not well formed: %v", err))
		}
	case plain && (media == "text/plain" || len(got.body) == 0):
	default:
		faults = append(faults, fmt.Sprintf("the error is %q and not application/problem+json", media))
	}
	return faults
}

// text checks a text that somebody outside gets to see.
func (j *judge) text(text string) []string {
	var faults []string
	for what, never := range map[string]string{"token": lab.Token, "passphrase": lab.Passphrase, "stack trace": "goroutine "} {
		if strings.Contains(text, never) {
			faults = append(faults, "it tells a "+what)
		}
	}
	said := engineSays.ReplaceAllString(text, "")
	for _, path := range j.paths {
		if strings.Contains(said, path) {
			faults = append(faults, "it tells the path "+path)
		}
	}
	if at := obeyed(text); at >= 0 {
		faults = append(faults, fmt.Sprintf("it has a control character: %.40q", text[at:]))
	}
	return faults
}

// engineSays is what the engine says of a provider that it finds on the PATH, as it finds that of the tests. Its words
// are shown as they are.
var engineSays = regexp.MustCompile(`using pulumi-resource-localcloud from \$PATH at [^"<\s]+`)

// obeyed is where a text has something that a terminal would obey: a control character other than those of the layout
// of JSON and of the page, or one that turns the direction of writing. It is -1 if the text has none.
func obeyed(text string) int {
	return strings.IndexFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) || unicode.Is(unicode.Bidi_Control, r)
	})
}

// longestLine is how long a line of the log may be.
const longestLine = 16 << 10

// log checks a server's log.
func (j *judge) log(text []byte) []string {
	var faults []string
	for _, never := range []string{"panic", "DATA RACE", "fatal error", lab.Token, lab.Passphrase} {
		if at := bytes.Index(text, []byte(never)); at >= 0 {
			faults = append(faults, fmt.Sprintf("the log has %q: %.2000s", never, text[at:]))
		}
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\n")
		switch {
		case len(line) > longestLine:
			faults = append(faults, fmt.Sprintf("a line of the log has %d bytes: %.200s", len(line), line))
		case !json.Valid(line):
			faults = append(faults, fmt.Sprintf("a line of the log is no JSON: %.200q", line))
		case !utf8.Valid(line) || obeyed(string(line)) >= 0:
			faults = append(faults, fmt.Sprintf("a line of the log has control characters: %.300q", line))
		}
	}
	return faults
}

// operationsIn are the ids of the operations that an answer says were accepted, now or before.
func operationsIn(body []byte) []string {
	type told struct {
		Operation any    `json:"operation"`
		ID        string `json:"id"`
		Ask       string `json:"ask"`
	}
	var document struct {
		told
		Results []told `json:"results"`
	}
	if json.Unmarshal(body, &document) != nil {
		return nil
	}
	var ids []string
	for _, one := range append([]told{document.told}, document.Results...) {
		if id, ok := one.Operation.(string); ok && id != "" {
			ids = append(ids, id)
		} else if one.ID != "" && one.Ask != "" {
			ids = append(ids, one.ID)
		}
	}
	return ids
}
