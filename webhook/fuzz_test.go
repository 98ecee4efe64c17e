package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// seed adds the payloads of the dialects.
func seed(f *testing.F, dialects ...string) {
	f.Helper()
	for _, dialect := range dialects {
		files, err := filepath.Glob(filepath.Join("testdata", dialect, "*.json"))
		if err != nil || len(files) == 0 {
			f.Fatalf("no payloads of %s: %v", dialect, err)
		}
		for _, file := range files {
			f.Add(read(f, file), "worker", "")
			f.Add(read(f, file), "", "direction=down&delta=3")
		}
	}
}

// checkText holds that people and update messages may be shown a text.
func checkText(t *testing.T, text string, limit int) {
	t.Helper()
	if utf8.RuneCountInString(text) > limit || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		t.Errorf("not one line of at most %d runes: %q", limit, text)
	}
}

// checkDecoded holds the rules that no payload may break, whatever the dialect.
func checkDecoded(t *testing.T, pool string, decode func() (Delivery, error)) {
	t.Helper()
	got, err := decode()
	again, errAgain := decode()
	if diff := cmp.Diff(got, again, cmpopts.EquateNaNs()); diff != "" || (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
		t.Errorf("two decodings of the same: %v, %v\n%s", err, errAgain, diff)
	}
	var bad *BadRequestError
	if err != nil {
		if !errors.As(err, &bad) || len(got.Intents)+len(got.Skipped) > 0 {
			t.Errorf("error %T %v beside %+v", err, err, got)
		}
		checkText(t, bad.Field, maxName)
		checkText(t, bad.Problem, maxReason)
		return
	}
	for _, i := range got.Intents {
		if err := i.Validate(); err != nil {
			t.Errorf("%v in %+v", err, i)
		}
		if s := i.Signal; s == nil || s.Delta != nil && s.Count != nil || s.Count != nil && *s.Count < 0 || i.Source == "" || i.Force {
			t.Errorf("%+v of %+v", i.Signal, i)
		}
		if pool != "" && i.Pool != pool || pools()[i.Pool].Pool == "" {
			t.Errorf("the route of %q gives an intent for %q", pool, i.Pool)
		}
		if len(i.Key) > 400 || len(i.Signal.Identity) > maxARN {
			t.Errorf("a key of %d bytes, the identity %q since %s", len(i.Key), i.Signal.Identity, i.Signal.Since)
		}
		checkText(t, i.Reason, maxReason)
	}
	for _, s := range got.Skipped {
		checkText(t, s.Alert, maxName)
		checkText(t, s.Pool, maxName)
		checkText(t, s.Reason, maxReason)
		if s.Reason == "" {
			t.Errorf("no reason in %+v", s)
		}
	}
}

func FuzzDecodeCloudWatch(f *testing.F) {
	seed(f, "cloudwatch")
	f.Fuzz(func(t *testing.T, body []byte, _, query string) {
		checkDecoded(t, "worker", func() (Delivery, error) { return DecodeCloudWatch(body, "22b80b92", route("worker", query)) })
	})
}

func FuzzDecodeEventBridge(f *testing.F) {
	seed(f, "eventbridge")
	f.Fuzz(func(t *testing.T, body []byte, _, query string) {
		checkDecoded(t, "worker", func() (Delivery, error) { return DecodeEventBridge(body, route("worker", query)) })
	})
}

func FuzzDecodeLambda(f *testing.F) {
	seed(f, "lambda")
	f.Fuzz(func(t *testing.T, body []byte, _, query string) {
		checkDecoded(t, "worker", func() (Delivery, error) { return DecodeLambda(body, route("worker", query)) })
	})
}

func FuzzDecodeAlertmanager(f *testing.F) {
	seed(f, "prometheus", "grafana")
	f.Fuzz(func(t *testing.T, body []byte, pool, query string) {
		if pool != "" {
			pool = "worker"
		}
		checkDecoded(t, pool, func() (Delivery, error) { return DecodeAlertmanager(body, route(pool, query)) })
	})
}

func FuzzDecodeDirect(f *testing.F) {
	seed(f, "direct")
	f.Add([]byte(`{"id":"1","detail-type":"Scheduled Event"}`), "", "delta=+1")
	f.Add([]byte{}, "key", "count=5&dryRun=true&force=false&reason=x")
	f.Fuzz(func(t *testing.T, body []byte, key, query string) {
		got, err := DecodeDirect(body, key, route("worker", query))
		if err != nil {
			if _, ok := errors.AsType[*BadRequestError](err); !ok {
				t.Errorf("error %T %v", err, err)
			}
			return
		}
		i := got.Intent
		if err := i.Validate(); err != nil || i.Signal != nil || i.Pool != "worker" {
			t.Errorf("%v in %+v", err, i)
		}
		if key == "" && i.Key != "" && i.Source != sourceEventBridge || key != "" && i.Key == "" {
			t.Errorf("the key %q became %q", key, i.Key)
		}
		checkText(t, i.Reason, maxReason)
	})
}

