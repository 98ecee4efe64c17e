package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// rig is an issuer at work, and a verifier that knows it.
type rig struct {
	t      *testing.T
	server *httptest.Server
	// issuer is go-oidc's own, whose keys are set by turn. asked counts the requests.
	issuer   *oidctest.Server
	down     *atomic.Bool
	asked    *atomic.Int32
	key      *rsa.PrivateKey
	now      time.Time
	settings []Setting
	*Verifier
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRig(t *testing.T, change func(*Setting)) *rig {
	t.Helper()
	r := &rig{t: t, issuer: &oidctest.Server{}, down: &atomic.Bool{}, asked: &atomic.Int32{}, key: newKey(t), now: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)}
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.asked.Add(1)
		if r.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		r.issuer.ServeHTTP(w, request)
	}))
	t.Cleanup(r.server.Close)
	r.issuer.SetIssuer(r.server.URL)
	r.publish("one", r.key)
	s := Setting{
		Name: "pubsub", Issuer: r.server.URL, Audience: "https://pulumiscale.example.com",
		Claims: map[string]OneOf{"email": {"alarms@project.iam.gserviceaccount.com"}},
	}
	if change != nil {
		change(&s)
	}
	r.settings = []Setting{s}
	if err := Check("identities", r.settings); err != nil {
		t.Fatal(err)
	}
	r.Verifier = New(r.settings, http.DefaultTransport, func() time.Time { return r.now })
	return r
}

// publish makes a key the issuer's only one.
func (r *rig) publish(id string, key *rsa.PrivateKey) {
	r.issuer.PublicKeys = []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: id, Algorithm: oidc.RS256}}
}

// claimed are the claims of a good token, with changes; nil takes a claim out.
func (r *rig) claimed(changes map[string]any) string {
	c := map[string]any{
		"iss": r.server.URL, "aud": "https://pulumiscale.example.com", "exp": r.now.Add(time.Hour).Unix(), "iat": r.now.Unix(),
		"email": "alarms@project.iam.gserviceaccount.com", "email_verified": true, "sub": "113774264463038321964",
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, value any) bool { return value == nil })
	text, err := json.Marshal(c)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

func (r *rig) token(changes map[string]any) string {
	return oidctest.SignIDToken(r.key, "one", oidc.RS256, r.claimed(changes))
}

// unsigned makes a token by hand: a header, claims and a signature.
func unsigned(header, claims string, sign func(signed string) []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode([]byte(claims))
	return signed + "." + encode(sign(signed))
}

func TestTokensThatAreGood(t *testing.T) {
	for name, c := range map[string]struct {
		claims  map[string]any
		setting func(*Setting)
	}{
		"as Google signs it":                    {},
		"several audiences":                     {claims: map[string]any{"aud": []string{"other", "https://pulumiscale.example.com"}}},
		"a clock that is slow":                  {claims: map[string]any{"iat": time.Date(2026, 3, 4, 12, 0, 59, 0, time.UTC).Unix()}},
		"a clock that is fast":                  {claims: map[string]any{"exp": time.Date(2026, 3, 4, 11, 59, 1, 0, time.UTC).Unix()}},
		"an email that nothing is said of":      {claims: map[string]any{"email_verified": nil}},
		"valid since a moment ago":              {claims: map[string]any{"nbf": time.Date(2026, 3, 4, 12, 0, 30, 0, time.UTC).Unix()}},
		"one of several values":                 {setting: func(s *Setting) { s.Claims = map[string]OneOf{"sub": {"1", "113774264463038321964"}} }},
		"a role in a list":                      {map[string]any{"roles": []string{"reader", "alarms"}}, func(s *Setting) { s.Claims = map[string]OneOf{"roles": {"alarms"}} }},
		"a number":                              {map[string]any{"run_attempt": 1}, func(s *Setting) { s.Claims = map[string]OneOf{"run_attempt": {"1"}} }},
		"keys whose address is in the settings": {setting: func(s *Setting) { s.KeysURL = s.Issuer + "/keys" }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.setting)
			for range 3 {
				who, err := r.Identify(t.Context(), r.token(c.claims))
				if err != nil || who.Name != "pubsub" {
					t.Fatalf("%+v, %v", who, err)
				}
			}
			if n := r.asked.Load(); n > 2 {
				t.Errorf("the issuer was asked %d times: keys are not kept", n)
			}
		})
	}
}

