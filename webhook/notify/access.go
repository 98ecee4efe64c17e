package notify

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// access is what a message to a listener needs. All of it is secret, except the host of the URL.
type access struct {
	url           *url.URL
	authorization string
	// secrets sign the messages: the current secret and, during a rotation, also the previous one.
	secrets []*standardwebhooks.Webhook
}

// The secrets of Standard Webhooks have from 24 to 64 bytes.
const (
	shortestSecret = 24
	longestSecret  = 64
	secretPrefix   = "whsec_"
)

// newAccess makes a listener's access from values of the stack's configuration. Its errors hold no value.
func newAccess(s Setting, values map[string]string) (access, error) {
	var out access
	address := strings.TrimSpace(values[s.URLKey])
	if address == "" {
		return out, missing(s.URLKey)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return out, fmt.Errorf("the value for the key %q must be an https URL", s.URLKey)
	}
	if u.Scheme == "http" && !s.PrivateNetwork {
		return out, fmt.Errorf("the value for the key %q must be an https URL: http is only for addresses that privateNetwork allows", s.URLKey)
	}
	if k, _ := kindOf(s.Kind); k.path != "" && !strings.HasSuffix(u.Path, k.path) {
		u = u.JoinPath(k.path)
	}
	out.url = u
	if s.AuthorizationKey != "" {
		if out.authorization = strings.TrimSpace(values[s.AuthorizationKey]); out.authorization == "" {
			return out, missing(s.AuthorizationKey)
		}
		if strings.ContainsAny(out.authorization, "\r\n\x00") {
			return out, fmt.Errorf("the value for the key %q has more than one line", s.AuthorizationKey)
		}
	}
	for i, key := range []string{s.SecretKey, s.PreviousSecretKey} {
		text := strings.TrimSpace(values[key])
		switch {
		case key == "" || text == "" && i > 0: // the rotation is over
			continue
		case text == "":
			return out, missing(key)
		}
		secret, err := newSecret(text)
		if err != nil {
			return out, fmt.Errorf("the value for the key %q %w", key, err)
		}
		out.secrets = append(out.secrets, secret)
	}
	return out, nil
}

func missing(key string) error {
	return fmt.Errorf("the stack's configuration has no value for the key %q", key)
}

func newSecret(text string) (*standardwebhooks.Webhook, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, secretPrefix))
	if err != nil || !strings.HasPrefix(text, secretPrefix) || len(raw) < shortestSecret || len(raw) > longestSecret {
		return nil, fmt.Errorf("must be whsec_ and %d to %d bytes in base64", shortestSecret, longestSecret)
	}
	return standardwebhooks.NewWebhookRaw(raw)
}

// Secrets reads values of the stack's configuration by their keys. It starts a process of the CLI for each of them.
type Secrets func(ctx context.Context, keys ...string) (map[string]string, error)

// renewAfter is the least age of values that are read again after a listener has refused them. unreadable is how long
// nobody tries to read the values after a try has failed.
const (
	renewAfter = time.Minute
	unreadable = 30 * time.Second
)

// vault has the values of the configuration that listeners need, read once. It is safe for concurrent use.
type vault struct {
	read Secrets
	keys []string
	now  func() time.Time

	// mu guards what follows. It is held while values are read, so that only one caller at a time reads them.
	mu     sync.Mutex
	values map[string]string
	at     time.Time
	err    error
}

// open returns a listener's access. It reads the values if they are not known. The error says why they cannot be read,
// or what is wrong with the listener's values.
func (v *vault) open(ctx context.Context, s Setting) (access, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err != nil && v.now().Sub(v.at) < unreadable {
		return access{}, v.err
	}
	if v.values == nil {
		values, err := v.read(ctx, v.keys...)
		v.at, v.err = v.now(), nil
		if err != nil {
			v.err = fmt.Errorf("its address cannot be read from the stack's configuration: %w", err)
			return access{}, v.err
		}
		v.values = values
	}
	return newAccess(s, v.values)
}

// forget has all values read again when they are needed next.
func (v *vault) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.values, v.err = nil, nil
}

// renew forgets values that a listener has refused, unless they were read a moment ago.
func (v *vault) renew() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if age := v.now().Sub(v.at); age >= renewAfter || age < 0 {
		v.values, v.err = nil, nil
	}
}
