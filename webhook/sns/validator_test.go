package sns

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	answers := askSNSValidator(t, map[string]any{
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

// askSNSValidator installs the pinned package in a folder of the test's own and returns its answer to each message.
func askSNSValidator(t *testing.T, input map[string]any) []string {
	t.Helper()
	lacks := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("CI") != "" {
			t.Fatalf(format, args...)
		}
		t.Skipf("sns-validator was not asked: "+format, args...)
	}
	dir := t.TempDir()
	for _, name := range []string{"check.js", "package.json", "package-lock.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), read(t, filepath.Join("testdata", "validator", name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			lacks("%s is not installed", tool)
		}
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	npm.Dir = dir
	if output, err := npm.CombinedOutput(); err != nil {
		lacks("npm ci: %v\n%s", err, output)
	}
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "check.js")
	node.Dir, node.Stdin = dir, bytes.NewReader(text)
	var stderr bytes.Buffer
	node.Stderr = &stderr
	output, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, &stderr)
	}
	return strings.Split(strings.TrimSpace(string(output)), "\n")
}
