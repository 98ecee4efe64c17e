package notify

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/notice"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

func alertsOf(t testing.TB, body string) (out []alert) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return out
}

// samples are notices of many kinds, as a tracker makes them.
func samples(text string) []notice.Notice {
	tracker := notice.Tracker{Origin: notice.Origin{Project: "shop", Stack: "acme/dev"}}
	op := func(id string, result queue.Final) queue.BatchDone {
		o := queue.Operation{
			ID: id, State: queue.Done, Result: result, Update: "u" + id, From: num(3), To: num(5), EndedAt: noon, Error: text,
			Intent:   scale.Intent{Pool: "web", Source: "prometheus", Reason: text, Signal: &scale.Signal{}},
			Decision: scale.Decision{Outcome: scale.Scale, From: num(3), Wanted: 9, To: 5, Clamped: true},
		}
		o.Decision.Intent = o.Intent
		return queue.BatchDone{Operations: []queue.Operation{o}}
	}
	var out []notice.Notice
	for _, e := range []scale.Event{
		op("1", queue.FinalFailed), op("2", queue.FinalUnverified), op("3", queue.FinalScaled), queue.Postponed{Err: &scale.LockedError{Stack: "dev"}},
		queue.HoldsChanged{Now: scale.Holds{{Until: noon.Add(time.Hour), Reason: text, By: text}}},
		notice.Lost{Pool: "web", Sample: scale.Sample{Metric: "jobs", Problem: text}, Since: noon.Add(-time.Minute)},
		notice.Found{Pool: "web", Sample: scale.Sample{Metric: "jobs"}},
		queue.Submitted{Submission: queue.Submission{Decision: scale.Decision{Intent: scale.Intent{Pool: "web", ToBounds: true}, Outcome: scale.Guarded, Reason: text}}},
	} {
		out = append(out, tracker.Hear(e, noon)...)
	}
	return append(out, notice.NewTest(tracker.Origin, noon))
}

func mailOf(t testing.TB, k kind, n notice.Notice) mail {
	t.Helper()
	one, err := newSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	m := mail{notices: []notice.Notice{n}, wants: k.events(), id: n.ID, at: noon}
	if k.signs {
		m.access.secrets = append(m.access.secrets, one)
	}
	return m
}

