package scale

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

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
