package sns

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" // signature version 1 is SHA1withRSA
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// A message may have been published up to retries and skew ago, because SNS retries for an hour and clocks differ. Its
// time may be up to skew in the future.
const (
	retries = time.Hour
	skew    = 15 * time.Minute
)

// Lifetime is how long a message is accepted after it was published. A receiver that remembers MessageIds for longer
// notices every replay.
const Lifetime = retries + skew

// Verifier checks that messages come from Amazon SNS. Several goroutines may use it.
//
// A message is accepted if it was signed with the RSA key of a certificate that SNS serves. The certificate must be
// fetched over TLS from the exact host of the topic's region, be valid now, and bear a name of SNS in that region. The
// certificate's own chain is not checked, because the file holds the leaf alone, without the intermediate certificates
// that lead to a root: the certificate is trusted because of the host and its TLS.
type Verifier struct {
	topics []string
	certs  *certificates
	fetch  Fetch
}

// NewVerifier makes a verifier that accepts messages of the topics with these ARNs, or of any topic if none is given.
func NewVerifier(fetch Fetch, topics ...string) *Verifier {
	return &Verifier{topics: slices.Clone(topics), certs: newCertificates(fetch), fetch: fetch}
}

// Verify checks a message at the time now: its topic and age, where its certificate comes from, the certificate, and
// the signature. The error is a [*dialect.BadRequestError] if this is not a message of SNS, a [*dialect.ForbiddenError]
// if it is not to be trusted, or a [*dialect.UnavailableError] if the certificate could not be fetched.
func (v *Verifier) Verify(ctx context.Context, m *Message, now time.Time) error {
	topic, ok := parseTopic(m.TopicARN)
	if !ok {
		return dialect.BadRequest("TopicArn", "is not the ARN of an SNS topic")
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(m.Signature)
	if err != nil || lineBreak.MatchString(m.Signature) {
		return dialect.BadRequest("Signature", "is not base64")
	}
	switch {
	case len(v.topics) > 0 && !slices.Contains(v.topics, m.TopicARN):
		return dialect.Forbidden("the topic %s is not one of those allowed", m.TopicARN)
	case m.Time.Before(now.Add(-Lifetime)):
		return dialect.Forbidden("the message was published at %s, too long ago", m.Time.UTC().Format(time.RFC3339))
	case m.Time.After(now.Add(skew)):
		return dialect.Forbidden("the message says that it was published at %s, which is to come; check the clock", m.Time.UTC().Format(time.RFC3339))
	case !topic.signsAt(m.SigningCertURL):
		return dialect.Forbidden("the certificate is not at https://%s/SimpleNotificationService-….pem", topic.host())
	case m.Type != Notification && !topic.confirmsAt(m.SubscribeURL):
		return dialect.Forbidden("the subscription is not confirmed at https://%s/?Action=ConfirmSubscription&…", topic.host())
	}
	certificate, err := v.certs.get(ctx, m.SigningCertURL, now)
	if err != nil {
		return err
	}
	key, err := signingKey(certificate, topic, now)
	if err != nil {
		return err
	}
	if !signedBy(key, m, signature) {
		return dialect.Forbidden("the signature is not that of the message")
	}
	return nil
}

// signedBy checks the signature of the message. Only versions 1 and 2 exist.
func signedBy(key *rsa.PublicKey, m *Message, signature []byte) bool {
	text := []byte(m.signed())
	switch m.SignatureVersion {
	case "1":
		sum := sha1.Sum(text)
		return rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature) == nil
	case "2":
		sum := sha256.Sum256(text)
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}

// Confirm confirms the subscription that a message of type SubscriptionConfirmation is about, by fetching its
// SubscribeURL. It verifies the message first, even if the message was verified before. It returns the errors of
// Verify, and a [*dialect.UnavailableError] if the subscription could not be confirmed.
//
// A message of type UnsubscribeConfirmation is refused: it has a SubscribeURL too, which would subscribe again.
func (v *Verifier) Confirm(ctx context.Context, m *Message, now time.Time) error {
	if m.Type != SubscriptionConfirmation {
		return dialect.BadRequest("Type", "is %q; only a %s is confirmed", dialect.Shown(m.Type), SubscriptionConfirmation)
	}
	if err := v.Verify(ctx, m, now); err != nil {
		return err
	}
	if _, err := v.fetch(ctx, m.SubscribeURL); err != nil {
		return &dialect.UnavailableError{Reason: "the subscription could not be confirmed", Err: err}
	}
	return nil
}
