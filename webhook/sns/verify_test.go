package sns

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
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/webhook/dialect"
	"github.com/pulumiscale/pulumiscale/webhook/sns/snstest"
)

func TestSignedMessagesAreAccepted(t *testing.T) {
	sns := snstest.New(t, snstest.Key(), nil)
	for _, version := range []string{"1", "2"} {
		cases := map[string]map[string]any{
			"a notification":                   snstest.Notification(version, nil),
			"without a subject":                snstest.Notification(version, map[string]any{"Subject": nil}),
			"with an empty subject":            snstest.Notification(version, map[string]any{"Subject": ""}),
			"with an empty message":            snstest.Notification(version, map[string]any{"Message": ""}),
			"a confirmation of a subscription": snstest.Confirmation(version, SubscriptionConfirmation, nil),
			"a confirmation of its end":        snstest.Confirmation(version, UnsubscribeConfirmation, nil),
			"of a first-in-first-out topic":    snstest.Notification(version, map[string]any{"TopicArn": snstest.Topic + ".fifo"}),
			"with fields besides":              snstest.Notification(version, map[string]any{"MessageAttributes": map[string]any{"a": 1}}),
		}
		for name, envelope := range cases {
			t.Run("version "+version+", "+name, func(t *testing.T) {
				if err := verify(sns, sns.Sign(envelope), snstest.Published()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	t.Run("a subject that is null is none", func(t *testing.T) {
		envelope := sns.Sign(snstest.Notification("2", map[string]any{"Subject": nil}))
		envelope["Subject"] = nil
		if err := verify(sns, envelope, snstest.Published()); err != nil {
			t.Error(err)
		}
	})
}

func TestAChangedByteInASignedField(t *testing.T) {
	sns := snstest.New(t, snstest.Key(), nil)
	changes := map[string]map[string]string{
		Notification: {
			"Message": "{\"AlarmName\":\"HighCPV\"}\nund ein Ümlaut <&>", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf325",
			"Subject": `ALARM: "HighCPV" in EU (Ireland)`, "Timestamp": "2026-03-04T11:58:30.124Z",
			"TopicArn": "arn:aws:sns:eu-west-1:123456789012:alarmt",
		},
		SubscriptionConfirmation: {
			"Message": "you have chosen", "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1c", "Token": "2336412f37fb687e",
			"SubscribeURL": snstest.Host + "/?Action=ConfirmSubscription&TopicArn=" + snstest.Topic + "&Token=2336412f37fb687e",
			"Timestamp":    "2026-03-04T11:58:30.124Z", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:alarmt",
			"Type": UnsubscribeConfirmation,
		},
	}
	for _, version := range []string{"1", "2"} {
		for kind, fields := range changes {
			for field, value := range fields {
				t.Run("version "+version+" of a "+kind+", "+field, func(t *testing.T) {
					envelope := snstest.Notification(version, nil)
					if kind != Notification {
						envelope = snstest.Confirmation(version, kind, nil)
					}
					envelope = sns.Sign(envelope)
					if err := verify(sns, envelope, snstest.Published()); err != nil {
						t.Fatal(err)
					}
					envelope[field] = value
					forbiddenFor(t, verify(sns, envelope, snstest.Published()), "the signature is not that of the message")
				})
			}
		}
	}
}

func TestSignaturesThatAreWrong(t *testing.T) {
	sns := snstest.New(t, snstest.Key(), nil)
	signed := func() map[string]any { return sns.Sign(snstest.Notification("2", nil)) }
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("of another key", func(t *testing.T) {
		forbiddenFor(t, verify(sns, snstest.New(t, stranger, nil).Sign(snstest.Notification("2", nil)), snstest.Published()), "the signature")
	})
	t.Run("of the other version", func(t *testing.T) {
		forbiddenFor(t, verify(sns, snstest.With(signed(), map[string]any{"SignatureVersion": "1"}), snstest.Published()), "the signature")
	})
	t.Run("a subject is taken away", func(t *testing.T) {
		forbiddenFor(t, verify(sns, snstest.With(signed(), map[string]any{"Subject": nil}), snstest.Published()), "the signature")
	})
	t.Run("a subject is added", func(t *testing.T) {
		envelope := sns.Sign(snstest.Notification("2", map[string]any{"Subject": nil}))
		forbiddenFor(t, verify(sns, snstest.With(envelope, map[string]any{"Subject": ""}), snstest.Published()), "the signature")
	})
	t.Run("empty bytes", func(t *testing.T) {
		forbiddenFor(t, verify(sns, snstest.With(signed(), map[string]any{"Signature": "AAAA"}), snstest.Published()), "the signature")
	})
	t.Run("not base64", func(t *testing.T) {
		refused(t, verify(sns, snstest.With(signed(), map[string]any{"Signature": "?"}), snstest.Published()), "Signature", "is not base64")
	})
	t.Run("with a line break", func(t *testing.T) {
		envelope := signed()
		envelope["Signature"] = envelope["Signature"].(string) + "\n"
		refused(t, verify(sns, envelope, snstest.Published()), "Signature", "is not base64")
	})
	t.Run("none", func(t *testing.T) {
		refused(t, verify(sns, snstest.With(signed(), map[string]any{"Signature": nil}), snstest.Published()), "Signature", "is missing")
	})
	t.Run("of version 3", func(t *testing.T) {
		refused(t, verify(sns, snstest.With(signed(), map[string]any{"SignatureVersion": "3"}), snstest.Published()), "SignatureVersion", `must be "1" or "2"`)
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
		"a topic with lines":            {map[string]any{"TopicArn": snstest.Topic + "\nType"}, "TopicArn", "must not hold a line break"},
		"a subscription without token":  {map[string]any{"Type": SubscriptionConfirmation, "SubscribeURL": "x"}, "Token", "is missing"},
		"a subscription without a URL":  {map[string]any{"Type": SubscriptionConfirmation, "Token": "x"}, "SubscribeURL", "is missing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(dialect.Parse(snstest.Encode(snstest.With(snstest.Notification("2", map[string]any{"Signature": "AAAA"}), c.fields))), http.Header{})
			refused(t, err, c.field, c.problem)
		})
	}
	t.Run("raw delivery", func(t *testing.T) {
		header := http.Header{}
		header.Set("x-amz-sns-rawdelivery", "true")
		_, err := Parse(dialect.Parse(read(t, "../dialect/testdata/cloudwatch/metric-high.json")), header)
		refused(t, err, "body", "raw message delivery, which leaves out the signature")
	})
	t.Run("raw delivery without its header", func(t *testing.T) {
		_, err := Parse(dialect.Parse(read(t, "../dialect/testdata/cloudwatch/metric-high.json")), http.Header{})
		refused(t, err, "body", "turn raw message delivery off")
	})
}

func TestTimestamps(t *testing.T) {
	sns := snstest.New(t, snstest.Key(), nil)
	envelope := sns.Sign(snstest.Notification("2", nil))
	for name, c := range map[string]struct {
		at     time.Time
		reason string
	}{
		"now":                           {snstest.Published(), ""},
		"as old as SNS retries":         {snstest.Published().Add(75 * time.Minute), ""},
		"older":                         {snstest.Published().Add(75*time.Minute + time.Second), "too long ago"},
		"as far ahead as clocks may":    {snstest.Published().Add(-15 * time.Minute), ""},
		"further ahead":                 {snstest.Published().Add(-15*time.Minute - time.Second), "which is to come"},
		"from a year ago, cert and all": {snstest.Published().AddDate(1, 0, 0), "too long ago"},
	} {
		t.Run(name, func(t *testing.T) {
			err := verify(sns, envelope, c.at)
			if c.reason != "" {
				forbiddenFor(t, err, c.reason)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTopics(t *testing.T) {
	sns := snstest.New(t, snstest.Key(), nil)
	envelope := sns.Sign(snstest.Notification("2", nil))
	if err := verify(sns, envelope, snstest.Published(), "arn:aws:sns:eu-west-1:123456789012:other", snstest.Topic); err != nil {
		t.Error(err)
	}
	sns.Fetched.Store(0)
	forbiddenFor(t, verify(sns, envelope, snstest.Published(), "arn:aws:sns:eu-west-1:123456789012:other"), "is not one of those allowed")
	if n := sns.Fetched.Load(); n != 0 {
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
		"with a common name alone":   {snstest.Key(), name("sns.amazonaws.com"), ""},
		"with alternative names":     {snstest.Key(), name("", "other.example.com", "sns.eu-west-1.amazonaws.com"), ""},
		"of a region opted into":     {snstest.Key(), name("sns-signing.eu-west-1.amazonaws.com"), ""},
		"that has expired":           {snstest.Key(), func(c *x509.Certificate) { c.NotAfter = snstest.Published().Add(-time.Second) }, "expired"},
		"that is not yet valid":      {snstest.Key(), func(c *x509.Certificate) { c.NotBefore = snstest.Published().Add(time.Second) }, "is valid from"},
		"of another name":            {snstest.Key(), name("sns.example.com", "sns.example.com"), "not in the name of Amazon SNS"},
		"of another service":         {snstest.Key(), name("s3.amazonaws.com", "*.s3.amazonaws.com"), "not in the name"},
		"of every name":              {snstest.Key(), name("*.amazonaws.com", "*.amazonaws.com"), "not in the name"},
		"of a longer name":           {snstest.Key(), name("sns.amazonaws.com.evil.example"), "not in the name"},
		"of another region's signer": {snstest.Key(), name("sns-signing.eu-south-1.amazonaws.com"), "not in the name"},
		"of another partition":       {snstest.Key(), name("sns.amazonaws.com.cn"), "not in the name"},
		"without a name":             {snstest.Key(), name(""), "not in the name"},
		"with an elliptic key":       {elliptical, nil, "is not an RSA key"},
		"with a small key":           {small(), nil, "less than 2048 bits"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			sns := snstest.New(t, c.key, c.edit)
			err := verify(sns, sns.Sign(snstest.Notification("2", nil)), snstest.Published())
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
			sns := snstest.New(t, snstest.Key(), nil)
			sns.Answer = func(context.Context, string) ([]byte, error) { return []byte(body), nil }
			forbiddenFor(t, verify(sns, sns.Sign(snstest.Notification("2", nil)), snstest.Published()), "SigningCertURL")
		})
	}
}

func TestConfirm(t *testing.T) {
	sns := snstest.New(t, snstest.Key(), nil)
	var visited []string
	sns.Answer = func(_ context.Context, url string) ([]byte, error) {
		visited = append(visited, url)
		return sns.Certificate, nil
	}
	confirm := func(envelope map[string]any, topics ...string) error {
		t.Helper()
		visited = nil
		m, err := Parse(dialect.Parse(snstest.Encode(envelope)), http.Header{})
		if err != nil {
			t.Fatal(err)
		}
		return NewVerifier(sns.Get, topics...).Confirm(t.Context(), m, snstest.Published())
	}
	unconfirmed := func(what string) {
		t.Helper()
		for _, url := range visited {
			if url != snstest.CertURL {
				t.Errorf("%s: visited %s", what, url)
			}
		}
	}

	good := sns.Sign(snstest.Confirmation("2", SubscriptionConfirmation, nil))
	if err := confirm(good, snstest.Topic); err != nil || len(visited) != 2 || visited[1] != good["SubscribeURL"] {
		t.Errorf("%v; visited %v", err, visited)
	}
	forged := snstest.With(sns.Sign(snstest.Confirmation("2", SubscriptionConfirmation, nil)), map[string]any{"Token": "other"})
	forbiddenFor(t, confirm(forged), "the signature")
	unconfirmed("a forged message")
	forbiddenFor(t, confirm(good, snstest.Topic+"-other"), "is not one of those allowed")
	unconfirmed("another topic")
	refused(t, confirm(sns.Sign(snstest.Confirmation("2", UnsubscribeConfirmation, nil))), "Type", "only a SubscriptionConfirmation")
	unconfirmed("the end of a subscription")
	refused(t, confirm(sns.Sign(snstest.Notification("2", nil))), "Type", "only a SubscriptionConfirmation")
	unconfirmed("a notification")

	sns.Answer = func(_ context.Context, url string) ([]byte, error) {
		if url == snstest.CertURL {
			return sns.Certificate, nil
		}
		return nil, errNoNetwork
	}
	var unavailable *dialect.UnavailableError
	if err := confirm(good); !errors.As(err, &unavailable) || !errors.Is(err, errNoNetwork) {
		t.Errorf("error %v; want an UnavailableError", err)
	}
}
