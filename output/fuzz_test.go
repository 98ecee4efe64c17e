package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/doctor"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/snippet"
)

// events are all kinds of events. A test holds that none is missing.
var events = []scale.Event{
	scale.Waiting{}, scale.Retrying{}, scale.Drifted{}, scale.EngineStarted{}, scale.StepStarted{}, scale.StepDone{}, scale.Diagnosed{}, scale.Proving{},
	scale.Proved{}, scale.Stale{}, scale.Overtaken{}, scale.PendingOperations{}, scale.LockRemoved{}, scale.Settling{}, scale.Settled{}, scale.SwitchedOff{},
	scale.SwitchedOn{}, queue.Submitted{}, queue.Changed{}, queue.BatchStarted{}, queue.BatchDone{}, queue.Postponed{}, queue.Announced{}, queue.Unmet{}, queue.Met{},
	queue.HoldsChanged{}, scale.Remarked{}, scale.ProgramMoving{}, scale.ProgramPreparing{}, scale.ProgramMoved{},
	scale.ProgramEdited{}, scale.CountsCommitted{}, scale.CountsNotCommitted{}, queue.Refreshed{}, queue.JournalFailed{}, queue.JournalMended{}, queue.Heard{}, queue.DutyChanged{},
}

func TestNoKindOfEventIsMissing(t *testing.T) {
	var known, declared []string
	for _, e := range events {
		known = append(known, reflect.TypeOf(e).Name())
	}
	var files []string
	for _, room := range []string{"../scale", "../scale/scaler", "../scale/queue"} {
		found, err := filepath.Glob(room + "/*.go")
		if err != nil || len(found) == 0 {
			t.Fatal(found, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "IsEvent" && f.Recv != nil {
				declared = append(declared, f.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	slices.Sort(known)
	slices.Sort(declared)
	check(t, strings.Join(known, " "), strings.Join(declared, " "))
}

// filled is a value of a type whose texts are all the same one. Lists and maps have an entry, and nothing that can be
// there is missing.
func filled(of reflect.Type, text string, depth int) reflect.Value {
	v := reflect.New(of).Elem()
	switch of {
	case reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(noon))
		return v
	case reflect.TypeFor[*time.Location]():
		v.Set(reflect.ValueOf(time.UTC))
		return v
	case reflect.TypeFor[error]():
		v.Set(reflect.ValueOf(errors.New(text)))
		return v
	case reflect.TypeFor[scale.Event]():
		v.Set(filled(reflect.TypeFor[scale.Retrying](), text, depth))
		return v
	}
	if depth == 0 {
		return v
	}
	switch of.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Uint, reflect.Uint64:
		v.SetUint(3)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(3)
	case reflect.Interface:
		if of.NumMethod() == 0 {
			v.Set(reflect.ValueOf(text))
		}
	case reflect.Pointer:
		v.Set(reflect.New(of.Elem()))
		v.Elem().Set(filled(of.Elem(), text, depth-1))
	case reflect.Struct:
		for i := range of.NumField() {
			if of.Field(i).IsExported() {
				v.Field(i).Set(filled(of.Field(i).Type, text, depth-1))
			}
		}
	case reflect.Slice:
		if of.Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.Append(v, filled(of.Elem(), text, depth-1)))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(of))
		v.SetMapIndex(filled(of.Key(), text, depth-1), filled(of.Elem(), text, depth-1))
	default:
	}
	return v
}

// deep is deeper than any value that is shown.
const deep = 12

// obeyed is the part of a text that a terminal would obey, or that hides or reorders. It is empty if there is none.
func obeyed(text string) string {
	for text != "" {
		if text[0] == '\x1b' || text[0] == '\r' {
			if own := sequence.FindString(text); own != "" {
				text = text[len(own):]
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(text)
		invalid := r == utf8.RuneError && size == 1
		if invalid || r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Bidi_Control, unicode.Other_Default_Ignorable_Code_Point)) {
			return text[:size]
		}
		text = text[size:]
	}
	return ""
}

// hostile are texts with one of each kind that must not pass.
func hostile() []string {
	return []string{
		"name\x1b[31mred\x1b[0m", "\x1b]0;title\x07x", "\x1b]8;;http://evil\x1b\\x", "a\rb", "a\x08b", "\x7f", "\u009b31mx", "\x9b31mx", "\u202eabc", "\u2066x\u2069", "\u200b",
		"\ufeff", "\u2028", "\u2029", "\u00ad", "\u3164", "\U000e0041\U000e0042", "\xff\xfe", "a\nhint: run this", "<{%fg 1%}>x<{%reset%}>", "<{%fg 1\x1b[2J%}>x", "<{%fg 1;\x07%}>",
		"<\x1b{%bold%}>", "\x1b[1A\x1b[2K", "\t", "é", "\U0001f469\u200d\U0001f680", strings.Repeat("n", 3_000), strings.Repeat("\x1b[31m", 100), " led", "trailed ", "two  spaces", `a "quotation" \ here`, strings.Repeat(`n"`, 1_500), "\x1b", "\x1b[", "\x1bP", "create", "error",
		"urn:pulumi:dev::demo::a:b:C$d:e:F::\x1b[2Jname",
	}
}

// FuzzTextFromOutside holds that no text from outside brings a character that a terminal obeys to what is rendered, to
// a log line or into a document, wherever the text stands. Each exported method of a style is called with values full
// of it, so that a new method is held as well.
func FuzzTextFromOutside(f *testing.F) {
	styles := []*Style{bare, NewStyle(ColorAlways, nil), NewStyle(ColorRaw, nil), narrow(60)}
	for i, text := range hostile() {
		f.Add(text, uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, look uint8) {
		style := styles[int(look)%len(styles)]
		checkRendered(t, style, text)
		checkProgress(t, style, text)
		checkLogged(t, text)
		checkDocuments(t, text)
		checkGate(t, text)
	})
}

// mostRendered is how long a rendering may be. No rendering repeats a text more often than some dozen times.
const mostRendered = 60 * board.LongestLines

func wantHarmless(t *testing.T, what, got, text string) {
	t.Helper()
	if found := obeyed(got); found != "" {
		t.Errorf("%s: %q passes, of %q:\n%q", what, found, text, got)
	}
	if len(got) > mostRendered {
		t.Errorf("%s: %d bytes of a text of %d", what, len(got), len(text))
	}
}

func checkRendered(t *testing.T, style *Style, text string) {
	t.Helper()
	of := reflect.ValueOf(style)
	for i := range of.NumMethod() {
		method := of.Type().Method(i)
		var args []reflect.Value
		for j := range method.Type.NumIn() - 1 {
			in := method.Type.In(j + 1)
			if in.Kind() == reflect.Int {
				args = append(args, reflect.ValueOf(100)) // a terminal's size
				continue
			}
			args = append(args, filled(in, text, deep))
		}
		if result := of.Method(i).Call(args)[0]; result.Kind() == reflect.String {
			wantHarmless(t, method.Name, result.String(), text)
		}
	}
	wantHarmless(t, "outcomes", allOutcomes(style, text), text)
}

// allOutcomes are decisions of all kinds.
func allOutcomes(style *Style, text string) string {
	var out strings.Builder
	for _, outcome := range []scale.Outcome{scale.Scale, scale.NoChange, scale.Cleared, scale.Superseded, scale.CoolingDown, scale.Paused, scale.Guarded, scale.Held, scale.HasPending, scale.Refused} {
		d := filled(reflect.TypeFor[scale.Decision](), text, deep).Interface().(scale.Decision)
		d.Outcome = outcome
		out.WriteString(style.Decision(d))
	}
	for _, result := range []doctor.Result{doctor.OK, doctor.Warning, doctor.Problem} {
		out.WriteString(style.Diagnosis(doctor.Report{Checks: []doctor.Check{{Title: text, Result: result, Found: text, Details: []string{text}, Hint: text}}}))
	}
	return out.String()
}

func checkProgress(t *testing.T, style *Style, text string) {
	t.Helper()
	for _, live := range []bool{false, true} {
		var out bytes.Buffer
		p := newProgress(&out, style, live, func() time.Time { return noon })
		p.Work(text)
		p.print("")
		for _, event := range events {
			p.Observe(filled(reflect.TypeOf(event), text, deep).Interface().(scale.Event))
			preview := filled(reflect.TypeOf(event), text, deep)
			if field := preview.FieldByName("Preview"); field.IsValid() {
				field.SetBool(false)
			}
			p.Observe(preview.Interface().(scale.Event))
		}
		wantHarmless(t, fmt.Sprintf("progress, live %v", live), out.String(), text)
	}
}

func checkLogged(t *testing.T, text string) {
	t.Helper()
	var out bytes.Buffer
	options := &slog.HandlerOptions{ReplaceAttr: LogAttr}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, options), slog.NewJSONHandler(&out, options)} {
		log := slog.New(handler)
		log.Info(text, "text", text, "error", errors.New(text), "list", slices.Repeat([]string{text}, 60), "any", []any{text, map[string]any{text: text}}, slog.Group("g", "x", text)) //nolint:sloglint // it may be a library's
		if lines := bytes.Count(out.Bytes(), []byte("\n")); lines != 1 {
			t.Errorf("%d lines: %q", lines, out.String())
		}
		if found := obeyed(strings.ReplaceAll(out.String(), "\x1b[", "\x1b")); found != "" || out.Len() > 70*longestLogged*utf8.UTFMax {
			t.Errorf("%q passes, of %q: %d bytes, %.1000q", found, text, out.Len(), out.String())
		}
		out.Reset()
	}
}