// Whatever of it is wrong, a token is refused, and the reason is for the log.
func TestTokensThatAreRefused(t *testing.T) {
	at := func(minutes int) int64 { return time.Date(2026, 3, 4, 12, minutes, 0, 0, time.UTC).Unix() }
	claims := map[string]struct {
		changes map[string]any
		reason  string
	}{
		"another issuer":                   {map[string]any{"iss": "https://evil.example.com"}, "no identity has the issuer"},
		"no issuer":                        {map[string]any{"iss": nil}, "no identity has the issuer"},
		"another audience":                 {map[string]any{"aud": "https://other.example.com"}, "its audience is"},
		"no audience":                      {map[string]any{"aud": nil}, "its audience is"},
		"a part of the audience":           {map[string]any{"aud": "https://pulumiscale.example.co"}, "its audience is"},
		"another email":                    {map[string]any{"email": "mallory@example.com"}, `its claim "email" does not have a value`},
		"no email":                         {map[string]any{"email": nil}, `its claim "email" does not have a value`},
		"an email in another case":         {map[string]any{"email": "Alarms@project.iam.gserviceaccount.com"}, `its claim "email" does not have a value`},
		"an email that is not verified":    {map[string]any{"email_verified": false}, "not verified"},
		"an email said not to be verified": {map[string]any{"email_verified": "false"}, "not verified"},
		"expired":                          {map[string]any{"exp": at(-1)}, "it expired at 2026-03-04T11:59:00Z"},
		"without an end":                   {map[string]any{"exp": nil}, "it has no expiry"},
		"an end that is a text":            {map[string]any{"exp": "tomorrow"}, "it has no expiry"},
		"not yet valid":                    {map[string]any{"nbf": at(2)}, "not valid yet"},
		"a beginning that is a text":       {map[string]any{"nbf": "yesterday"}, "not valid yet"},
		"issued in the future":             {map[string]any{"iat": at(2)}, "in the future"},
	}
	for name, c := range claims {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			wantRefused(t, r, r.token(c.changes), c.reason)
			if r.asked.Load() > 0 {
				t.Error("the issuer was asked for what no proof was needed for")
			}
		})
	}
	r := newRig(t, nil)
	other, good := newKey(t), r.claimed(nil)
	public, err := x509.MarshalPKIXPublicKey(r.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	valid := r.token(nil)
	head, rest, _ := strings.Cut(valid, ".")
	_, signature, _ := strings.Cut(rest, ".")
	encode := base64.RawURLEncoding.EncodeToString
	for name, token := range map[string]string{
		"another key":                       oidctest.SignIDToken(other, "one", oidc.RS256, good),
		"another key that the issuer lacks": oidctest.SignIDToken(other, "two", oidc.RS256, good),
		"another kind of key":               oidctest.SignIDToken(curve, "one", oidc.ES256, good),
		"none":                              unsigned(`{"alg":"none"}`, good, func(string) []byte { return nil }),
		"None":                              unsigned(`{"alg":"None","kid":"one"}`, good, func(string) []byte { return nil }),
		"the public key as a shared one": unsigned(`{"alg":"HS256","kid":"one"}`, good, func(signed string) []byte {
			mac := hmac.New(sha256.New, public)
			mac.Write([]byte(signed))
			return mac.Sum(nil)
		}),
		"other claims under the signature": head + "." + encode([]byte(r.claimed(map[string]any{"sub": "1"}))) + "." + signature,
		"no signature":                     head + "." + encode([]byte(good)) + ".",
		"a key of its own in the header":   unsigned(`{"alg":"RS256","jwk":{"kty":"RSA"}}`, good, func(string) []byte { return []byte("x") }),
		"a header that must be understood": unsigned(`{"alg":"RS256","kid":"one","crit":["b64"],"b64":false}`, good, func(string) []byte { return []byte("x") }),
		"claims that are no object":        unsigned(`{"alg":"RS256"}`, "[]", func(string) []byte { return nil }),
		"claims that are null":             unsigned(`{"alg":"RS256"}`, "null", func(string) []byte { return nil }),
		"nothing":                          "",
		"dots":                             "..",
		"longer than any header":           valid + strings.Repeat("x", maxToken),
	} {
		t.Run(name, func(t *testing.T) {
			fresh := *r // an issuer is not asked for ever
			fresh.Verifier = New(r.settings, http.DefaultTransport, func() time.Time { return r.now })
			wantRefused(t, &fresh, token, "")
		})
	}
	if _, err := r.Identify(t.Context(), valid); err != nil {
		t.Error("the good token is refused after all of these:", err)
	}
}

func wantRefused(t *testing.T, r *rig, token, reason string) {
	t.Helper()
	who, err := r.Identify(t.Context(), token)
	if refused, ok := errors.AsType[*RefusedError](err); !ok || !strings.Contains(refused.Reason, reason) || who.Name != "" {
		t.Errorf("%+v, %T %v", who, err, err)
	}
}