// The document for programs is the one that the schema describes.
func TestTheDocumentIsDescribed(t *testing.T) {
	file, err := os.Open("../../docs/notification.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	doc, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(schemaURL, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(schemaURL)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, kind := range doc.(map[string]any)["properties"].(map[string]any)["kind"].(map[string]any)["enum"].([]any) {
		kinds = append(kinds, kind.(string))
	}
	want := []string{string(notice.Test)}
	for _, k := range notice.Kinds() {
		want = append(want, string(k))
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("kinds (-program +schema):\n%s", diff)
	}
	check := func(n notice.Notice) error {
		text, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	for _, n := range samples("quota exceeded\nfor all") {
		if err := check(n); err != nil {
			t.Errorf("%s: %v", n.Kind, err)
		}
	}
	page, err := os.ReadFile("../../docs/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(page), "```json\n")
	block, _, _ = strings.Cut(block, "\n```")
	var example cloudEvent
	decoder := json.NewDecoder(strings.NewReader(block))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&example); err != nil || !found || check(example.Data) != nil || example.Data.ID != example.ID || example.Type != cloudEventType+string(example.Data.Kind) || sourceOf(example.Data) != example.Source {
		t.Errorf("docs/notifications.md has an event that is none: %v, %v", err, check(example.Data))
	}
	if check(notice.Notice{Kind: "other"}) == nil {
		t.Error("the schema takes everything")
	}
}

func TestSlackEscapes(t *testing.T) {
	for text, want := range map[string]string{
		"<!channel> & <@U1>": "&lt;!channel&gt; &amp; &lt;@\u200bU1&gt;", "@here": "@\u200bhere", "[x](https://e.example)": "[x]\u200b(https://e.example)", "a → b": "a → b",
	} {
		if got := escapeSlack(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// texts are all strings of a document.
func texts(value any) (out []string) {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			out = append(out, texts(one)...)
		}
	case map[string]any:
		for _, one := range v {
			out = append(out, texts(one)...)
		}
	}
	return out
}

// checkHarmless checks that no message to people says more than text, and that none is too long.
func checkHarmless(t *testing.T, n notice.Notice) {
	for _, k := range table() {
		m, err := k.write(mailOf(t, k, n))
		if err != nil {
			t.Fatal(err)
		}
		if m.body == nil {
			continue
		}
		var doc any
		if err := json.Unmarshal(m.body, &doc); err != nil {
			t.Fatalf("%s: %v", k.name, err)
		}
		if k.name == "webhook" && len(m.body) > 256<<10 || k.name == "slack" && len(m.body) > 40_000 || k.name == "teams" && len(m.body) > 28<<10 {
			t.Errorf("%s: %d bytes", k.name, len(m.body))
		}
		for _, text := range texts(doc) {
			switch k.name {
			case "slack":
				if strings.ContainsAny(text, "<>") || strings.Contains(text, "](") || strings.Contains(strings.ReplaceAll(text, "@"+harmless, ""), "@") {
					t.Errorf("slack: %q", text)
				}
			case "teams":
				if strings.Contains(text, "<at>") || strings.Contains(text, "${") || strings.Contains(text, "@{") || text == "TextBlock" {
					t.Errorf("teams: %q", text)
				}
			}
		}
	}
}

func FuzzTexts(f *testing.F) {
	for _, text := range []string{"", "<!channel> <@U012> <http://e.example|click> @here @everyone", "[x](http://e.example) **b** `c` ```d```", "<at>all</at> ${x} @{triggerBody()}", strings.Repeat("<", 10_000), strings.Repeat("漢", 10_000), "\x00\xff\u202e"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, n := range samples(text) {
			checkHarmless(t, n)
		}
	})
}

// During a rotation there are two signatures, and a receiver with either secret takes the message.
func TestARotationSignsTwice(t *testing.T) {
	const other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	s := hook("hook", func(s *Setting) { s.PreviousSecretKey = "x:previous" })
	values := map[string]string{"x:hook": "https://e.example/x", "x:secret": other + "\n", "x:previous": secret}
	open, err := newAccess(s, values)
	if err != nil {
		t.Fatal(err)
	}
	n := samples("")[0]
	now := time.Now()
	m, err := writeWebhook(mail{notices: []notice.Notice{n}, id: n.ID, at: now, access: open})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(m.header.Get("webhook-signature"), "v1,"); got != 2 {
		t.Errorf("%d signatures", got)
	}
	for _, text := range []string{secret, other} {
		receiver, err := newSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := receiver.Verify(m.body, m.header); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if receiver.Verify(append(m.body, ' '), m.header) == nil {
			t.Error("a changed body is taken")
		}
	}
	delete(values, "x:previous") // the rotation is over
	if open, err = newAccess(s, values); err != nil || len(open.secrets) != 1 {
		t.Errorf("got %d secrets, %v", len(open.secrets), err)
	}
}

func TestAccess(t *testing.T) {
	plain := hook("hook", nil)
	private := hook("hook", func(s *Setting) { s.PrivateNetwork = true })
	am := Setting{Name: "am", Kind: "alertmanager", URLKey: "x:hook"}
	for name, test := range map[string]struct {
		setting Setting
		url     string
		secret  string
		want    string
		err     string
	}{
		"fine":                     {plain, " https://e.example/x\n", secret, "https://e.example/x", ""},
		"http, privately":          {private, "http://10.0.0.1:9/x", secret, "http://10.0.0.1:9/x", ""},
		"http":                     {plain, "http://e.example/x", secret, "", "http is only for addresses that privateNetwork allows"},
		"no url":                   {plain, "e.example", secret, "", "must be an https URL"},
		"a file":                   {plain, "file:///etc/passwd", secret, "", "must be an https URL"},
		"nothing":                  {plain, "", secret, "", `no value for the key "x:hook"`},
		"no secret":                {plain, "https://e.example/x", "", "", `no value for the key "x:secret"`},
		"a secret without whsec_":  {plain, "https://e.example/x", secret[6:], "", "must be whsec_"},
		"a secret that is short":   {plain, "https://e.example/x", "whsec_AAAA", "", "must be whsec_"},
		"a secret without base64":  {plain, "https://e.example/x", "whsec_!", "", "must be whsec_"},
		"the root of Alertmanager": {am, "https://am.example/prefix/", "", "https://am.example/prefix/api/v2/alerts", ""},
		"its API":                  {am, "https://am.example/api/v2/alerts", "", "https://am.example/api/v2/alerts", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newAccess(test.setting, map[string]string{"x:hook": test.url, "x:secret": test.secret})
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || test.secret != "" && strings.Contains(err.Error(), test.secret) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || got.url.String() != test.want {
				t.Errorf("got %v, %v", got.url, err)
			}
		})
	}
	if _, err := newAccess(hook("hook", func(s *Setting) { s.AuthorizationKey = "x:a" }), map[string]string{"x:hook": "https://e.example", "x:secret": secret, "x:a": "a\r\nb"}); err == nil {
		t.Error("a header of two lines")
	}
}

