package webhook

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pulumiscale/pulumiscale/scale"
)

// minToken is the least length of a token, in characters. maxToken is the greatest length, in bytes. As the password of
// Basic credentials, a token is sent in base64, which is longer by a third. Even then a token of maxToken bytes fits
// into a header of 8 KiB, which most servers and proxies accept.
const (
	minToken = 16
	maxToken = 4096
)

// The keys of the stack's configuration that hold the tokens.
const (
	TokenKey         = "pulumiscale:token"
	PreviousTokenKey = "pulumiscale:previousToken"
	// PathTokenKey is the key of the token that is accepted in paths. It may have no value.
	PathTokenKey = "pulumiscale:pathToken"
)

// Tokens are the tokens that requests may bear: the current token and, during a rotation, also the previous one. The
// zero value accepts no request. Set, Any and Check may be called concurrently.
type Tokens struct {
	// Also are further tokens that are accepted, such as the tokens of the whole fleet; nil if there are none.
	Also *Tokens
	// Read reads the tokens and sets them. It is called when a request bears a token that Also does not accept, unless
	// the tokens were read already. If Read is nil, whoever made the Tokens sets them.
	Read func(context.Context) error

	reading readOnce
	// digests is written by Set and read by Any and Check. Only digests are kept: all of them have the same length, so
	// that comparing them tells nothing of a token's length.
	digests atomic.Pointer[[]tokenDigest]
	// path is the digest of the token that is accepted in paths; it is nil if there is none. SetPath writes it, and
	// CheckPath reads it.
	path atomic.Pointer[tokenDigest]
}

type tokenDigest [sha256.Size]byte

// Set replaces both tokens at once; previous may be empty. The error is a [*scale.UsageError], which never holds a
// token. On an error the tokens that were set before stay in force. But if current is empty, no token is valid any
// more, not even previous: whoever removes the token from the configuration wants nobody to use it any more.
func (t *Tokens) Set(current, previous string) error {
	if current == "" {
		t.digests.Store(nil)
	}
	if err := checkToken(TokenKey, current); err != nil {
		return err
	}
	digests := []tokenDigest{sha256.Sum256([]byte(current))}
	if previous != "" {
		if err := checkToken(PreviousTokenKey, previous); err != nil {
			return err
		}
		digests = append(digests, sha256.Sum256([]byte(previous)))
	}
	t.digests.Store(&digests)
	return nil
}

// SetPath sets the token that is accepted in paths; if it is empty, none is accepted. The error is a
// [*scale.UsageError]. After an error no token is accepted in paths any more.
func (t *Tokens) SetPath(token string) error {
	t.path.Store(nil)
	if token == "" {
		return nil
	}
	if err := checkToken(PathTokenKey, token); err != nil {
		return err
	}
	if strings.Trim(token, pathCharacters) != "" || token == "." || token == ".." {
		return &scale.UsageError{
			Field: PathTokenKey, Problem: "must hold nothing but letters, digits and . _ ~ -, which stand in a path as they are",
			Hint: "set one with: openssl rand -hex 32 | tr -d '\\n' | pulumi config set --secret " + PathTokenKey,
		}
	}
	digest := tokenDigest(sha256.Sum256([]byte(token)))
	t.path.Store(&digest)
	return nil
}

// pathCharacters are what RFC 3986 calls unreserved.
const pathCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-"

// CheckPath says whether a token is the one that is accepted in paths.
func (t *Tokens) CheckPath(token string) bool {
	want := t.path.Load()
	digest := tokenDigest(sha256.Sum256([]byte(token)))
	return want != nil && subtle.ConstantTimeCompare(digest[:], (*want)[:]) == 1
}

// Any says whether there is a token that a request may bear. If there is none, no request is accepted.
func (t *Tokens) Any() bool {
	return t.digests.Load() != nil || t.Also != nil && t.Also.Any()
}

// WereRead says whether the tokens have been read, and have not been forgotten since. It is always true if Read is nil.
func (t *Tokens) WereRead() bool { return t.Read == nil || t.reading.isDone() }

// Forget has Read called again when the tokens are next needed. Until a call of Read succeeds, the tokens in force stay
// in force.
func (t *Tokens) Forget() { t.reading.wanted.Add(1) }

