package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// Skew is how far the clocks of an issuer and of this machine may be apart.
const Skew = time.Minute

// maxToken is how long a token may be, in bytes. The server accepts headers of about that size.
const maxToken = 16 << 10

// Identity is who a request comes from.
type Identity struct {
	// Name is the name in the identity's setting.
	Name   string
	routes []string
}

// May says whether the identity may call a path.
func (i Identity) May(path string) bool {
	return slices.ContainsFunc(i.routes, func(route string) bool {
		rest, ok := strings.CutPrefix(path, route)
		return ok && (rest == "" || strings.HasSuffix(route, "/") || strings.HasPrefix(rest, "/"))
	})
}

// RefusedError says why a token belongs to no identity. The reason is for the log: whoever sent the token learns only
// that the token is refused.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "the JSON Web Token is refused: " + e.Reason }

func refuse(format string, args ...any) error {
	return &RefusedError{Reason: dialect.Forbidden(format, args...).Reason}
}

// Verifier checks tokens, and finds out to which identity a token belongs. It may be used concurrently. The zero value
// knows no identity.
type Verifier struct {
	settings []Setting
	// issuers has the issuer of each setting, in the same order; several settings may share an issuer.
	issuers []*issuer
	now     func() time.Time
}

// New makes a verifier of settings that are valid: see [Check]. It fetches the keys of an issuer over the transport
// when they are first needed.
func New(settings []Setting, transport http.RoundTripper, now func() time.Time) *Verifier {
	v := &Verifier{settings: settings, now: now}
	known := map[[2]string]*issuer{}
	for _, s := range settings {
		id := [2]string{s.Issuer, s.KeysURL}
		if known[id] == nil {
			known[id] = newIssuer(s.Issuer, s.KeysURL, transport)
		}
		v.issuers = append(v.issuers, known[id])
	}
	return v
}

// Looks says whether a text looks like a JSON Web Token, which [Verifier.Identify] can check.
func (v *Verifier) Looks(token string) bool {
	return v != nil && len(v.settings) > 0 && strings.HasPrefix(token, "eyJ") && strings.Count(token, ".") == 2
}

// Identify returns the identity to which a token belongs. The error is a [*RefusedError], or a
// [*dialect.UnavailableError] if the issuer's keys cannot be fetched now.
func (v *Verifier) Identify(ctx context.Context, token string) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, refuse("it is longer than %d bytes", maxToken)
	}
	claimed, err := unproved(token)
	if err != nil {
		return Identity{}, err
	}
	err = refuse("no identity has the issuer %q", claimed.text("iss"))
	for i, s := range v.settings {
		if claimed.text("iss") != s.Issuer {
			continue
		}
		// If a token does not even claim what the setting wants, its signature is not checked. So strangers cannot
		// cause a fetch of the keys at will.
		if err = s.meets(claimed, v.now()); err != nil {
			continue
		}
		var proved claims
		if proved, err = v.issuers[i].verify(ctx, token); err != nil {
			return Identity{}, err
		}
		if err = s.meets(proved, v.now()); err == nil {
			return s.identity(), nil
		}
	}
	return Identity{}, err
}

func (s Setting) identity() Identity {
	if len(s.Routes) == 0 {
		return Identity{Name: s.Name, routes: DefaultRoutes()}
	}
	return Identity{Name: s.Name, routes: s.Routes}
}

// claims are the claims of a token, by name.
type claims map[string]any

// unproved reads the claims of a token whose signature nobody has checked.
func unproved(token string) (claims, error) {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return nil, refuse("it is not a well-formed JSON Web Token")
	}
	return readClaims(text)
}

func readClaims(text []byte) (claims, error) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var c claims
	if err := decoder.Decode(&c); err != nil || c == nil {
		return nil, refuse("it is not a well-formed JSON Web Token")
	}
	return c, nil
}

func (c claims) text(name string) string {
	text, _ := c[name].(string)
	return text
}

// time returns a claim that is a time; ok is false if the claim is absent or is no time.
func (c claims) time(name string) (at time.Time, ok bool) {
	number, isNumber := c[name].(json.Number)
	if !isNumber {
		return time.Time{}, false
	}
	seconds, err := number.Float64()
	return time.Unix(int64(seconds), 0), err == nil
}

// holds says whether a claim is one of the values, or is a list that has one of them.
func (c claims) holds(name string, values []string) bool {
	matches := func(value any) bool {
		switch value.(type) {
		case string, bool, json.Number:
			return slices.Contains(values, fmt.Sprint(value))
		}
		return false
	}
	if list, isList := c[name].([]any); isList {
		return slices.ContainsFunc(list, matches)
	}
	return matches(c[name])
}

// meets returns an error if the claims are not what the setting wants, or are not valid at the time now. By RFC 7519 a
// token need not expire; here it must.
func (s Setting) meets(c claims, now time.Time) error {
	if !c.holds("aud", []string{s.Audience}) {
		return refuse("its audience is %v; that of %s is %q", c["aud"], s.Name, s.Audience)
	}
	end, ends := c.time("exp")
	switch begin, begins := c.time("nbf"); {
	case !ends:
		return refuse(`it has no expiry: the claim "exp" is missing or not a number`)
	case !now.Before(end.Add(Skew)):
		return refuse("it expired at %s", end.UTC().Format(time.RFC3339))
	case begins && now.Add(Skew).Before(begin), c["nbf"] != nil && !begins:
		return refuse("it is not valid yet")
	}
	if issued, ok := c.time("iat"); c["iat"] != nil && !ok || now.Add(Skew).Before(issued) {
		return refuse("it was issued in the future")
	}
	for name, values := range s.Claims {
		if !c.holds(name, values) {
			return refuse("its claim %q does not have a value that the claims of identity %s allow", name, s.Name)
		}
		if verified, ok := c["email_verified"]; name == "email" && ok && fmt.Sprint(verified) != "true" {
			return refuse("its email is not verified")
		}
	}
	return nil
}

// algorithms are the algorithms by which tokens may be signed: those with a public key. If an algorithm with a shared
// key were among them, whoever has a public key could sign tokens with it as the shared key.
func algorithms() []string {
	return []string{
		oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
	}
}

// verify checks a token's signature, and returns its claims. Of the claims it checks only the issuer. The error is a
// [*RefusedError], or a [*dialect.UnavailableError] if the issuer's keys cannot be fetched now.
func (i *issuer) verify(ctx context.Context, token string) (claims, error) {
	keys, err := i.keySet(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	watched := &watchedKeys{KeySet: keys}
	config := &oidc.Config{SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: algorithms()}
	id, err := oidc.NewVerifier(i.name, watched, config).Verify(ctx, token)
	var text json.RawMessage
	if err == nil {
		err = id.Claims(&text)
	}
	switch {
	case watched.failed != nil:
		return nil, unavailable(watched.failed)
	case err != nil:
		return nil, refuse("%v", err)
	}
	return readClaims(text)
}

func unavailable(err error) error {
	return &dialect.UnavailableError{Reason: "the signing keys of the token's issuer cannot be fetched now; nothing was accepted", Err: err}
}

// watchedKeys keeps in failed why the keys could not be fetched. The error that go-oidc returns does not distinguish
// that from a wrong signature.
type watchedKeys struct {
	oidc.KeySet
	failed error
}

func (w *watchedKeys) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := w.KeySet.VerifySignature(ctx, token)
	if failed, ok := errors.AsType[*fetchError](err); ok {
		w.failed = failed
	} else if err != nil {
		w.failed = ctx.Err()
	}
	return payload, err
}
