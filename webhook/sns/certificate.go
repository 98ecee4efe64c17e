package sns

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

const (
	// fetchTimeout is how long a fetch may take. It leaves time to answer SNS, which waits for 15 seconds.
	fetchTimeout = 5 * time.Second
	// failureTTL is how long a failure is remembered. SNS tries again after 20 seconds.
	failureTTL = 15 * time.Second
	// maxCertificates bounds the cache. A region has one certificate at a time.
	maxCertificates = 64
	// minKeyBits is the least size of an RSA key that is accepted, in bits.
	minKeyBits = 2048
)

// certificates fetches the certificates of SNS and keeps them by URL, because the file at a URL does not change.
// Requests that need the same URL share one fetch. mu guards known.
type certificates struct {
	fetch  Fetch
	flight singleflight.Group

	mu    sync.Mutex
	known map[string]fetched
}

// fetched is a certificate, or why there is none. A failure is forgotten at the time until.
type fetched struct {
	certificate *x509.Certificate
	err         error
	until       time.Time
}

func newCertificates(fetch Fetch) *certificates {
	return &certificates{fetch: fetch, known: map[string]fetched{}}
}

// get returns the certificate at a URL. The caller must have checked that the URL is one of SNS. The error is a
// [*dialect.ForbiddenError], or a [*dialect.UnavailableError] if the certificate cannot be fetched now.
func (c *certificates) get(ctx context.Context, url string, now time.Time) (*x509.Certificate, error) {
	if f, ok := c.recall(url, now); ok {
		return f.certificate, f.err
	}
	done := c.flight.DoChan(url, func() (any, error) {
		// An earlier fetch may have ended after the first look.
		if f, ok := c.recall(url, now); ok {
			return f, nil
		}
		// Others may wait for this fetch, so it does not end with the request that began it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		f := fetched{until: now.Add(failureTTL)}
		f.certificate, f.err = c.load(ctx, url)
		c.remember(url, f)
		return f, nil
	})
	select {
	case <-ctx.Done():
		return nil, &dialect.UnavailableError{Reason: "the request ended before its certificate came", Err: ctx.Err()}
	case result := <-done:
		f, _ := result.Val.(fetched)
		return f.certificate, f.err
	}
}

func (c *certificates) recall(url string, now time.Time) (fetched, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.known[url]
	return f, ok && (f.err == nil || now.Before(f.until))
}

func (c *certificates) remember(url string, f fetched) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxCertificates {
		clear(c.known)
	}
	c.known[url] = f
}

func (c *certificates) load(ctx context.Context, url string) (*x509.Certificate, error) {
	body, err := c.fetch(ctx, url)
	status, ok := errors.AsType[*statusError](err)
	switch {
	case ok && status.code >= 400 && status.code < 500 && status.code != http.StatusTooManyRequests:
		return nil, dialect.Forbidden("there is no certificate at the message's SigningCertURL")
	case err != nil:
		return nil, &dialect.UnavailableError{Reason: "the certificate could not be fetched", Err: err}
	}
	block, _ := pem.Decode(body)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, dialect.Forbidden("what is at the message's SigningCertURL is no certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, dialect.Forbidden("the certificate at the message's SigningCertURL cannot be read")
	}
	return certificate, nil
}

// signingKey returns the key of a certificate. The error says why the certificate is not valid for the topic's messages
// at the time now.
func signingKey(certificate *x509.Certificate, topic topic, now time.Time) (*rsa.PublicKey, error) {
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	names := append([]string{certificate.Subject.CommonName}, certificate.DNSNames...)
	switch {
	case now.Before(certificate.NotBefore):
		return nil, dialect.Forbidden("the certificate is valid from %s on only", certificate.NotBefore.UTC().Format(time.RFC3339))
	case now.After(certificate.NotAfter):
		return nil, dialect.Forbidden("the certificate expired at %s", certificate.NotAfter.UTC().Format(time.RFC3339))
	case !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(topic.signers(), name) }):
		return nil, dialect.Forbidden("the certificate is not in the name of Amazon SNS in %s", topic.region)
	case !ok:
		return nil, dialect.Forbidden("the certificate's key is not an RSA key")
	case key.N.BitLen() < minKeyBits:
		return nil, dialect.Forbidden("the certificate's key has less than %d bits", minKeyBits)
	}
	return key, nil
}