func checkDocuments(t *testing.T, text string) {
	t.Helper()
	for _, doc := range []Document{&Scaling{}, &Rules{}, &History{}, &Restored{}, &Diagnosis{}, &Init{}, &Holds{}, &Version{}, &Failed{}} {
		full := filled(reflect.TypeOf(doc), text, deep).Interface()
		got, err := Marshal(full.(Document))
		if err != nil {
			t.Fatal(err)
		}
		if found := obeyed(strings.ReplaceAll(got, "\x1b", "\x00")); found != "" {
			t.Errorf("%T: %q passes:\n%q", doc, found, got)
		}
		var is, want any
		plain, err := json.Marshal(full)
		if err != nil || json.Unmarshal([]byte(got), &is) != nil || json.Unmarshal(plain, &want) != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, is); diff != "" {
			t.Errorf("%T is another value: %s", doc, diff)
		}
	}
	short := map[string][]string{text: {"a", text, text + " " + text}}
	if tidied, _ := board.JSON(board.Tidy(short), ""); !bytes.Equal(board.ShownJSON(short), tidied) {
		t.Errorf("%q is answered as %s, and tidied it is %s", text, board.ShownJSON(short), tidied)
	}
	status := board.Tidy(filled(reflect.TypeFor[*board.Status](), text, deep).Interface().(*board.Status))
	board.Texts(status, func(text string, _ board.Shape) string {
		wantHarmless(t, "the status", strings.ReplaceAll(text, "\x1b", "\x00"), text)
		return text
	})
}