// ensureRead reads the tokens, unless they were read already. The error is a [*scale.UnavailableError], or the error of
// ctx.
func (t *Tokens) ensureRead(ctx context.Context) error {
	if t.WereRead() {
		return nil
	}
	if err := t.reading.do(ctx, t.Read); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &scale.UnavailableError{Problem: "the stack's tokens cannot be read", Detail: err.Error()}
	}
	return nil
}

// readOnce reads something once: each call of do tries to read it, until a try succeeds. Calls at the same time share a
// try. After a failed try, no try is made for the time readTokensAgain.
type readOnce struct {
	// wanted counts how often a further reading was asked for. When a reading succeeds, read is set to the value of
	// wanted at the beginning of the reading, plus 1. So in the zero value, where both are 0, nothing has been read.
	wanted, read atomic.Int64
	tries        shared
	// failed is when the last try failed, and err is its error. Only tries write and read them, one at a time.
	failed time.Time
	err    error
}

// readTokensTimeout is how long a try may take. readTokensAgain is how long no try is made after a failed one, because
// strangers can cause tries.
const (
	readTokensTimeout = time.Minute
	readTokensAgain   = 5 * time.Second
)

func (r *readOnce) do(ctx context.Context, read func(context.Context) error) error {
	return r.tries.do(ctx, func() error {
		wanted := r.wanted.Load() + 1
		if r.read.Load() == wanted {
			return nil
		}
		if time.Since(r.failed) < readTokensAgain {
			return r.err
		}
		trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTokensTimeout)
		defer cancel()
		if r.err = read(trying); r.err != nil {
			r.failed = time.Now()
			return r.err
		}
		r.read.Store(wanted)
		return nil
	})
}

// isDone says whether a reading has succeeded that began after wanted was last raised.
func (r *readOnce) isDone() bool { return r.read.Load() == r.wanted.Load()+1 }

// checkToken refuses a token that is missing, too short or too long, or that no header can carry.
func checkToken(key, token string) error {
	var problem string
	switch length := utf8.RuneCountInString(token); {
	case token == "":
		problem = "is missing"
	case length < minToken:
		problem = fmt.Sprintf("has %d characters; it must have at least %d", length, minToken)
	case len(token) > maxToken:
		problem = fmt.Sprintf("has %d bytes; it must have at most %d, for longer ones do not fit into a header everywhere", len(token), maxToken)
	case !utf8.ValidString(token) || strings.ContainsFunc(token, unicode.IsControl) || strings.TrimSpace(token) != token:
		problem = "must not hold control characters, which no header carries, or begin or end with a space"
	default:
		return nil
	}
	return &scale.UsageError{
		Field: key, Problem: problem,
		Hint: fmt.Sprintf("set one with: openssl rand -hex 32 | tr -d '\\n' | pulumi config set --secret %s", key),
	}
}

// Check says whether the request bears one of the tokens. The token stands in its only Authorization header: as a
// Bearer token, or as the password of Basic credentials of any user (Amazon SNS can send nothing else). The time that
// Check takes does not depend on the tokens.
func (t *Tokens) Check(r *http.Request) bool {
	if t.Also != nil && t.Also.Check(r) {
		return true
	}
	digests := t.digests.Load()
	token, ok := bearer(r)
	if !ok || digests == nil {
		return false
	}
	digest := tokenDigest(sha256.Sum256([]byte(token)))
	same := 0
	for i := range *digests {
		same |= subtle.ConstantTimeCompare(digest[:], (*digests)[i][:])
	}
	return same == 1
}

// bearer returns the token in the request's only Authorization header, and whether there is one. The token may be
// empty. An empty token is never valid, because [Tokens.Set] refuses it.
func bearer(r *http.Request) (string, bool) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return "", false
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password, true
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	return strings.TrimLeft(token, " "), strings.EqualFold(scheme, "Bearer")
}

// challenge writes the headers of a 401 answer. SNS sends its credentials only after an answer that asks for Basic
// credentials.
func challenge(header http.Header) {
	header["Www-Authenticate"] = []string{`Basic realm="pulumiscale", charset="UTF-8"`, `Bearer realm="pulumiscale"`}
}
