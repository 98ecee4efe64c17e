package sns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Fetch gets what is at an https URL. It must follow no redirect, and it must bound what it reads, as the Fetch that
// [NewFetch] makes does.
type Fetch func(ctx context.Context, url string) ([]byte, error)

// maxFetched is how much of an answer is read at most, in bytes. A certificate of SNS has about 2 kB.
const maxFetched = 64 << 10

// statusError is an answer whose status is not 200.
type statusError struct {
	code int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the answer is %d %s", e.code, http.StatusText(e.code))
}

// NewFetch makes a Fetch over a transport; nil stands for [http.DefaultTransport]. The Fetch follows no redirect, takes
// at most fetchTimeout, and refuses an answer that is longer than maxFetched.
func NewFetch(transport http.RoundTripper) Fetch {
	client := &http.Client{
		Transport:     transport,
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(ctx context.Context, url string) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return nil, fmt.Errorf("get %s: %w", url, err)
		}
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close() //nolint:errcheck // nothing was written
		if response.StatusCode != http.StatusOK {
			return nil, &statusError{response.StatusCode}
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, maxFetched+1))
		switch {
		case err != nil:
			return nil, fmt.Errorf("get %s: %w", url, err)
		case len(body) > maxFetched:
			return nil, errors.New("the answer is too long")
		}
		return body, nil
	}
}
