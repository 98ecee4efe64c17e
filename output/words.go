package output

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// none stands in a table for what there is not.
const none = "—"

func count(n *int) string {
	if n == nil {
		return "?"
	}
	return strconv.Itoa(*n)
}

func arrow(from *int, to int) string { return fmt.Sprintf("%s -> %d", count(from), to) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// elapsed is a duration as a person wants it: tenths where it is short, whole seconds where it is long.
func elapsed(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1fs", max(d, 0).Seconds())
	}
	return d.Round(time.Second).String()
}

// left is the rest of a wait, as "4m" or "1m30s", never rounded down to nothing.
func left(d time.Duration) string {
	text := max(d.Round(time.Second), time.Second).String()
	for _, nothing := range []string{"0s", "0m"} {
		if short := strings.TrimSuffix(text, nothing); strings.HasSuffix(short, "m") || strings.HasSuffix(short, "h") {
			text = short
		}
	}
	return text
}

// ago says how long something is past, in its largest unit.
func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return fmt.Sprintf("%dd ago", int(d.Hours()/24))
}

// nameOf is a resource's type and name, from its URN: urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME.
func nameOf(urn string) (typ, name string) {
	parts := strings.SplitN(urn, "::", 4)
	if len(parts) < 4 {
		return "", urn
	}
	typ = parts[2]
	return typ[strings.LastIndex(typ, "$")+1:], parts[3]
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(text, "\n", "\n"+by)
}
