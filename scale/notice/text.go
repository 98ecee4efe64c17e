package notice

import (
	"fmt"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// way names a pool with its counts before and after.
func (n Notice) way() string {
	if n.From == nil && n.To == nil {
		return n.Pool
	}
	return fmt.Sprintf("%s %s → %s", n.Pool, board.Count(n.From), board.Count(n.To))
}

// title says in one line what a notice tells.
func (n Notice) title() string {
	switch n.Kind {
	case Scaled:
		return n.way() + ": scaled"
	case Clamped:
		return fmt.Sprintf("%s is limited to %s, but %s are wanted", n.Pool, board.Count(n.To), board.Count(n.Wanted))
	case Failed:
		return n.way() + ": scaling failed"
	case GivenUp:
		return n.way() + ": scaling was given up"
	case Unverified:
		return n.way() + ": done, and not verified"
	case Unsettled:
		return n.Pool + " is half scaled: bringing it back to the previous count has failed"
	case Pending:
		return n.Pool + " is not scaled while changes are pending"
	case Refused:
		return n.Pool + " is not scaled: " + n.Reason
	case WindowRefused:
		return n.Pool + " is outside of its min and max, and cannot be scaled back inside"
	case Locked:
		return fmt.Sprintf("The stack has been locked for %s", board.Left(n.lasted()))
	case NoValue:
		return fmt.Sprintf("%s: metric %s has no value", n.Pool, n.Metric)
	case Recovered:
		return n.subject() + " has recovered: no longer " + n.endings()
	case Test:
		return "This is a test of PulumiScale's notices"
	}
	return n.turn()
}

// turn returns the title of a notice about a hold or a pause.
func (n Notice) turn() string {
	switch n.Kind {
	case Held:
		return n.subject() + " is held until " + stamp(n.Until)
	case Released:
		return n.subject() + " is no longer held"
	case Paused:
		return n.Pool + " is paused by its rule"
	case Unpaused:
		return n.Pool + " is no longer paused"
	}
	return n.subject() + ": " + string(n.Kind)
}

// subject says what a notice is about.
func (n Notice) subject() string {
	if n.Pool == "" {
		return "The stack"
	}
	return n.Pool
}

// endings names the troubles that are over, in words.
func (n Notice) endings() string {
	words := make([]string, len(n.Ends))
	for i, k := range n.Ends {
		words[i] = k.words()
	}
	return strings.Join(words, ", ")
}

// words returns what a trouble is called after "no longer".
func (k Kind) words() string {
	switch k {
	case Clamped:
		return "limited by its max"
	case GivenUp:
		return "given up"
	case Pending:
		return "blocked by changes that are not deployed"
	case WindowRefused:
		return "outside of its min and max"
	case NoValue:
		return "without a metric's value"
	case Failed:
		return "failing"
	case Unsettled:
		return "half scaled"
	}
	return string(k)
}

// lasted says how long a trouble has lasted.
func (n Notice) lasted() time.Duration {
	if n.Since == nil {
		return 0
	}
	return n.Time.Sub(*n.Since)
}

func stamp(t *time.Time) string {
	if t == nil {
		return "?"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// details returns the lines below the title.
func (n Notice) details() (out []string) {
	add := func(label, text string) {
		if text != "" {
			out = append(out, label+": "+text)
		}
	}
	switch {
	case n.Source != "" && n.Reason != "":
		add("Why", n.Source+": "+n.Reason)
	case n.Kind != Refused || n.Source != "":
		add("Why", n.Source+n.Reason)
	}
	if n.Wanted != nil && n.To != nil && *n.Wanted != *n.To && n.Kind != Clamped {
		add("Wanted", board.Count(n.Wanted))
	}
	if n.Since != nil && n.Kind != Locked {
		add("Since", stamp(n.Since))
	}
	add("Operation", n.Operation)
	return out
}

// Text returns all that a notice says to people, in lines that together have at most limit characters.
func (n Notice) Text(limit int) string {
	lines := append([]string{n.Title}, n.Details...)
	if n.Error != "" {
		lines = append(lines, n.Error)
	}
	return board.Lines(strings.Join(lines, "\n"), limit)
}
