package webhook

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// forbiddenFor checks that an error is a ForbiddenError whose reason holds the text.
func forbiddenFor(t *testing.T, err error, reason string) {
	t.Helper()
	var f *ForbiddenError
	if !errors.As(err, &f) || !strings.Contains(f.Reason, reason) {
		t.Errorf("error %T %v; want a ForbiddenError with %q", err, err, reason)
	}
}

func TestSignedMessagesAreAccepted(t *testing.T) {
	sns := newFakeSNS(t, rsaKey(), nil)
	for _, version := range []string{"1", "2"} {
		cases := map[string]map[string]any{
			"a notification":                   notification(version, nil),
			"without a subject":                notification(version, map[string]any{"Subject": nil}),
			"with an empty subject":            notification(version, map[string]any{"Subject": ""}),
			"with an empty message":            notification(version, map[string]any{"Message": ""}),
			"a confirmation of a subscription": confirmation(version, SNSSubscriptionConfirmation, nil),
			"a confirmation of its end":        confirmation(version, SNSUnsubscribeConfirmation, nil),
			"of a first-in-first-out topic":    notification(version, map[string]any{"TopicArn": testTopic + ".fifo"}),
			"with fields besides":              notification(version, map[string]any{"MessageAttributes": map[string]any{"a": 1}}),
		}
		for name, envelope := range cases {
			t.Run("version "+version+", "+name, func(t *testing.T) {
				if err := sns.verify(sns.sign(envelope), published); err != nil {
					t.Error(err)
				}
			})
		}
	}
	t.Run("a subject that is null is none", func(t *testing.T) {
		envelope := sns.sign(notification("2", map[string]any{"Subject": nil}))
		envelope["Subject"] = nil
		if err := sns.verify(envelope, published); err != nil {
			t.Error(err)
		}
	})
}

func TestAChangedByteInASignedField(t *testing.T) {
	sns := newFakeSNS(t, rsaKey(), nil)
	changes := map[string]map[string]string{
		SNSNotification: {
			"Message": "{\"AlarmName\":\"HighCPV\"}\nund ein Ümlaut <&>", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf325",
			"Subject": `ALARM: "HighCPV" in EU (Ireland)`, "Timestamp": "2026-03-04T11:58:30.124Z",
			"TopicArn": "arn:aws:sns:eu-west-1:123456789012:alarmt",
		},
		SNSSubscriptionConfirmation: {
			"Message": "you have chosen", "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1c", "Token": "2336412f37fb687e",
			"SubscribeURL": testHost + "/?Action=ConfirmSubscription&TopicArn=" + testTopic + "&Token=2336412f37fb687e",
			"Timestamp":    "2026-03-04T11:58:30.124Z", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:alarmt",
			"Type": SNSUnsubscribeConfirmation,
		},
	}
	for _, version := range []string{"1", "2"} {
		for kind, fields := range changes {
			for field, value := range fields {
				t.Run("version "+version+" of a "+kind+", "+field, func(t *testing.T) {
					envelope := notification(version, nil)
					if kind != SNSNotification {
						envelope = confirmation(version, kind, nil)
					}
					envelope = sns.sign(envelope)
					if err := sns.verify(envelope, published); err != nil {
						t.Fatal(err)
					}
					envelope[field] = value
					forbiddenFor(t, sns.verify(envelope, published), "the signature is not that of the message")
				})
			}
		}
	}
}

func TestSignaturesThatAreWrong(t *testing.T) {
	sns := newFakeSNS(t, rsaKey(), nil)
	signed := func() map[string]any { return sns.sign(notification("2", nil)) }
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("of another key", func(t *testing.T) {
		forbiddenFor(t, sns.verify(newFakeSNS(t, stranger, nil).sign(notification("2", nil)), published), "the signature")
	})
	t.Run("of the other version", func(t *testing.T) {
		forbiddenFor(t, sns.verify(with(signed(), map[string]any{"SignatureVersion": "1"}), published), "the signature")
	})
	t.Run("a subject is taken away", func(t *testing.T) {
		forbiddenFor(t, sns.verify(with(signed(), map[string]any{"Subject": nil}), published), "the signature")
	})
	t.Run("a subject is added", func(t *testing.T) {
		envelope := sns.sign(notification("2", map[string]any{"Subject": nil}))
		forbiddenFor(t, sns.verify(with(envelope, map[string]any{"Subject": ""}), published), "the signature")
	})
	t.Run("empty bytes", func(t *testing.T) {
		forbiddenFor(t, sns.verify(with(signed(), map[string]any{"Signature": "AAAA"}), published), "the signature")
	})
	t.Run("not base64", func(t *testing.T) {
		refused(t, sns.verify(with(signed(), map[string]any{"Signature": "?"}), published), "Signature", "is not base64")
	})
	t.Run("with a line break", func(t *testing.T) {
		envelope := signed()
		envelope["Signature"] = envelope["Signature"].(string) + "\n"
		refused(t, sns.verify(envelope, published), "Signature", "is not base64")
	})
	t.Run("none", func(t *testing.T) {
		refused(t, sns.verify(with(signed(), map[string]any{"Signature": nil}), published), "Signature", "is missing")
	})
	t.Run("of version 3", func(t *testing.T) {
		refused(t, sns.verify(with(signed(), map[string]any{"SignatureVersion": "3"}), published), "SignatureVersion", `must be "1" or "2"`)
	})
}

