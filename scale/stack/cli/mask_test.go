package cli

import (
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	for _, name := range append(credentialVariables(), "PULUMI_BACKEND_URL") {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "from+the/environment")
	t.Setenv("PULUMI_BACKEND_URL", "postgres://me:p%40ss%2Fword@db.example.com/state")
	for name, c := range map[string]struct{ text, want string }{
		"a URL":                       {`unable to open bucket postgres://me:hunter2@db:5432/state?sslmode=disable: refused`, `unable to open bucket postgres://[masked]@db:5432/state?sslmode=disable: refused`},
		"a URL that is not escaped":   {`parse "postgres://me:hu/nt@er2@db/state": invalid port`, `parse "postgres://[masked]@db/state": invalid port`},
		"two of them":                 {"s3://a:b@x s3://c:d@y", "s3://[masked]@x s3://[masked]@y"},
		"a user alone":                {"postgres://me@db/state", "postgres://[masked]@db/state"},
		"a query":                     {"azblob://state?sig=abc%3D&domain=d&x=1", "azblob://state?sig=[masked]&domain=d&x=1"},
		"a signed address":            {"https://s3/x?X-Amz-Credential=AKIA/2026&X-Amz-Signature=00ff", "https://s3/x?X-Amz-Credential=[masked]&X-Amz-Signature=[masked]"},
		"a connection string":         {"DefaultEndpointsProtocol=https;AccountKey=abc==;EndpointSuffix=x", "DefaultEndpointsProtocol=https;AccountKey=[masked];EndpointSuffix=x"},
		"a quoted password":           {"host=db password='a b' user=me", "host=db password=[masked] user=me"},
		"a key by itself":             {"InvalidAccessKeyId: AKIAIOSFODNN7EXAMPLE", "InvalidAccessKeyId: [masked]"},
		"what the environment has":    {"signed with from+the/environment.", "signed with [masked]."},
		"the password, decoded":       {"password p@ss/word is wrong", "password [masked] is wrong"},
		"the password, as it stands":  {"p%40ss%2Fword", "[masked]"},
		"who holds a lock":            {"file:///state/.pulumi/locks/x.json: created by me@host (pid 7) at 2026-01-01T00:00:00Z", ""},
		"a URN":                       {"urn:pulumi:dev::demo::pulumi:providers:aws::default", ""},
		"advice about a variable":     {"PULUMI_ACCESS_TOKEN must be set for login; the passphrase must be set", ""},
		"an address without secrets":  {"s3://state?region=us-east-1&endpoint=http://127.0.0.1:1/", ""},
		"a mail address in a message": {"git.committer me@example.com deployed https://example.com/ to x@y", ""},
		"nothing":                     {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := c.want
			if want == "" {
				want = c.text
			}
			if got := Mask(c.text); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if once := Mask(c.text); Mask(once) != once {
				t.Errorf("masked twice: %s", Mask(once))
			}
		})
	}
}

func TestShortCredentialsAreNoWords(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	if got := Mask("the test failed"); got != "the test failed" {
		t.Errorf("got %s", got)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", strings.Repeat("k", shortestCredential))
	if got := Mask("kkkkkk"); got != masked {
		t.Errorf("got %s", got)
	}
}
