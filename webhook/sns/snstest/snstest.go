// Package snstest is a fake Amazon SNS, for tests.
package snstest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Published returns the time at which the fake SNS publishes messages and the tests verify them.
func Published() time.Time { return time.Date(2026, 3, 4, 11, 58, 30, 123e6, time.UTC) }

// The topic of the fake's messages, the host of its region, and where its certificate is.
const (
	Topic   = "arn:aws:sns:eu-west-1:123456789012:alarms"
	Host    = "https://sns.eu-west-1.amazonaws.com"
	CertURL = Host + "/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
)

// Fake signs as Amazon SNS does. It serves one certificate for all regions.
type Fake struct {
	key crypto.Signer
	// Certificate is the fake's certificate, as PEM.
	Certificate []byte
	// Fetched counts the fetches. If Answer is set, it answers the fetches in place of the certificate.
	Fetched atomic.Int32
	Answer  func(ctx context.Context, url string) ([]byte, error)
}

// Key returns the key with which the fake SNS signs. The key is the same in every process, because the seeds of a fuzz
// target are signed in one process and verified in others. It is made of the first primes after two fixed numbers, and
// protects nothing.
func Key() *rsa.PrivateKey {
	random := mathrand.NewChaCha8([32]byte([]byte("the key of a fake Amazon SNS....")))
	prime := func(after int64) *big.Int {
		bytes := make([]byte, 128)
		_, _ = random.Read(bytes)
		bytes[0] |= 0xc0
		bytes[127] |= 1
		return new(big.Int).Add(new(big.Int).SetBytes(bytes), big.NewInt(after))
	}
	one, p, q := big.NewInt(1), prime(436), prime(2712)
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, Primes: []*big.Int{p, q}}
	totient := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key.D = new(big.Int).ModInverse(big.NewInt(65537), totient)
	key.Precompute()
	return key
}

// New makes a fake SNS. edit changes its certificate before the certificate is signed; it may be nil.
func New(t testing.TB, key crypto.Signer, edit func(*x509.Certificate)) *Fake {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "sns.amazonaws.com"},
		DNSNames:     []string{"sns.amazonaws.com"},
		NotBefore:    Published().Add(-30 * 24 * time.Hour),
		NotAfter:     Published().Add(30 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	if edit != nil {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &Fake{key: key, Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// Get answers a fetch from the fake. It is used as the Fetch of package sns.
func (f *Fake) Get(ctx context.Context, url string) ([]byte, error) {
	f.Fetched.Add(1)
	if f.Answer != nil {
		return f.Answer(ctx, url)
	}
	return f.Certificate, nil
}

// Sign gives the envelope a signature over the fields of its type. The fields are written out here a second time, and
// not taken from the code under test. It panics if the text cannot be signed.
func (f *Fake) Sign(envelope map[string]any) map[string]any {
	names := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if envelope["Type"] != "Notification" {
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	var text strings.Builder
	for _, name := range names {
		if value, ok := envelope[name].(string); ok {
			text.WriteString(name + "\n" + value + "\n")
		}
	}
	hash, sum := crypto.SHA1, sha1.Sum([]byte(text.String()))
	digest := sum[:]
	if envelope["SignatureVersion"] == "2" {
		sum := sha256.Sum256([]byte(text.String()))
		hash, digest = crypto.SHA256, sum[:]
	}
	signature, err := f.key.Sign(rand.Reader, digest, hash)
	if err != nil {
		panic(err)
	}
	envelope["Signature"] = base64.StdEncoding.EncodeToString(signature)
	return envelope
}

// Notification returns an unsigned notification, in which the given fields are changed. A field that is nil is left
// out.
func Notification(version string, fields map[string]any) map[string]any {
	return With(map[string]any{
		"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": Topic,
		"Subject": `ALARM: "HighCPU" in EU (Ireland)`, "Message": "{\"AlarmName\":\"HighCPU\"}\nund ein Ümlaut <&>",
		"Timestamp": "2026-03-04T11:58:30.123Z", "SignatureVersion": version, "SigningCertURL": CertURL,
		"UnsubscribeURL": Host + "/?Action=Unsubscribe&SubscriptionArn=" + Topic + ":c9135db0-26c4-47ec-8998-413945fb5a96",
	}, fields)
}

// Confirmation returns an unsigned confirmation of a subscription or of its end, as kind says. Fields are as for
// [Notification].
func Confirmation(version, kind string, fields map[string]any) map[string]any {
	return With(map[string]any{
		"Type": kind, "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", "Token": "2336412f37fb687f", "TopicArn": Topic,
		"Message":      "You have chosen to subscribe to the topic " + Topic + ".\nTo confirm the subscription, visit the SubscribeURL.",
		"SubscribeURL": Host + "/?Action=ConfirmSubscription&TopicArn=" + Topic + "&Token=2336412f37fb687f",
		"Timestamp":    "2026-03-04T11:58:30.123Z", "SignatureVersion": version, "SigningCertURL": CertURL,
	}, fields)
}

// With changes fields of an envelope. A field that is nil is left out.
func With(envelope, fields map[string]any) map[string]any {
	for name, value := range fields {
		envelope[name] = value
		if value == nil {
			delete(envelope, name)
		}
	}
	return envelope
}

// Encode returns the envelope as it is sent.
func Encode(envelope map[string]any) []byte {
	body, err := json.Marshal(envelope)
	if err != nil {
		panic(err)
	}
	return body
}
