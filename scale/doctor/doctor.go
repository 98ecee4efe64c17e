// Package doctor finds out why PulumiScale would not work on a stack: what is missing, wrong or in the way, from the
// Pulumi CLI to the clock, and what to do about each.
//
// It decides what is healthy and in which order things are looked at. It learns what there is to see from a [Probe],
// which scale/stack/probe implements. It changes nothing, prints nothing and has no clock.
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
// cannot be known here.
const (
	OK         Result = "ok"
	Warning    Result = "warning"
	Problem    Result = "problem"
	NotChecked Result = "not-checked"
)

// Check is one thing that was looked at.
type Check struct {
	// ID is stable: scripts may branch on it. Title says the same in words.
	ID, Title string
	Result    Result
	// Found says what there is, or why nothing was checked.
	Found string `text:"lines"`
	// Details are further lines of Found, such as each mistake in the rules.
	Details []string `text:"lines"`
	// Hint says what to do; it is empty if there is nothing to do.
	Hint string
}

// Report is what an examination came to.
type Report struct {
	// Stack is the stack's name; empty if it could not be found.
	Stack  string
	Checks []Check
}

// Titles are the titles of the checks that had a result.
func (r Report) Titles(result Result) []string {
	var out []string
	for _, c := range r.Checks {
		if c.Result == result {
			out = append(out, c.Title)
		}
	}
	return out
}

// Options say how to examine. They hold what the domain does not know by itself.
type Options struct {
	// Verify has the targets proved by previews of the engine, which take a while.
	Verify bool
	// Now is the time.
	Now func() time.Time
	// Begin is told of each check before it is made. If it is nil, nobody is told.
	Begin func(title string)
	// Serving says whether a server has its journal in this folder.
	Serving func(folder string) (bool, error)
	// TokenKey and PreviousTokenKey are the keys of the configuration that hold the server's tokens.
	TokenKey, PreviousTokenKey string
	// CheckTokens says what is wrong with the current and, during a rotation, the previous token. Its error holds
	// neither.
	CheckTokens func(current, previous string) error
}

// Examine makes every check, in their order. A check that depends on one that failed is not made, and says so. The
// error is that of ctx.
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

// failed are the titles of the named checks that found a problem or were not made.
func failed(checks []Check, ids []string) []string {
	var out []string
	for _, c := range checks {
		if slices.Contains(ids, c.ID) && (c.Result == Problem || c.Result == NotChecked) {
			out = append(out, c.Title)
		}
	}
	return out
}

// finding is what a look found. The zero finding is not valid; use the functions below.
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
