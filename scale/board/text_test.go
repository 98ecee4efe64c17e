package board

import (
	"strings"
	"testing"
)

func TestOneLine(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"control characters":    {"a\x00b\x1b[31mc\x7f", "a b [31mc"},
		"line ends of all sort": {"a\r\nb\u2028c\u0085d", "a b c d"},
		"hidden and reordering": {"a\u202eb\u200bc\ufeffd", "a b c d"},
		"not UTF-8":             {"a\xffb", "a\ufffdb"},
		"just fits":             {strings.Repeat("ä", 10), strings.Repeat("ä", 10)},
		"too long":              {strings.Repeat("ä", 11), strings.Repeat("ä", 9) + "…"},
		"nothing":               {" \n ", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := OneLine(c.text, 10); got != c.want {
				t.Errorf("%q; want %q", got, c.want)
			}
		})
	}
}