// A text of a megabyte is cut wherever people see it. It stays whole in a document of a command.
func TestLongTextsAreCut(t *testing.T) {
	long := strings.Repeat("n", 1<<20)
	checkLogged(t, long)
	past := scale.Scaling{Pool: "w", Update: scale.Update{By: long, Message: long}}
	wantHarmless(t, "history", bare.History([]scale.Scaling{past}, noon), long)
	step := scale.ResourceStep{Op: "create", URN: long, Type: long, Name: long}
	wantHarmless(t, "a diff", bare.Diff([]scale.ResourceStep{step}), long)
	wantHarmless(t, "a diagnostic", bare.Trouble(Trouble{Message: long, Diagnostics: []scale.Diagnostic{{URN: long, Message: long}}}), long)
	doc, err := Marshal(NewHistory("dev", []scale.Scaling{past}))
	if err != nil || len(doc) < 2<<20 {
		t.Errorf("a document of %d bytes, %v", len(doc), err)
	}
	// What is approved is not cut.
	step.Diffs = []scale.PropertyDiff{{Path: "size", Old: 1, New: long}}
	if len(bare.Diff([]scale.ResourceStep{step})) < len(long) {
		t.Error("a value of a diff is cut")
	}
}

func checkGate(t *testing.T, text string) {
	t.Helper()
	var out, pieces bytes.Buffer
	gate := NewGate(&out)
	if n, err := gate.Write([]byte(text)); n != len(text) || err != nil {
		t.Error(n, err)
	}
	if found := obeyed(strings.ReplaceAll(out.String(), "\t", " ")); found != "" {
		t.Errorf("%q passes the gate, of %q", found, text)
	}
	if utf8.ValidString(text) && obeyed(text) == "" { // characters that come in pieces are the same
		gate = NewGate(&pieces)
		for _, b := range []byte(strings.ReplaceAll(text, "\x1b", "")) {
			_, _ = gate.Write([]byte{b})
		}
		if !strings.Contains(text, "\x1b") && pieces.String() != out.String() {
			t.Errorf("in pieces %q is %q", text, pieces.String())
		}
	}
	wantHarmless(t, "a sender's configuration", clean(SenderText(&Init{Sender: text, SenderFiles: []SenderFile{SenderFile(snippet.File{Name: text, Text: text})}})), text)
}
