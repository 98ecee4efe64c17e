package sns

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/webhook/npmtest"
	"github.com/pulumiscale/pulumiscale/webhook/sns/snstest"
)

// TestAgainstSNSValidator gives the same messages to AWS's own validator, the npm package sns-validator. What we accept
// it accepts too. There are two exceptions, in which it differs from what SNS does or from what should be believed.
func TestAgainstSNSValidator(t *testing.T) {
	sns := snstest.New(t, snstest.Key(), nil)
	const valid, invalid = "ok", "The message signature is invalid."
	bucket := map[string]any{
		"TopicArn":       "arn:aws:sns:us-west-2:123456789012:alarms",
		"SigningCertURL": "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-ab.pem",
	}
	null := sns.Sign(snstest.Notification("1", map[string]any{"Subject": nil}))
	null["Subject"] = nil
	cases := []struct {
		name     string
		envelope map[string]any
		ours     bool
		theirs   string
	}{
		{"a notification, version 1", sns.Sign(snstest.Notification("1", nil)), true, valid},
		{"a notification, version 2", sns.Sign(snstest.Notification("2", nil)), true, valid},
		{"without a subject", sns.Sign(snstest.Notification("1", map[string]any{"Subject": nil})), true, valid},
		{"with an empty subject", sns.Sign(snstest.Notification("1", map[string]any{"Subject": ""})), true, valid},
		{"with a subject that is null", null, true, valid},
		{"with line ends and other scripts", sns.Sign(snstest.Notification("1", map[string]any{"Message": "a\r\nb\tä漢😀\u2028"})), true, valid},
		{"a subscription, version 1", sns.Sign(snstest.Confirmation("1", SubscriptionConfirmation, nil)), true, valid},
		{"a subscription, version 2", sns.Sign(snstest.Confirmation("2", SubscriptionConfirmation, nil)), true, valid},
		{"a changed message", snstest.With(sns.Sign(snstest.Notification("1", nil)), map[string]any{"Message": "other"}), false, invalid},
		{"a subject taken away", snstest.With(sns.Sign(snstest.Notification("1", nil)), map[string]any{"Subject": nil}), false, invalid},
		{"the other version", snstest.With(sns.Sign(snstest.Notification("1", nil)), map[string]any{"SignatureVersion": "2"}), false, invalid},
		{"a changed token", snstest.With(sns.Sign(snstest.Confirmation("1", SubscriptionConfirmation, nil)), map[string]any{"Token": "other"}), false, invalid},
		// The package signs the end of a subscription as if it were a notification, without the token. SNS and its
		// guide do not.
		{"the end of a subscription", sns.Sign(snstest.Confirmation("1", UnsubscribeConfirmation, nil)), true, invalid},
		// The package's pattern for hosts also matches the S3 host of a bucket named "sns".
		{"the bucket named sns", sns.Sign(snstest.Notification("1", bucket)), false, valid},
	}
	envelopes := make([]map[string]any, len(cases))
	for i, c := range cases {
		envelopes[i] = c.envelope
		if err := verify(sns, c.envelope, snstest.Published()); (err == nil) != c.ours {
			t.Errorf("%s: our answer is %v", c.name, err)
		}
	}
	pem := string(sns.Certificate)
	answers := npmtest.Ask(t, "testdata/validator", "check.js", map[string]any{
		"messages":     envelopes,
		"certificates": map[string]string{snstest.CertURL: pem, bucket["SigningCertURL"].(string): pem},
	})
	if len(answers) != len(cases) {
		t.Fatalf("%d answers to %d messages: %q", len(answers), len(cases), answers)
	}
	for i, c := range cases {
		if diff := cmp.Diff(c.theirs, answers[i]); diff != "" {
			t.Errorf("%s: sns-validator (-want +got):\n%s", c.name, diff)
		}
	}
}
