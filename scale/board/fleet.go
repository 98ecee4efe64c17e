package board

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fleet is how the stacks of a fleet stand: the document of GET /stacks. The stacks that somebody should look at come
// first. Fields are added, never renamed.
type Fleet struct {
	Now     time.Time    `json:"now"`
	Stacks  []FleetStack `json:"stacks"`
	Engines Engines      `json:"engines"`
}

// Engines tells how many engines run for the stacks of a fleet.
type Engines struct {
	// Places is how many engines may run at once. Running is how many run, or are about to. Silent is how many engines
	// have not been heard of for a while, so that their places count as free. Waiting is how many stacks wait for a
	// place.
	Places  int `json:"places"`
	Running int `json:"running"`
	Silent  int `json:"silent"`
	Waiting int `json:"waiting"`
}

// FleetStack is how a stack of a fleet stands on the whole.
type FleetStack struct {
	// Name is what the fleet calls the stack. Stack and Project are Pulumi's names; they are absent if the stack is not
	// open.
	Name    string `json:"name"`
	Stack   string `json:"stack,omitempty"`
	Project string `json:"project,omitempty"`
	// State is how the stack stands, in words, and Severity is "bad", "warn", "busy" or "good".
	State    string `json:"state"`
	Severity string `json:"severity"`
	// Problem says what is wrong; absent if nothing is. RetryAt is when the server tries again.
	Problem string     `json:"problem,omitempty" text:"lines"`
	RetryAt *time.Time `json:"retryAt,omitempty"`
	// ReadAt is when the stack was read last.
	ReadAt *time.Time `json:"readAt,omitempty"`
	// Pools are the stack's pools with their counts.
	Pools []FleetPool `json:"pools"`
	// Open counts the operations that are not done.
	Open int `json:"open"`
	// Last is the last scaling, whoever made it.
	Last *Scaling `json:"last,omitempty"`
}

// FleetPool is a pool with its count.
type FleetPool struct {
	Pool  string `json:"pool"`
	Count *int   `json:"count"`
}

// FleetStackOf sums up the status of a stack for the document of its fleet. name is what the fleet calls the stack.
func FleetStackOf(name string, s *Status, now time.Time) FleetStack {
	view := s.View(now)
	state := view.State()
	out := FleetStack{
		Name: name, Stack: s.Stack, Project: s.Project, State: state.Text, Severity: state.Class, ReadAt: s.ReadAt, RetryAt: s.RetryAt,
		Pools: []FleetPool{}, Open: len(s.Open) + s.OpenOmitted,
	}
	if !s.Ready && !s.Unread {
		out.Problem = s.Problem
	}
	for _, p := range s.Pools {
		out.Pools = append(out.Pools, FleetPool{Pool: p.Pool, Count: p.Count})
	}
	if len(s.Scalings) > 0 {
		out.Last = &s.Scalings[0]
	}
	if i := slices.IndexFunc(s.Failures, func(op Operation) bool { return !view.Mended(op) }); i >= 0 && state.Class != Bad {
		op := s.Failures[i]
		out.State, out.Severity, out.Problem = "A scaling "+view.Outcome(op.Result), Warn, op.Pool+": "+op.Error
	}
	return out
}

// UnopenedStack makes the document of a stack that is not open. err says why the stack could not be opened; nil before
// the first try, or while a try is under way.
func UnopenedStack(name string, err error, retryAt time.Time) FleetStack {
	if err == nil {
		return FleetStack{Name: name, State: "Opening", Severity: Busy, Pools: []FleetPool{}}
	}
	return FleetStack{Name: name, State: "Cannot be opened", Severity: Bad, Problem: err.Error(), RetryAt: instant(retryAt), Pools: []FleetPool{}}
}

// Sort puts the stacks in order: the worst first, and stacks of one severity by name.
func (f *Fleet) Sort() {
	rank := []string{Bad, Warn, Busy, Good}
	slices.SortStableFunc(f.Stacks, func(a, b FleetStack) int {
		return cmp.Or(slices.Index(rank, a.Severity)-slices.Index(rank, b.Severity), strings.Compare(a.Name, b.Name))
	})
}

// DecodeFleet reads a server's document of its fleet, and makes it fit to be shown (see [Tidy]). Unknown fields are
// ignored.
func DecodeFleet(r io.Reader) (*Fleet, error) {
	var f Fleet
	if err := json.NewDecoder(r).Decode(&f); err != nil {
		return nil, fmt.Errorf("read the stacks: %w", err)
	}
	if f.Now.IsZero() || f.Stacks == nil {
		return nil, errors.New("read the stacks: the document has no time or no list of stacks")
	}
	return Tidy(&f), nil
}

// FleetView is a fleet as people see it at a time, in that time's zone.
type FleetView struct {
	*Fleet
	at time.Time
}

// View returns the fleet as people see it at a time.
func (f *Fleet) View(at time.Time) FleetView { return FleetView{Fleet: f, at: at} }

// Count counts the stacks that have a severity.
func (v FleetView) Count(severity string) int {
	n := 0
	for _, s := range v.Stacks {
		if s.Severity == severity {
			n++
		}
	}
	return n
}

// State says how the fleet stands on the whole.
func (v FleetView) State() Mood {
	for _, of := range []Mood{{Bad, "in trouble"}, {Warn, "to look at"}, {Busy, "at work"}} {
		if n := v.Count(of.Class); n > 0 {
			return Mood{of.Class, fmt.Sprintf("%d of %d %s", n, len(v.Stacks), of.Text)}
		}
	}
	return Mood{Good, fmt.Sprintf("All %d are ready", len(v.Stacks))}
}

// Counts names a stack's pools with their counts, in one line.
func (FleetView) Counts(s FleetStack) string {
	var out []string
	for _, p := range s.Pools {
		out = append(out, p.Pool+" "+Count(p.Count))
	}
	return strings.Join(out, ", ")
}

// mostStacks is how many stacks are shown.
const mostStacks = 500

// Shown returns the stacks that are shown: the first ones, at most mostStacks.
func (v FleetView) Shown() []FleetStack { return v.Stacks[:min(mostStacks, len(v.Stacks))] }

// MoreStacks counts the stacks that are not shown.
func (v FleetView) MoreStacks() int { return len(v.Stacks) - len(v.Shown()) }

// Running says how many engines run, and how many stacks wait for a place.
func (v FleetView) Running() string {
	e := v.Engines
	out := strconv.Itoa(e.Running) + " of " + strconv.Itoa(e.Places) + " engines"
	if e.Silent > 0 {
		out += fmt.Sprintf(", %d of them silent", e.Silent)
	}
	if e.Waiting > 0 {
		out += fmt.Sprintf("; %d wait", e.Waiting)
	}
	return out
}

// Ago says how long ago t was; empty if t is nil.
func (v FleetView) Ago(t *time.Time) string {
	if t == nil {
		return ""
	}
	return Ago(v.at.Sub(*t))
}

// Left says how long it is until t; empty if t is nil or has passed.
func (v FleetView) Left(t *time.Time) string {
	if t == nil || !t.After(v.at) {
		return ""
	}
	return Left(t.Sub(v.at))
}

// Clocked returns the time of day at which the fleet is seen.
func (v FleetView) Clocked() string { return v.at.Format(time.TimeOnly) }

// Zone returns the time zone in which times are shown.
func (v FleetView) Zone() string { return v.at.Format("MST") }
