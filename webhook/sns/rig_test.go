package sns

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/webhook/dialect"
	"github.com/pulumiscale/pulumiscale/webhook/sns/snstest"
)

// verify parses an envelope and verifies it against the fake at a time.
func verify(fake *snstest.Fake, envelope map[string]any, at time.Time, topics ...string) error {
	m, err := Parse(dialect.Parse(snstest.Encode(envelope)), http.Header{})
	if err != nil {
		return err
	}
	return NewVerifier(fake.Get, topics...).Verify(context.Background(), m, at)
}

var errNoNetwork = errors.New("no route to host")

func longName(n int) string { return strings.Repeat("a", n) }

func read(t testing.TB, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// refused checks that an error is a BadRequestError for the field, whose problem holds the text.
func refused(t *testing.T, err error, field, problem string) {
	t.Helper()
	var bad *dialect.BadRequestError
	if !errors.As(err, &bad) {
		t.Fatalf("error %v; want a BadRequestError for %s", err, field)
	}
	if bad.Field != field || !strings.Contains(bad.Problem, problem) {
		t.Errorf("error %v; want one for %q with %q", err, field, problem)
	}
}

// forbiddenFor checks that an error is a ForbiddenError whose reason holds the text.
func forbiddenFor(t *testing.T, err error, reason string) {
	t.Helper()
	var f *dialect.ForbiddenError
	if !errors.As(err, &f) || !strings.Contains(f.Reason, reason) {
		t.Errorf("error %T %v; want a ForbiddenError with %q", err, err, reason)
	}
}
