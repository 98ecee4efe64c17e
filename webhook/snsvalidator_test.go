package webhook

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAgainstSNSValidator gives the same messages to AWS's own validator, the npm package sns-validator. What we accept
// it accepts too. There are two exceptions, in which it differs from what SNS does or from what should be believed.
func TestAgainstSNSValidator(t *testing.T) {
	sns := newFakeSNS(t, rsaKey(), nil)
	const valid, invalid = "ok", "The message signature is invalid."
	bucket := map[string]any{
		"TopicArn":       "arn:aws:sns:us-west-2:123456789012:alarms",
		"SigningCertURL": "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-ab.pem",
	}
	null := sns.sign(notification("1", map[string]any{"Subject": nil}))
	null["Subject"] = nil
	cases := []struct {
		name     string
		envelope map[string]any
		ours     bool
		theirs   string
	}{
		{"a notification, version 1", sns.sign(notification("1", nil)), true, valid},
		{"a notification, version 2", sns.sign(notification("2", nil)), true, valid},
		{"without a subject", sns.sign(notification("1", map[string]any{"Subject": nil})), true, valid},
		{"with an empty subject", sns.sign(notification("1", map[string]any{"Subject": ""})), true, valid},
		{"with a subject that is null", null, true, valid},
		{"with line ends and other scripts", sns.sign(notification("1", map[string]any{"Message": "a\r\nb\tä漢😀\u2028"})), true, valid},
		{"a subscription, version 1", sns.sign(confirmation("1", SNSSubscriptionConfirmation, nil)), true, valid},
		{"a subscription, version 2", sns.sign(confirmation("2", SNSSubscriptionConfirmation, nil)), true, valid},
		{"a changed message", with(sns.sign(notification("1", nil)), map[string]any{"Message": "other"}), false, invalid},
		{"a subject taken away", with(sns.sign(notification("1", nil)), map[string]any{"Subject": nil}), false, invalid},
		{"the other version", with(sns.sign(notification("1", nil)), map[string]any{"SignatureVersion": "2"}), false, invalid},
		{"a changed token", with(sns.sign(confirmation("1", SNSSubscriptionConfirmation, nil)), map[string]any{"Token": "other"}), false, invalid},
		// The package signs the end of a subscription as if it were a notification, without the token. SNS and its
		// guide do not.
		{"the end of a subscription", sns.sign(confirmation("1", SNSUnsubscribeConfirmation, nil)), true, invalid},
		// The package's pattern for hosts also matches the S3 host of a bucket named "sns".
		{"the bucket named sns", sns.sign(notification("1", bucket)), false, valid},
	}
	envelopes := make([]map[string]any, len(cases))
	for i, c := range cases {
		envelopes[i] = c.envelope
		if err := sns.verify(c.envelope, published); (err == nil) != c.ours {
			t.Errorf("%s: our answer is %v", c.name, err)
		}
	}
	pem := string(sns.certificate)
	answers := askSNSValidator(t, map[string]any{
		"messages":     envelopes,
		"certificates": map[string]string{testCertURL: pem, bucket["SigningCertURL"].(string): pem},
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
		if err := os.WriteFile(filepath.Join(dir, name), read(t, filepath.Join("testdata", "snsvalidator", name)), 0o600); err != nil {
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
