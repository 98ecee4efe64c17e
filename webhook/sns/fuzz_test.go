package sns

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pulumiscale/pulumiscale/webhook/dialect"
	"github.com/pulumiscale/pulumiscale/webhook/sns/snstest"
)

// signedSeeds are messages that the fake SNS has signed. RSA signatures are the same each time.
func signedSeeds(sns *snstest.Fake) (bodies [][]byte) {
	for _, version := range []string{"1", "2"} {
		bodies = append(bodies,
			snstest.Encode(sns.Sign(snstest.Notification(version, nil))),
			snstest.Encode(sns.Sign(snstest.Notification(version, map[string]any{"Subject": nil, "Message": "a\nMessageId\nb\nSubject\nc"}))),
			snstest.Encode(sns.Sign(snstest.Confirmation(version, SubscriptionConfirmation, nil))),
			snstest.Encode(sns.Sign(snstest.Confirmation(version, UnsubscribeConfirmation, nil))),
		)
	}
	return bodies
}

// FuzzVerify holds that a message is accepted only as the fake SNS signed it: every field that is used says what it
// said then.
func FuzzVerify(f *testing.F) {
	sns := snstest.New(f, snstest.Key(), nil)
	signed := map[Message]bool{}
	plain := func(m *Message) Message {
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
		m, err := Parse(dialect.Parse(body), http.Header{})
		if err != nil {
			f.Fatal(err)
		}
		signed[plain(m)] = true
		// These are the same message, wrong in one place.
		f.Add([]byte(strings.Replace(string(body), "eu-west-1", "s3-us-west-2", 2)))
		f.Add([]byte(strings.Replace(string(body), `"SignatureVersion":"1"`, `"SignatureVersion":"2"`, 1)))
	}
	v := NewVerifier(sns.Get)
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := Parse(dialect.Parse(body), http.Header{})
		var bad *dialect.BadRequestError
		if err != nil {
			if !errors.As(err, &bad) {
				t.Errorf("error %T %v", err, err)
			}
			return
		}
		err = v.Verify(context.Background(), m, snstest.Published())
		var no *dialect.ForbiddenError
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
	sns := snstest.New(f, snstest.Key(), nil)
	fields := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type", "SubscribeURL", "Token", "SignatureVersion", "Signature", "SigningCertURL"}
	for i := range fields {
		f.Add(i, "", i%2 == 0)
		f.Add(i, "a\nSubject\nb", i%2 == 0)
	}
	f.Add(10, "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-ab.pem", true)
	f.Add(10, "https://evil@sns.eu-west-1.amazonaws.com/SimpleNotificationService-ab.pem", true)
	v := NewVerifier(sns.Get)
	f.Fuzz(func(t *testing.T, field int, value string, confirms bool) {
		if field < 0 || field >= len(fields) || !utf8.ValidString(value) {
			return
		}
		envelope := snstest.Notification("2", nil)
		if confirms {
			envelope = snstest.Confirmation("2", SubscriptionConfirmation, nil)
		}
		envelope = sns.Sign(envelope)
		name := fields[field]
		was, there := envelope[name]
		envelope[name] = value
		m, err := Parse(dialect.Parse(snstest.Encode(envelope)), http.Header{})
		if err != nil || v.Verify(context.Background(), m, snstest.Published()) != nil {
			return
		}
		unsigned := !there && name != "Subject" || confirms && name == "Subject" || name == "SigningCertURL"
		if was != value && !unsigned {
			t.Errorf("accepted with %s %q in place of %q", name, value, was)
		}
		if topic, _ := parseTopic(snstest.Topic); !topic.signsAt(m.SigningCertURL) {
			t.Errorf("accepted with a certificate at %q", m.SigningCertURL)
		}
	})
}
