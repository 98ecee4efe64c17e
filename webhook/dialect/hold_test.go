package dialect

import (
	"errors"
	"testing"
	"time"
)

func TestDecodeHold(t *testing.T) {
	for _, c := range []struct {
		name, body, query string
		lasts             time.Duration
		reason, field     string
	}{
		{"the body", `{"for":"30m","reason":"a  b\n"}`, "", 30 * time.Minute, "a b", ""},
		{"the query", "", "for=1h30m&reason=x", 90 * time.Minute, "x", ""},
		{"both", `{"reason":"x"}`, "for=1s", time.Second, "x", ""},
		{"one of them twice", `{"for":"1s"}`, "for=1s", 0, "", "for"},
		{"no duration", `{"reason":"x"}`, "", 0, "", "for"},
		{"an empty request", "", "", 0, "", "for"},
		{"a number, of which nobody knows the unit", `{"for":30}`, "", 0, "", "for"},
		{"what is no duration", "", "for=soon", 0, "", "for"},
		{"an unknown field", `{"for":"1s","force":"true"}`, "", 0, "", "force"},
		{"an unknown parameter", "", "for=1s&pool=x", 0, "", "pool"},
	} {
		lasts, reason, err := DecodeHold(Parse([]byte(c.body)), Route{Query: c.query})
		field := ""
		if bad, ok := errors.AsType[*BadRequestError](err); ok {
			field = bad.Field
		}
		if lasts != c.lasts || reason != c.reason || field != c.field {
			t.Errorf("%s: %s, %q, %v", c.name, lasts, reason, err)
		}
	}
}