func FuzzParseJSON(f *testing.F) {
	for _, body := range []string{`{"a": [1, {"b": null}]}`, `{"a": 1, "a": 2}`, `{"a": "\ud800"}`, `"\\"`, `[[[]]]`, `{"a": 1e999}`, "{", "\xff"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseJSON(body)
		if err != nil {
			bad, ok := errors.AsType[*BadRequestError](err)
			if !ok {
				t.Fatalf("error %T %v", err, err)
			}
			if json.Valid(body) && strings.HasPrefix(bad.Problem, "is not JSON") {
				t.Errorf("encoding/json takes it: %v", err)
			}
			return
		}
		decoder := json.NewDecoder(strings.NewReader(string(body)))
		decoder.UseNumber()
		var want any
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("accepted what is not JSON: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read otherwise than encoding/json does (-want +got):\n%s", diff)
		}
	})
}

// signedSeeds are messages that the fake SNS has signed. RSA signatures are the same each time.
func signedSeeds(sns *fakeSNS) (bodies [][]byte) {
	for _, version := range []string{"1", "2"} {
		bodies = append(bodies,
			encode(sns.sign(notification(version, nil))),
			encode(sns.sign(notification(version, map[string]any{"Subject": nil, "Message": "a\nMessageId\nb\nSubject\nc"}))),
			encode(sns.sign(confirmation(version, SNSSubscriptionConfirmation, nil))),
			encode(sns.sign(confirmation(version, SNSUnsubscribeConfirmation, nil))),
		)
	}
	return bodies
}

// FuzzVerify holds that a message is accepted only as the fake SNS signed it: every field that is used says what it
// said then.
func FuzzVerify(f *testing.F) {
	sns := newFakeSNS(f, rsaKey(), nil)
	signed := map[SNSMessage]bool{}
	plain := func(m *SNSMessage) SNSMessage {
		is := *m
		if m.Subject != nil {
			is.Message += "\x00subject " + *m.Subject
			is.Subject = nil
		}
		is.Signature, is.SigningCertURL = "", "" // neither is a part of what is signed
		return is
	}
	for _, body := range signedSeeds(sns) {
		f.Add(body)
		m, err := ParseSNS(body, http.Header{})
		if err != nil {
			f.Fatal(err)
		}
		signed[plain(m)] = true
		// These are the same message, wrong in one place.
		f.Add([]byte(strings.Replace(string(body), "eu-west-1", "s3-us-west-2", 2)))
		f.Add([]byte(strings.Replace(string(body), `"SignatureVersion":"1"`, `"SignatureVersion":"2"`, 1)))
	}
	v := NewVerifier(sns.get)
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := ParseSNS(body, http.Header{})
		var bad *BadRequestError
		if err != nil {
			if !errors.As(err, &bad) {
				t.Errorf("error %T %v", err, err)
			}
			return
		}
		err = v.Verify(context.Background(), m, published)
		var no *ForbiddenError
		switch {
		case err == nil && !signed[plain(m)]:
			t.Errorf("accepted, and never signed: %+v", m)
		case err != nil && !errors.As(err, &bad) && !errors.As(err, &no):
			t.Errorf("error %T %v", err, err)
		}
	})
}

// FuzzForge changes single fields of a signed message, because FuzzVerify seldom gets past the JSON.
func FuzzForge(f *testing.F) {
	sns := newFakeSNS(f, rsaKey(), nil)
	fields := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type", "SubscribeURL", "Token", "SignatureVersion", "Signature", "SigningCertURL"}
	for i := range fields {
		f.Add(i, "", i%2 == 0)
		f.Add(i, "a\nSubject\nb", i%2 == 0)
	}
	f.Add(10, "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-ab.pem", true)
	f.Add(10, "https://evil@sns.eu-west-1.amazonaws.com/SimpleNotificationService-ab.pem", true)
	v := NewVerifier(sns.get)
	f.Fuzz(func(t *testing.T, field int, value string, confirms bool) {
		if field < 0 || field >= len(fields) || !utf8.ValidString(value) {
			return
		}
		envelope := notification("2", nil)
		if confirms {
			envelope = confirmation("2", SNSSubscriptionConfirmation, nil)
		}
		envelope = sns.sign(envelope)
		name := fields[field]
		was, there := envelope[name]
		envelope[name] = value
		m, err := ParseSNS(encode(envelope), http.Header{})
		if err != nil || v.Verify(context.Background(), m, published) != nil {
			return
		}
		unsigned := !there && name != "Subject" || confirms && name == "Subject" || name == "SigningCertURL"
		if was != value && !unsigned {
			t.Errorf("accepted with %s %q in place of %q", name, value, was)
		}
		if topic, _ := parseTopic(testTopic); !topic.signsAt(m.SigningCertURL) {
			t.Errorf("accepted with a certificate at %q", m.SigningCertURL)
		}
	})
}

// FuzzTokens holds that nothing but the token opens.
func FuzzTokens(f *testing.F) {
	for _, header := range []string{"", "Bearer " + tokenA, basic("sns", tokenA), "Basic " + tokenA, "Bearer  " + tokenA, "bearer\t" + tokenA} {
		f.Add(header)
	}
	var tokens Tokens
	if err := tokens.Set(tokenA, ""); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/pools", http.NoBody)
		r.Header["Authorization"] = []string{header}
		_, password, _ := r.BasicAuth()
		if tokens.Check(r) && password != tokenA && !strings.HasSuffix(header, " "+tokenA) {
			t.Errorf("accepted %q", header)
		}
	})
}
