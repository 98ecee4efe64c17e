package webhook

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
	"errors"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// published is the time at which the fake SNS publishes and the tests verify.
var published = time.Date(2026, 3, 4, 11, 58, 30, 123e6, time.UTC)

const (
	testTopic   = "arn:aws:sns:eu-west-1:123456789012:alarms"
	testHost    = "https://sns.eu-west-1.amazonaws.com"
	testCertURL = testHost + "/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
)

// fakeSNS signs as Amazon SNS does. It serves its certificate, one for all regions.
type fakeSNS struct {
	key         crypto.Signer
	certificate []byte
	// fetched counts what was fetched. answer is what a fetch gives, if it is set.
	fetched atomic.Int32
	answer  func(ctx context.Context, url string) ([]byte, error)
}

// rsaKey is the key with which the fake SNS signs. It is the same in every process, because the seeds of a fuzz target
// are signed in one process and verified in others. It is made of the first primes after two numbers, and of use to
// nobody.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	random := mathrand.NewChaCha8([32]byte([]byte("the key of a fake Amazon SNS....")))
	prime := func() *big.Int {
		bytes := make([]byte, 128)
		_, _ = random.Read(bytes)
		bytes[0] |= 0xc0
		bytes[127] |= 1
		p, two := new(big.Int).SetBytes(bytes), big.NewInt(2)
		for !p.ProbablyPrime(20) {
			p.Add(p, two)
		}
		return p
	}
	one, p, q := big.NewInt(1), prime(), prime()
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, Primes: []*big.Int{p, q}}
	totient := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key.D = new(big.Int).ModInverse(big.NewInt(65537), totient)
	key.Precompute()
	return key
})

// newFakeSNS makes a fake SNS. edit changes its certificate before the certificate is signed; it may be nil.
func newFakeSNS(t testing.TB, key crypto.Signer, edit func(*x509.Certificate)) *fakeSNS {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "sns.amazonaws.com"},
		DNSNames:     []string{"sns.amazonaws.com"},
		NotBefore:    published.Add(-30 * 24 * time.Hour),
		NotAfter:     published.Add(30 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	if edit != nil {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &fakeSNS{key: key, certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// get is the fake's Fetch.
func (f *fakeSNS) get(ctx context.Context, url string) ([]byte, error) {
	f.fetched.Add(1)
	if f.answer != nil {
		return f.answer(ctx, url)
	}
	return f.certificate, nil
}

// sign gives the envelope a signature over the fields of its type. The fields are written out here a second time, and
// not taken from the code under test. It panics for what cannot be signed.
func (f *fakeSNS) sign(envelope map[string]any) map[string]any {
	names := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if envelope["Type"] != "Notification" {
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	text := ""
	for _, name := range names {
		if value, ok := envelope[name].(string); ok {
			text += name + "\n" + value + "\n"
		}
	}
	hash, sum := crypto.SHA1, sha1.Sum([]byte(text))
	digest := sum[:]
	if envelope["SignatureVersion"] == "2" {
		sum := sha256.Sum256([]byte(text))
		hash, digest = crypto.SHA256, sum[:]
	}
	signature, err := f.key.Sign(rand.Reader, digest, hash)
	if err != nil {
		panic(err)
	}
	envelope["Signature"] = base64.StdEncoding.EncodeToString(signature)
	return envelope
}

// notification is an unsigned notification, with the fields given besides. A field that is nil is left out.
func notification(version string, fields map[string]any) map[string]any {
	return with(map[string]any{
		"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": testTopic,
		"Subject": `ALARM: "HighCPU" in EU (Ireland)`, "Message": "{\"AlarmName\":\"HighCPU\"}\nund ein Ümlaut <&>",
		"Timestamp": "2026-03-04T11:58:30.123Z", "SignatureVersion": version, "SigningCertURL": testCertURL,
		"UnsubscribeURL": testHost + "/?Action=Unsubscribe&SubscriptionArn=" + testTopic + ":c9135db0-26c4-47ec-8998-413945fb5a96",
	}, fields)
}

// confirmation is an unsigned confirmation, of a subscription or of its end.
func confirmation(version, kind string, fields map[string]any) map[string]any {
	return with(map[string]any{
		"Type": kind, "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", "Token": "2336412f37fb687f", "TopicArn": testTopic,
		"Message":      "You have chosen to subscribe to the topic " + testTopic + ".\nTo confirm the subscription, visit the SubscribeURL.",
		"SubscribeURL": testHost + "/?Action=ConfirmSubscription&TopicArn=" + testTopic + "&Token=2336412f37fb687f",
		"Timestamp":    "2026-03-04T11:58:30.123Z", "SignatureVersion": version, "SigningCertURL": testCertURL,
	}, fields)
}

func with(envelope, fields map[string]any) map[string]any {
	for name, value := range fields {
		envelope[name] = value
		if value == nil {
			delete(envelope, name)
		}
	}
	return envelope
}

func encode(envelope map[string]any) []byte {
	body, err := json.Marshal(envelope)
	if err != nil {
		panic(err)
	}
	return body
}

// verify parses an envelope and verifies it against the fake at a time.
func (f *fakeSNS) verify(envelope map[string]any, at time.Time, topics ...string) error {
	m, err := ParseSNS(encode(envelope), http.Header{})
	if err != nil {
		return err
	}
	return NewVerifier(f.get, topics...).Verify(context.Background(), m, at)
}

var errNoNetwork = errors.New("no route to host")