func TestCheckNamesTheField(t *testing.T) {
	for want, change := range map[string]func(*Setting){
		"listeners[1].name: is missing":                                       func(s *Setting) { s.Name = "" },
		`listeners[1].name: "one" stands twice`:                               func(s *Setting) { s.Name = "one" },
		`listeners[1].name: is "a/b"; it must be up to 63`:                    func(s *Setting) { s.Name = "a/b" },
		"listeners[1].kind: is missing":                                       func(s *Setting) { s.Kind = "" },
		`listeners[1].kind: is "pager"; there is no such kind`:                func(s *Setting) { s.Kind = "pager" },
		"listeners[1].urlKey: is missing":                                     func(s *Setting) { s.URLKey = "" },
		"listeners[1].urlKey: must be a key":                                  func(s *Setting) { s.URLKey = "https://hooks.example/x" },
		`listeners[1].urlKey: is "url"; it must be a whole key`:               func(s *Setting) { s.URLKey = "url" },
		"listeners[1].secretKey: is missing":                                  func(s *Setting) { s.SecretKey = "" },
		"listeners[1].secretKey: is not for this kind":                        func(s *Setting) { s.Kind = "slack" },
		"listeners[1].previousSecretKey: must be a key":                       func(s *Setting) { s.PreviousSecretKey = secret },
		`listeners[1].events[1]: is "exploded"; there is no such event`:       func(s *Setting) { s.Events = []notice.Kind{"failed", "exploded"} },
		`listeners[1].events[0]: "scaled" is nothing that lasts`:              func(s *Setting) { s.Kind, s.SecretKey, s.Events = "alertmanager", "", []notice.Kind{"scaled"} },
		"listeners[1].pools[1]: must be the name of a pool, which stands onc": func(s *Setting) { s.Pools = []string{"web", "web"} },
	} {
		err := Check("listeners", []Setting{hook("one", nil), hook("two", change)})
		if !scale.IsA[*scale.UsageError](err) || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := Check("listeners", []Setting{hook("one", nil), hook("two", nil), {Name: "am", Kind: "alertmanager", URLKey: "a:b", Events: []notice.Kind{"failed", "recovered"}}}); err != nil {
		t.Error(err)
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-5": 0, "99999999999": time.Hour, "x": 0, noon.Add(time.Minute).Format(http.TimeFormat): time.Minute, noon.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(value, noon); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}
