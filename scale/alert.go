package scale

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Heard is the latest that is known of an alert of a pool.
type Heard struct {
	// Pool is the pool, and Alert the alert's [Signal.Identity].
	Pool, Alert string
	// Since is when the latest firing of the alert that was heard of began, on the sender's clock: see [Signal.Since].
	// Cleared says that it has ended.
	Since   time.Time
	Cleared bool
	// At is when that was heard, on this machine's clock.
	At time.Time
}

// HeardOf is what an intent tells of an alert; ok is false if it does not say which alert, or which of its firings.
func HeardOf(i Intent, at time.Time) (h Heard, ok bool) {
	s := i.Signal
	if s == nil || s.Identity == "" || s.Since.IsZero() {
		return h, false
	}
	return Heard{Pool: i.Pool, Alert: s.Identity, Since: s.Since, Cleared: s.Cleared, At: at}, true
}

// After is what is known once h was heard, and whether that is anything new. The end of a firing is also the end of
// those before it.
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

// OvertakenBy says why nothing is to be done about a signal because something later is known of its alert; it is empty
// if nothing is. A firing that has ended is over, even if it is told of late, or by a peer of the sender. The end of
// one firing is no end of a firing that began after it.
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

// IsOfAlert says whether a signal is of the same alert as another, as far as their senders say.
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

// AlertName is the name under which an alert is kept: its own, unless that is longer than a kilobyte. Then it is the
// beginning and a digest of the whole. So two names stay two, and a trigger of that name is found; see [Rule.trigger].
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

// trigger is the rule's override for an alert; zero if there is none. Names are matched in full.
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
