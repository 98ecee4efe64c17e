package scale

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Intent asks for a change of one pool's capacity. Exactly one of Count, Delta, Signal, ToBounds and ToMetrics is set.
type Intent struct {
	// Pool is the name of the pool in the rules.
	Pool string
	// Count asks for an absolute capacity.
	Count *int
	// Delta asks for so many units more, or fewer if it is negative.
	Delta *int
	// Signal asks for what the pool's rule makes of an alert.
	Signal *Signal
	// ToBounds asks for the nearest count inside of the bounds in force. The cooldown does not hold it off.
	ToBounds bool
	// ToMetrics asks for the count that the pool's metrics want when the intent is decided.
	ToMetrics bool

	// Source says where the intent came from, in one word: "cli", "http", "schedule", "metrics", or the name of a
	// dialect such as "prometheus".
	Source string
	// Reason is for people: the alert's name, the user's message. It may be empty.
	Reason string
	// Key makes the intent idempotent: two intents with the same key are the same event. If it is empty, every intent
	// is an event of its own.
	Key string
	// Force asks for a scaling in spite of the cooldown and of a pause, but never past the guardrails.
	Force bool
	// At is when the intent was accepted, if it has waited for its turn since. If it is zero, the intent is decided at
	// once. The cooldown of a scaling that was completed after At does not hold off a count or a delta.
	At time.Time
}

// Signal is an alert's wish for more or less capacity, before the pool's rule has said how much.
type Signal struct {
	// Alert is the name of the alert or alarm, by which the rule's triggers know it.
	Alert string
	// Cleared says that the alert has ended. If the alert ended because the sender had lost sight of the metric, Lapsed
	// says for people why the end proves nothing about the metric; else it is empty. If Lapsed is set, the trigger's
	// onClear is not carried out.
	Cleared bool
	Lapsed  string
	// Identity distinguishes the alert from all others of its sender. Since distinguishes the alert's firings: it is
	// when this firing began, on the sender's clock. If the sender reports changes of the alert's state, Since is the
	// time of the change. Ended is when the firing ended, if the signal tells of its end. Each is empty or zero if the
	// sender does not tell it.
	Identity     string
	Since, Ended time.Time
	// Repeats says that the sender tells of the alert again and again while it fires. If nothing was scaled for one
	// signal although something should have been, the next one is decided afresh. Without Repeats, all signals with the
	// same key are one event, whatever became of the first signal.
	Repeats bool
	// Direction, Delta and Count are what the request or the alert itself asks for, and win over the rule's triggers.
	Direction Direction
	Delta     *int
	Count     *int
	// Comparison is the direction that the alarm's comparison operator suggests; the rule's triggers win over it.
	Comparison Direction
	// Value is the metric's value, and Threshold the value at which the alert fires; each is nil if the sender gave
	// none.
	Value, Threshold *float64
}

// Validate says what is wrong with the intent itself, before any rule is asked. The error is a [*UsageError].
func (i Intent) Validate() error {
	set := 0
	for _, is := range []bool{i.Count != nil, i.Delta != nil, i.Signal != nil, i.ToBounds, i.ToMetrics} {
		if is {
			set++
		}
	}
	switch {
	case i.Pool == "":
		return &UsageError{Field: "pool", Problem: "is missing"}
	case set != 1:
		return &UsageError{Field: "count, delta", Problem: fmt.Sprintf("exactly one must be given, not %d", set)}
	case i.Count != nil && *i.Count < 0:
		return &UsageError{Field: "count", Problem: fmt.Sprintf("is %d; it must be 0 or more", *i.Count)}
	}
	return nil
}

// isSignal says whether the intent tells how the pool is doing: it comes from an alert or from the metrics, and nobody
// waits for its answer. If a pool has several such intents, the one that needs the most capacity wins. A running update
// of the pool holds them off.
func (i Intent) isSignal() bool { return i.Signal != nil || i.ToMetrics }

// Ask describes what the intent asks for, as a person would type it.
func (i Intent) Ask() string {
	switch {
	case i.Count != nil:
		return fmt.Sprintf("count %d", *i.Count)
	case i.Delta != nil:
		return fmt.Sprintf("delta %+d", *i.Delta)
	case i.ToBounds:
		return "the bounds in force"
	case i.ToMetrics:
		return "what the metrics want"
	case i.Signal != nil && i.Signal.Alert != "":
		return "signal " + i.Signal.Alert
	}
	return "signal"
}

