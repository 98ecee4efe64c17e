package notice

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Notice is one message to people or programs. Its JSON form is described by docs/notification.schema.json. Fields are
// added, never renamed.
type Notice struct {
	// ID is the same whenever the same thing is told, also after a restart.
	ID       string    `json:"id"`
	Kind     Kind      `json:"kind"`
	Severity Severity  `json:"severity"`
	Time     time.Time `json:"time"`
	Project  string    `json:"project"`
	Stack    string    `json:"stack"`
	// Pool is absent if the notice is about the whole stack.
	Pool string `json:"pool,omitempty"`
	// Title is one line for people, and Details are a few more.
	Title   string   `json:"title"`
	Details []string `json:"details,omitempty"`
	// From, To and Wanted are counts: before, after, and what was asked for before the guardrails. Each is null if it
	// is not known or there is none.
	From   *int `json:"from"`
	To     *int `json:"to"`
	Wanted *int `json:"wanted"`
	// Source is who asked, and Reason why.
	Source string `json:"source,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Error says what went wrong, in the words of whoever found it.
	Error string `json:"error,omitempty" text:"lines"`
	// Metric is the metric that a notice is about.
	Metric string `json:"metric,omitempty"`
	// Operation is the id of an accepted operation, or of the first of several. Update is the id of the update.
	Operation string `json:"operation,omitempty"`
	Update    string `json:"update,omitempty"`
	// Since is when a trouble began, and Until when a hold ends.
	Since *time.Time `json:"since,omitempty"`
	Until *time.Time `json:"until,omitempty"`
	// Ends are the troubles that are over.
	Ends []Kind `json:"ends,omitempty"`
}

// Origin is where notices come from.
type Origin struct {
	Project, Stack string
	// Veil takes out of a text what nobody outside needs to know, such as directories of this machine. If it is nil,
	// nothing is taken out.
	Veil func(string) string
}

// complete adds what all notices have, and makes every text fit to be told.
func (o Origin) complete(n Notice) Notice {
	n.Project, n.Stack, n.Severity, n.Time = o.Project, o.Stack, n.Kind.Severity(), n.Time.UTC()
	if o.Veil != nil {
		n.Error, n.Reason = o.Veil(n.Error), o.Veil(n.Reason)
	}
	n = board.Tidy(n)
	n.Title, n.Details = n.title(), n.details()
	return board.Tidy(n)
}

// NewTest returns a notice that is only sent to see whether it arrives.
func NewTest(from Origin, now time.Time) Notice {
	return from.complete(Notice{ID: idOf("test", now.Format(time.RFC3339Nano)), Kind: Test, Time: now, Reason: "somebody ran `pulumiscale notify --test`"})
}

// idOf makes the id of a notice from parts. The same parts make the same id.
func idOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "n" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:15]))
}
