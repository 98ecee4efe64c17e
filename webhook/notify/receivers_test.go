package notify

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/webhook/npmtest"
)

// received is a message as a receiver in JavaScript gets it.
type received struct {
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// TestReceiversOfOthersTakeOurMessages gives messages to the npm package standardwebhooks, which checks signatures, and to
// the SDK of CloudEvents, which reads events. They take what we send, also during a rotation, and nothing that was changed.
func TestReceiversOfOthersTakeOurMessages(t *testing.T) {
	const other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	message := func(text string, keys map[string]string, at time.Time, change func(*received)) received {
		values := map[string]string{"x:hook": "https://e.example/x"}
		maps.Copy(values, keys)
		open, err := newAccess(hook("hook", func(s *Setting) { s.PreviousSecretKey = "x:previous" }), values)
		if err != nil {
			t.Fatal(err)
		}
		n := samples(text)[0]
		k := webhookKind()
		m := mailOf(t, k, n)
		m.at, m.access = at, open
		out, err := k.write(m)
		if err != nil {
			t.Fatal(err)
		}
		got := received{Headers: map[string]string{"content-type": out.media}, Body: string(out.body)}
		for name := range out.header {
			got.Headers[strings.ToLower(name)] = out.header.Get(name)
		}
		if change != nil {
			change(&got)
		}
		return got
	}
	current := map[string]string{"x:secret": secret}
	now := time.Now()
	const taken = "ok 1.0 com.github.pulumiscale.failed /pulumiscale/shop/acme/dev web failed"
	cases := []struct {
		name    string
		message received
		want    string
	}{
		{"a message", message("quota", current, now, nil), taken},
		{"lines, quotes and other scripts", message("a\r\n\"b\"\t<ä漢😀>\u2028", current, now, nil), taken},
		{"10,000 characters", message(strings.Repeat("ä", 10_000), current, now, nil), taken},
		{"a rotation, the new secret is known", message("", map[string]string{"x:secret": secret, "x:previous": other}, now, nil), taken},
		{"a rotation, the old secret is known", message("", map[string]string{"x:secret": other, "x:previous": secret}, now, nil), taken},
		{"another secret", message("", map[string]string{"x:secret": other}, now, nil), "WebhookVerificationError: No matching signature found"},
		{"another body", message("", current, now, func(r *received) { r.Body += " " }), "WebhookVerificationError: No matching signature found"},
		{"another id", message("", current, now, func(r *received) { r.Headers["webhook-id"] = "x" }), "WebhookVerificationError: No matching signature found"},
		{"an old message", message("", current, now.Add(-time.Hour), nil), "WebhookVerificationError: Message timestamp too old"},
	}
	messages := make([]received, len(cases))
	for i, c := range cases {
		messages[i] = c.message
	}
	answers := npmtest.Ask(t, "testdata/receivers", "receive.js", map[string]any{"secret": secret, "messages": messages})
	if len(answers) != len(cases) {
		t.Fatalf("%d answers to %d messages: %q", len(answers), len(cases), answers)
	}
	for i, c := range cases {
		if diff := cmp.Diff(c.want, answers[i]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