// ValidateIntents checks several intents. The error is a [*UsageError], also if there are none.
func ValidateIntents(intents []Intent) error {
	if len(intents) == 0 {
		return &UsageError{Field: "intents", Problem: "there are none"}
	}
	for _, intent := range intents {
		if err := intent.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// Heard is the latest news of an alert of a pool.
type Heard struct {
	// Pool is the pool, and Alert the alert's [Signal.Identity].
	Pool, Alert string
	// Since is when the latest known firing of the alert began, on the sender's clock: see [Signal.Since]. Cleared says
	// that this firing has ended.
	Since   time.Time
	Cleared bool
	// At is when the news came, on this machine's clock.
	At time.Time
}

// HeardOf returns what an intent tells of an alert; ok is false if the intent does not say which alert, or which of its
// firings.
func HeardOf(i Intent, at time.Time) (h Heard, ok bool) {
	s := i.Signal
	if s == nil || s.Identity == "" || s.Since.IsZero() {
		return h, false
	}
	return Heard{Pool: i.Pool, Alert: s.Identity, Since: s.Since, Cleared: s.Cleared, At: at}, true
}

// After returns what is known of the alert once h was heard, and whether h is news. If h tells of an end, the latest
// known firing counts as ended, even if h has an earlier beginning: the end of an earlier firing never gets here,
// because [Signal.OvertakenBy] has rejected it.
func (h Heard) After(known Heard) (now Heard, isNew bool) {
	switch {
	case h.Cleared && h.Since.Before(known.Since):
		h.Since = known.Since
		return h, !known.Cleared
	case h.Since.After(known.Since), h.Cleared && !known.Cleared:
		return h, true
	}
	return known, false
}

// OvertakenBy says why nothing is to be done about a signal, if something later is known of its alert; else it is
// empty. A firing that has ended is over, even if the sender, or a peer of the sender, tells of it late. The end of one
// firing does not end a firing that began after it.
func (s Signal) OvertakenBy(known Heard) string {
	switch {
	case s.Cleared && !known.Cleared && !s.Ended.IsZero() && known.Since.After(s.Ended):
		return fmt.Sprintf("the alert has fired again since: this is the end of an earlier firing, and the latest one began at %s", clock(known.Since))
	case s.Cleared || !known.Cleared || s.Since.After(known.Since):
		return ""
	case s.Since.Equal(known.Since):
		return fmt.Sprintf("this firing of the alert, which began at %s, has cleared already", clock(s.Since))
	}
	return fmt.Sprintf("this firing of the alert began at %s, and it has cleared since", clock(s.Since))
}

// IsOfAlert says whether two signals are of the same alert: their Identity is the same or, if one of them has none,
// their Alert.
func (s Signal) IsOfAlert(other Signal) bool {
	if s.Identity != "" && other.Identity != "" {
		return s.Identity == other.Identity
	}
	return s.Alert == other.Alert
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// longestAlert is how many bytes of an alert's name are kept as they are. CloudWatch's own names have 255 characters at
// most.
const longestAlert = 1024

// AlertName returns the name under which an alert is kept: the alert's own name or, if that is longer than a kilobyte,
// its beginning and a digest of the whole name. The digest keeps different names different, and [Rule.trigger] finds a
// trigger by the shortened name too.
func AlertName(name string) string {
	if len(name) <= longestAlert {
		return name
	}
	digest := sha256.Sum256([]byte(name))
	head := name[:longestAlert/2]
	for !utf8.ValidString(head) && len(head) > longestAlert/2-utf8.UTFMax {
		head = head[:len(head)-1]
	}
	return strings.ToValidUTF8(head, "�") + "… (" + hex.EncodeToString(digest[:]) + ")"
}

// trigger returns the rule's override for an alert; zero if there is none. Names are matched in full.
func (r Rule) trigger(alert string) Trigger {
	if found, ok := r.Triggers[alert]; ok {
		return found
	}
	for name, trigger := range r.Triggers {
		if len(name) > longestAlert && AlertName(name) == alert {
			return trigger
		}
	}
	return Trigger{}
}
