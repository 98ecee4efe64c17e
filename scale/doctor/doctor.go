// Package doctor finds out why PulumiScale would not work on a stack: what is missing, wrong or in the way, from the
// Pulumi CLI to the clock, and what to do about each.
//
// It decides in which order things are looked at, and which findings are healthy. A [Probe], which scale/stack/probe
// implements, does the looking. The package changes nothing, prints nothing and has no clock.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Result is how a check ended.
type Result string

// The results, from good to bad. NotChecked says that something on which the check depends is wrong, or that the answer
// cannot be found out from this machine.
const (
	OK         Result = "ok"
	Warning    Result = "warning"
	Problem    Result = "problem"
	NotChecked Result = "not-checked"
)

// Check is one thing that was looked at.
type Check struct {
	// ID never changes, so scripts may branch on it. Title names the check in words.
	ID, Title string
	Result    Result
	// Found says what there is, or why nothing was checked.
	Found string `text:"lines"`
	// Details are further lines of Found, such as each mistake in the rules.
	Details []string `text:"lines"`
	// Hint says what to do; it is empty if there is nothing to do.
	Hint string
}

// Report holds the results of an examination.
type Report struct {
	// Stack is the stack's name; empty if it could not be found.
	Stack  string
	Checks []Check
}

// Titles returns the titles of the checks that ended with a result.
func (r Report) Titles(result Result) []string {
	var out []string
	for _, c := range r.Checks {
		if c.Result == result {
			out = append(out, c.Title)
		}
	}
	return out
}

// Options say how to examine. They also hold what this package cannot know by itself.
type Options struct {
	// Verify asks for previews by the engine. They prove the targets, and take a while.
	Verify bool
	// Now returns the time.
	Now func() time.Time
	// Begin is called before each check, with the check's title. It may be nil.
	Begin func(title string)
	// Serving says whether a running server has its journal in a folder.
	Serving func(folder string) (bool, error)
	// TokenKey and PreviousTokenKey are the keys of the configuration that hold the server's tokens.
	TokenKey, PreviousTokenKey string
	// CheckTokens returns an error that says what is wrong with the current token or, during a rotation, with the
	// previous token. The error contains neither of the tokens.
	CheckTokens func(current, previous string) error
}

// Examine makes all checks, in their order. It leaves out a check that depends on a check with a problem, or on a check
// that was left out: the result is then [NotChecked]. The only error is ctx's error. The report then has the checks
// that were made before ctx ended.
func Examine(ctx context.Context, p Probe, o Options) (Report, error) {
	v := &visit{Probe: p, Options: o}
	var out []Check
	for _, e := range examinations() {
		if o.Begin != nil {
			o.Begin(e.title)
		}
		c := Check{ID: e.id, Title: e.title}
		if missing := failed(out, e.needs); len(missing) > 0 {
			c.Result, c.Found = NotChecked, "it needs: "+strings.Join(missing, ", ")
		} else {
			c = e.look(v, ctx).check(e)
		}
		if err := ctx.Err(); err != nil {
			return Report{Stack: v.stack, Checks: out}, err
		}
		out = append(out, c)
	}
	return Report{Stack: v.stack, Checks: out}, nil
}

// failed returns the titles of those checks among ids that found a problem or were not made.
func failed(checks []Check, ids []string) []string {
	var out []string
	for _, c := range checks {
		if slices.Contains(ids, c.ID) && (c.Result == Problem || c.Result == NotChecked) {
			out = append(out, c.Title)
		}
	}
	return out
}

// finding is what a look found. The zero finding is not valid: fine, warn, problem and unchecked make valid findings.
type finding struct {
	result  Result
	found   string
	hint    string
	details []string
}

func (f finding) check(e examination) Check {
	return Check{ID: e.id, Title: e.title, Result: f.result, Found: f.found, Hint: f.hint, Details: f.details}
}

func fine(format string, args ...any) finding {
	return finding{result: OK, found: fmt.Sprintf(format, args...)}
}

func warn(hint, format string, args ...any) finding {
	return finding{result: Warning, found: fmt.Sprintf(format, args...), hint: hint}
}

func problem(hint, format string, args ...any) finding {
	return finding{result: Problem, found: fmt.Sprintf(format, args...), hint: hint}
}

func unchecked(format string, args ...any) finding {
	return finding{result: NotChecked, found: fmt.Sprintf(format, args...)}
}

func (f finding) with(details ...string) finding {
	f.details = details
	return f
}