// A key that comes anew is fetched, and one that has gone is of no use from then on.
func TestKeysAreRotated(t *testing.T) {
	r := newRig(t, nil)
	old := r.token(nil)
	if _, err := r.Identify(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	r.key = newKey(t)
	r.publish("two", r.key)
	if _, err := r.Identify(t.Context(), oidctest.SignIDToken(r.key, "two", oidc.RS256, r.claimed(nil))); err != nil {
		t.Error("a token of the new key is refused:", err)
	}
	// go-oidc puts fetched keys into its cache after it has used them.
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(time.Millisecond) {
		if _, err := r.Identify(t.Context(), old); err != nil {
			break
		}
	}
	wantRefused(t, r, old, "")
}

// While the issuer is down, a token that is signed with a known key is accepted. A token with an unknown key can be
// neither accepted nor refused, so its sender is told to try again.
func TestAnIssuerThatIsDown(t *testing.T) {
	r := newRig(t, nil)
	r.down.Store(true)
	if _, err := r.Identify(t.Context(), r.token(nil)); !scale.IsA[*dialect.UnavailableError](err) {
		t.Errorf("before the keys are known: %v", err)
	}
	r.down.Store(false)
	if _, err := r.Identify(t.Context(), r.token(nil)); err != nil {
		t.Fatal(err)
	}
	r.down.Store(true)
	if _, err := r.Identify(t.Context(), r.token(nil)); err != nil {
		t.Error("a known key is of no use without the issuer:", err)
	}
	if _, err := r.Identify(t.Context(), oidctest.SignIDToken(newKey(t), "two", oidc.RS256, r.claimed(nil))); !scale.IsA[*dialect.UnavailableError](err) {
		t.Errorf("a key that is not known: %v", err)
	}
}

// Who sends tokens with unknown keys has the issuer asked only so often, and others are served meanwhile.
func TestTheIssuerIsNotFlooded(t *testing.T) {
	r := newRig(t, nil)
	if _, err := r.Identify(t.Context(), r.token(nil)); err != nil {
		t.Fatal(err)
	}
	forged := newKey(t)
	for i := range 50 {
		if _, err := r.Identify(t.Context(), oidctest.SignIDToken(forged, fmt.Sprint(i), oidc.RS256, r.claimed(nil))); err == nil {
			t.Fatal("a forged token is good")
		}
	}
	if n := r.asked.Load(); n > fetchBurst+1 { // it may be that ten seconds have passed
		t.Errorf("the issuer was asked %d times", n)
	}
	if _, err := r.Identify(t.Context(), r.token(nil)); err != nil {
		t.Error(err)
	}
}

// Two identities of one issuer are told apart by their claims. Each may call its own routes.
func TestIdentitiesOfOneIssuer(t *testing.T) {
	r := newRig(t, nil)
	second := r.settings[0]
	second.Name, second.Claims, second.Routes = "deploys", map[string]OneOf{"email": {"deploys@example.com"}}, []string{"/scale/", "/hold"}
	r.Verifier = New(append(r.settings, second), http.DefaultTransport, func() time.Time { return r.now })
	for email, want := range map[string]struct {
		name     string
		may, not []string
	}{
		"alarms@project.iam.gserviceaccount.com": {
			"pubsub", []string{"/webhook/worker/google", "/webhook/prometheus", "/signal/worker"}, []string{"/", "/scale/worker", "/pools", "/-/reload", "/webhook"},
		},
		"deploys@example.com": {"deploys", []string{"/scale/worker", "/hold", "/hold/worker"}, []string{"/holdall", "/signal/worker", "/scale"}},
	} {
		who, err := r.Identify(t.Context(), r.token(map[string]any{"email": email}))
		if err != nil || who.Name != want.name {
			t.Fatalf("%s is %+v, %v", email, who, err)
		}
		for _, path := range want.may {
			if !who.May(path) {
				t.Errorf("%s may not call %s", who.Name, path)
			}
		}
		for _, path := range want.not {
			if who.May(path) {
				t.Errorf("%s may call %s", who.Name, path)
			}
		}
	}
	if (Identity{}).May("/webhook/x") {
		t.Error("nobody may call something")
	}
}

func TestLooks(t *testing.T) {
	r := newRig(t, nil)
	if token := r.token(nil); !r.Looks(token) || r.Looks("0123456789abcdef") || new(Verifier).Looks(token) || (*Verifier)(nil).Looks(token) {
		t.Error("a token is not told from what is none")
	}
}

// An issuer whose answers lead elsewhere, or never end, is not followed.
func TestIssuersThatAnswerOddly(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"keys elsewhere, unencrypted": func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `{"issuer":"http://%s","jwks_uri":"http://keys.example.com/"}`, r.Host)
		},
		"another issuer": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprint(w, `{"issuer":"https://accounts.google.com","jwks_uri":"https://www.googleapis.com/oauth2/v3/certs"}`)
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
		"a page":       func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>sign in</html>") },
		"without end":  func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, strings.Repeat(" ", 2*maxDocument)) },
		"no such page": http.NotFound,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.server.Config.Handler = answer
			if _, err := r.Identify(t.Context(), r.token(nil)); !scale.IsA[*dialect.UnavailableError](err) {
				t.Errorf("%T %v", err, err)
			}
		})
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add(unsigned(`{"alg":"none"}`, `{"iss":"https://a.example.com","aud":"a","exp":9999999999,"sub":"1"}`, func(string) []byte { return nil }))
	f.Add("eyJ..")
	v := New([]Setting{{Name: "a", Issuer: "https://a.example.com", Audience: "a", Claims: map[string]OneOf{"sub": {"1"}}}}, nobody{}, time.Now)
	f.Fuzz(func(t *testing.T, token string) {
		if who, err := v.Identify(t.Context(), token); err == nil {
			t.Errorf("%+v", who)
		}
	})
}

// nobody is a transport that reaches nobody.
type nobody struct{}

func (nobody) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("nobody") }