func TestEnvelopesThatSNSDoesNotSend(t *testing.T) {
	cases := map[string]struct {
		fields         map[string]any
		field, problem string
	}{
		"of another type":               {map[string]any{"Type": "Notice"}, "Type", "must be Notification"},
		"without a message":             {map[string]any{"Message": nil}, "Message", "is missing"},
		"a message that is no text":     {map[string]any{"Message": map[string]any{}}, "Message", "is an object"},
		"without a certificate's URL":   {map[string]any{"SigningCertURL": nil}, "SigningCertURL", "is missing"},
		"a timestamp that is none":      {map[string]any{"Timestamp": "yesterday"}, "Timestamp", "must be a time"},
		"a message id with lines":       {map[string]any{"MessageId": "a\nSubject\nb"}, "MessageId", "must be at most"},
		"a message id that is too long": {map[string]any{"MessageId": longName(101)}, "MessageId", "must be at most 100"},
		"a subject with lines":          {map[string]any{"Subject": "a\nTimestamp\nb"}, "Subject", "must not hold a line break"},
		"a topic with lines":            {map[string]any{"TopicArn": testTopic + "\nType"}, "TopicArn", "must not hold a line break"},
		"a subscription without token":  {map[string]any{"Type": SNSSubscriptionConfirmation, "SubscribeURL": "x"}, "Token", "is missing"},
		"a subscription without a URL":  {map[string]any{"Type": SNSSubscriptionConfirmation, "Token": "x"}, "SubscribeURL", "is missing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ParseSNS(encode(with(notification("2", map[string]any{"Signature": "AAAA"}), c.fields)), http.Header{})
			refused(t, err, c.field, c.problem)
		})
	}
	t.Run("raw delivery", func(t *testing.T) {
		header := http.Header{}
		header.Set("x-amz-sns-rawdelivery", "true")
		_, err := ParseSNS(read(t, "testdata/cloudwatch/metric-high.json"), header)
		refused(t, err, "body", "raw message delivery, which leaves out the signature")
	})
	t.Run("raw delivery without its header", func(t *testing.T) {
		_, err := ParseSNS(read(t, "testdata/cloudwatch/metric-high.json"), http.Header{})
		refused(t, err, "body", "turn raw message delivery off")
	})
}

