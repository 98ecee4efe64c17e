package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
)

const (
	// fetchTimeout is how long an issuer may take to answer.
	fetchTimeout = 10 * time.Second
	// maxDocument is the longest document of an issuer that is read, in bytes.
	maxDocument = 1 << 20
	// fetchEvery and fetchBurst bound how often an issuer is asked. Otherwise each token that names an unknown key
	// would cause a request to the issuer.
	fetchEvery = 10 * time.Second
	fetchBurst = 6
)

// issuer signs tokens. Its keys are fetched again when a token names a key that is not among them.
type issuer struct {
	name, keysURL string
	client        *http.Client

	finding singleflight.Group
	mu      sync.Mutex
	keys    oidc.KeySet // nil before they are known; written by keySet
}

func newIssuer(name, keysURL string, transport http.RoundTripper) *issuer {
	return &issuer{name: name, keysURL: keysURL, client: &http.Client{
		Transport: &bounded{transport: transport, limit: rate.NewLimiter(rate.Every(fetchEvery), fetchBurst)},
		Timeout:   fetchTimeout,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme || len(via) > 5 {
				return errors.New("it redirects elsewhere")
			}
			return nil
		},
	}}
}

// keySet returns the issuer's keys. Their address is in the settings, or else in the issuer's OpenID configuration,
// which each call tries to fetch until a fetch has succeeded. The error is a [*fetchError].
func (i *issuer) keySet(ctx context.Context) (oidc.KeySet, error) {
	i.mu.Lock()
	keys := i.keys
	i.mu.Unlock()
	if keys != nil {
		return keys, nil
	}
	found := i.finding.DoChan("", func() (any, error) {
		// The fetch serves all requests that wait, so it does not end with the request that began it.
		ctx := oidc.ClientContext(context.WithoutCancel(ctx), i.client)
		var keys oidc.KeySet
		if i.keysURL != "" {
			keys = oidc.NewRemoteKeySet(ctx, i.keysURL)
		} else {
			provider, err := oidc.NewProvider(ctx, i.name)
			if err != nil {
				return nil, &fetchError{err}
			}
			var document struct {
				KeysURL string `json:"jwks_uri"`
			}
			if err := provider.Claims(&document); err != nil || !secure(document.KeysURL) {
				return nil, &fetchError{fmt.Errorf("the address of the keys, %q, %s", document.KeysURL, insecure)}
			}
			keys = oidc.NewRemoteKeySet(ctx, document.KeysURL)
		}
		i.mu.Lock()
		i.keys = keys
		i.mu.Unlock()
		return keys, nil
	})
	select {
	case <-ctx.Done():
		return nil, &fetchError{ctx.Err()}
	case result := <-found:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(oidc.KeySet), nil
	}
}

// fetchError says that an issuer could not be asked, or did not answer well.
type fetchError struct{ err error }

func (e *fetchError) Error() string { return e.err.Error() }

func (e *fetchError) Unwrap() error { return e.err }

// bounded is a transport that limits how often the issuer is asked, and how much of an answer is read. Its errors are
// [*fetchError]s.
type bounded struct {
	transport http.RoundTripper
	limit     *rate.Limiter
}

func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if !b.limit.Allow() {
		return nil, &fetchError{errors.New("the issuer was asked a moment ago")}
	}
	response, err := b.transport.RoundTrip(r)
	if err != nil {
		return nil, &fetchError{err}
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, &fetchError{fmt.Errorf("the issuer answered %s", response.Status)}
	}
	response.Body = &limited{io.LimitReader(response.Body, maxDocument), response.Body}
	return response, nil
}

type limited struct {
	io.Reader
	io.Closer
}
