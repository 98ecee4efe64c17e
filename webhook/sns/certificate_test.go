package sns

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/webhook/dialect"
	"github.com/pulumiscale/pulumiscale/webhook/sns/snstest"
)

func TestCertificatesAreCached(t *testing.T) {
	sns := snstest.New(t, snstest.Key(), nil)
	m, err := Parse(dialect.Parse(snstest.Encode(sns.Sign(snstest.Notification("2", nil)))), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	v := NewVerifier(sns.Get)
	gate, first := make(chan struct{}), make(chan struct{})
	var once sync.Once
	sns.Answer = func(ctx context.Context, _ string) ([]byte, error) {
		once.Do(func() { close(first) })
		<-gate
		return sns.Certificate, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var unavailable *dialect.UnavailableError
		if err := v.Verify(ctx, m, snstest.Published()); !errors.As(err, &unavailable) {
			t.Errorf("the request that ended: error %v; want an UnavailableError", err)
		}
	}()
	<-first
	cancel() // the request that began the fetch ends, and the others' fetch does not
	<-ended
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := v.Verify(t.Context(), m, snstest.Published()); err != nil {
				t.Error(err)
			}
		})
	}
	close(gate)
	group.Wait()
	if err := v.Verify(t.Context(), m, snstest.Published().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if n := sns.Fetched.Load(); n != 1 {
		t.Errorf("%d fetches; want 1", n)
	}
}

func TestFailuresAreRememberedBriefly(t *testing.T) {
	sns := snstest.New(t, snstest.Key(), nil)
	m, err := Parse(dialect.Parse(snstest.Encode(sns.Sign(snstest.Notification("2", nil)))), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		err       error
		forbidden bool
	}{
		"no network":   {errNoNetwork, false},
		"a 404":        {&statusError{http.StatusNotFound}, true},
		"a 429":        {&statusError{http.StatusTooManyRequests}, false},
		"a redirect":   {&statusError{http.StatusFound}, false},
		"a 503":        {&statusError{http.StatusServiceUnavailable}, false},
		"out of time":  {context.DeadlineExceeded, false},
		"S3 says 403":  {&statusError{http.StatusForbidden}, true},
		"cut off, 200": {errors.New("unexpected EOF"), false},
	} {
		t.Run(name, func(t *testing.T) {
			v := NewVerifier(sns.Get)
			sns.Fetched.Store(0)
			sns.Answer = func(context.Context, string) ([]byte, error) { return nil, c.err }
			for range 3 {
				err := v.Verify(t.Context(), m, snstest.Published())
				if c.forbidden {
					forbiddenFor(t, err, "there is no certificate")
				} else if _, ok := errors.AsType[*dialect.UnavailableError](err); !ok {
					t.Errorf("error %v; want an UnavailableError", err)
				}
			}
			if n := sns.Fetched.Load(); n != 1 {
				t.Errorf("%d fetches within the time; want 1", n)
			}
			sns.Answer = nil
			if err := v.Verify(t.Context(), m, snstest.Published().Add(failureTTL)); err != nil {
				t.Error("after the time:", err)
			}
		})
	}
}

// The cache stays small, even if messages name ever new URLs.
func TestCacheIsBounded(t *testing.T) {
	sns := snstest.New(t, snstest.Key(), nil)
	v := NewVerifier(sns.Get)
	for i := range 3 * maxCertificates {
		file := strings.Repeat("ab", 1+i%20) + strings.Repeat("c", i/20)
		envelope := sns.Sign(snstest.Notification("2", map[string]any{"SigningCertURL": snstest.Host + "/SimpleNotificationService-" + file + ".pem"}))
		m, err := Parse(dialect.Parse(snstest.Encode(envelope)), http.Header{})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(t.Context(), m, snstest.Published()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(v.certs.known); n > maxCertificates {
		t.Errorf("%d certificates are kept", n)
	}
}