func TestTimestamps(t *testing.T) {
	sns := newFakeSNS(t, rsaKey(), nil)
	envelope := sns.sign(notification("2", nil))
	for name, c := range map[string]struct {
		at     time.Time
		reason string
	}{
		"now":                           {published, ""},
		"as old as SNS retries":         {published.Add(75 * time.Minute), ""},
		"older":                         {published.Add(75*time.Minute + time.Second), "too long ago"},
		"as far ahead as clocks may":    {published.Add(-15 * time.Minute), ""},
		"further ahead":                 {published.Add(-15*time.Minute - time.Second), "which is to come"},
		"from a year ago, cert and all": {published.AddDate(1, 0, 0), "too long ago"},
	} {
		t.Run(name, func(t *testing.T) {
			err := sns.verify(envelope, c.at)
			if c.reason != "" {
				forbiddenFor(t, err, c.reason)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTopics(t *testing.T) {
	sns := newFakeSNS(t, rsaKey(), nil)
	envelope := sns.sign(notification("2", nil))
	if err := sns.verify(envelope, published, "arn:aws:sns:eu-west-1:123456789012:other", testTopic); err != nil {
		t.Error(err)
	}
	sns.fetched.Store(0)
	forbiddenFor(t, sns.verify(envelope, published, "arn:aws:sns:eu-west-1:123456789012:other"), "is not one of those allowed")
	if n := sns.fetched.Load(); n != 0 {
		t.Errorf("%d fetches for a topic that is not allowed", n)
	}
}

func TestCertificates(t *testing.T) {
	small := func() crypto.Signer {
		t.Setenv("GODEBUG", "rsa1024min=0")
		key, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	name := func(common string, alternative ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames = common, alternative }
	}
	cases := map[string]struct {
		key    crypto.Signer
		edit   func(*x509.Certificate)
		reason string
	}{
		"with a common name alone":   {rsaKey(), name("sns.amazonaws.com"), ""},
		"with alternative names":     {rsaKey(), name("", "other.example.com", "sns.eu-west-1.amazonaws.com"), ""},
		"of a region opted into":     {rsaKey(), name("sns-signing.eu-west-1.amazonaws.com"), ""},
		"that has expired":           {rsaKey(), func(c *x509.Certificate) { c.NotAfter = published.Add(-time.Second) }, "expired"},
		"that is not yet valid":      {rsaKey(), func(c *x509.Certificate) { c.NotBefore = published.Add(time.Second) }, "is valid from"},
		"of another name":            {rsaKey(), name("sns.example.com", "sns.example.com"), "not in the name of Amazon SNS"},
		"of another service":         {rsaKey(), name("s3.amazonaws.com", "*.s3.amazonaws.com"), "not in the name"},
		"of every name":              {rsaKey(), name("*.amazonaws.com", "*.amazonaws.com"), "not in the name"},
		"of a longer name":           {rsaKey(), name("sns.amazonaws.com.evil.example"), "not in the name"},
		"of another region's signer": {rsaKey(), name("sns-signing.eu-south-1.amazonaws.com"), "not in the name"},
		"of another partition":       {rsaKey(), name("sns.amazonaws.com.cn"), "not in the name"},
		"without a name":             {rsaKey(), name(""), "not in the name"},
		"with an elliptic key":       {elliptical, nil, "is not an RSA key"},
		"with a small key":           {small(), nil, "less than 2048 bits"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			sns := newFakeSNS(t, c.key, c.edit)
			err := sns.verify(sns.sign(notification("2", nil)), published)
			if c.reason != "" {
				forbiddenFor(t, err, c.reason)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatIsNoCertificate(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":              "",
		"a page":               "<html>",
		"a key":                "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
		"a broken certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		t.Run(name, func(t *testing.T) {
			sns := newFakeSNS(t, rsaKey(), nil)
			sns.answer = func(context.Context, string) ([]byte, error) { return []byte(body), nil }
			forbiddenFor(t, sns.verify(sns.sign(notification("2", nil)), published), "SigningCertURL")
		})
	}
}

func TestConfirm(t *testing.T) {
	sns := newFakeSNS(t, rsaKey(), nil)
	var visited []string
	sns.answer = func(_ context.Context, url string) ([]byte, error) {
		visited = append(visited, url)
		return sns.certificate, nil
	}
	confirm := func(envelope map[string]any, topics ...string) error {
		t.Helper()
		visited = nil
		m, err := ParseSNS(encode(envelope), http.Header{})
		if err != nil {
			t.Fatal(err)
		}
		return NewVerifier(sns.get, topics...).Confirm(t.Context(), m, published)
	}
	unconfirmed := func(what string) {
		t.Helper()
		for _, url := range visited {
			if url != testCertURL {
				t.Errorf("%s: visited %s", what, url)
			}
		}
	}

	good := sns.sign(confirmation("2", SNSSubscriptionConfirmation, nil))
	if err := confirm(good, testTopic); err != nil || len(visited) != 2 || visited[1] != good["SubscribeURL"] {
		t.Errorf("%v; visited %v", err, visited)
	}
	forged := with(sns.sign(confirmation("2", SNSSubscriptionConfirmation, nil)), map[string]any{"Token": "other"})
	forbiddenFor(t, confirm(forged), "the signature")
	unconfirmed("a forged message")
	forbiddenFor(t, confirm(good, testTopic+"-other"), "is not one of those allowed")
	unconfirmed("another topic")
	refused(t, confirm(sns.sign(confirmation("2", SNSUnsubscribeConfirmation, nil))), "Type", "only a SubscriptionConfirmation")
	unconfirmed("the end of a subscription")
	refused(t, confirm(sns.sign(notification("2", nil))), "Type", "only a SubscriptionConfirmation")
	unconfirmed("a notification")

	sns.answer = func(_ context.Context, url string) ([]byte, error) {
		if url == testCertURL {
			return sns.certificate, nil
		}
		return nil, errNoNetwork
	}
	var unavailable *UnavailableError
	if err := confirm(good); !errors.As(err, &unavailable) || !errors.Is(err, errNoNetwork) {
		t.Errorf("error %v; want an UnavailableError", err)
	}
}
