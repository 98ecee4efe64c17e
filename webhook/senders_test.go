package webhook

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/webhook/identity"
)

const (
	pathAzure  = "/webhook/worker/azure"
	pathGoogle = "/webhook/worker/google"
	pathSignal = "/signal/worker"
)

// pushed is a Pub/Sub message around a payload.
func pushed(id string, payload []byte) string {
	return fmt.Sprintf(`{"message":{"data":%q,"messageId":%q,"publishTime":"2026-03-04T11:58:00Z"},"subscription":"projects/p/subscriptions/s"}`,
		base64.StdEncoding.EncodeToString(payload), id)
}

// The alarms of the clouds and a plain signal scale the pool, and a second delivery of one does not.
func TestSendersScaleOnce(t *testing.T) {
	event := `{"specversion":"1.0","id":"%s","source":"/alarms","type":"t","data":{"alert":"a","state":"firing","direction":"up"}}`
	for name, c := range map[string]struct {
		path, body, media string
	}{
		"azure":                {pathAzure, string(payload(t, "azure/metric-fired")), "application/json"},
		"google":               {pathGoogle, string(payload(t, "google/threshold-open")), "application/json"},
		"google by Pub/Sub":    {pathGoogle, pushed("1", payload(t, "google/threshold-open")), "application/json"},
		"plain":                {pathSignal, string(payload(t, "signal/plain")), "application/json"},
		"plain, by CloudEvent": {pathSignal, fmt.Sprintf(event, "1"), "application/cloudevents+json"},
		"direct, by Pub/Sub":   {pathScale, pushed("1", []byte(`{"delta":1}`)), "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) {
				first := r.post(c.path, c.body, "Content-Type", c.media).is(202)
				path := []any{"results", 0}
				if c.path == pathScale {
					path = nil
				}
				id := first.operation(path...)
				if again := r.post(c.path, c.body, "Content-Type", c.media).is(202).operation(path...); again != id {
					t.Errorf("a second delivery makes another operation")
				}
				r.done(id, "scaled")
				r.post(c.path, c.body, "Content-Type", c.media).is(200, `"duplicate":true`)
			})
		})
	}
}

// Another event of the same source is another event.
func TestIdAndSourceTellCloudEventsApart(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		send := func(id, source string) string {
			return r.post(pathScale, `{"delta":1}`, "Ce-Specversion", "1.0", "Ce-Type", "t", "Ce-Id", id, "Ce-Source", source).operation()
		}
		first := send("1", "/a")
		if send("1", "/a") != first || send("2", "/a") == first || send("1", "/b") == first {
			t.Error("events are not told apart by id and source")
		}
	})
}

// Pub/Sub sends again what is not answered with a success. So a refusal that is final is one, with the reason; what may
// pass is not.
func TestPubSubIsToldOfFinalRefusals(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		for name, c := range map[string]struct{ path, body, text string }{
			"no such pool":      {"/webhook/other/google", pushed("1", payload(t, "google/threshold-open")), `"status":404`},
			"no notification":   {pathGoogle, pushed("2", []byte(`{"hello":"world"}`)), `"status":400`},
			"not JSON":          {pathGoogle, pushed("3", []byte("hello")), `"status":400`},
			"no data":           {pathGoogle, `{"message":{"messageId":"1"},"subscription":"s"}`, `"field":"message.data"`},
			"another's payload": {pathGoogle, pushed("4", payload(t, "azure/metric-fired")), "belongs to /webhook/{pool}/azure"},
		} {
			got := r.post(c.path, c.body).is(http.StatusOK, c.text)
			if media := got.Header().Get("Content-Type"); media != "application/problem+json" {
				t.Errorf("%s is answered with %s", name, media)
			}
		}
		r.get("/metrics").is(200, `pulumiscale_webhooks_total{code="404",dialect="google"} 1`, `pulumiscale_webhooks_total{code="400",dialect="google"} 4`)
		if n := strings.Count(r.logged.String(), `"msg":"refused"`); n != 5 {
			t.Errorf("%d refusals are logged", n)
		}
		r.call(http.MethodPost, pathGoogle, pushed("5", payload(t, "google/threshold-open")), "Authorization", "Bearer "+tokenB).is(401)
		r.journal.fail(&queue.JournalError{Err: errors.New("disk full")})
		r.post(pathGoogle, pushed("6", payload(t, "google/threshold-open"))).is(503)
		r.journal.fail(nil)
		r.post(pathGoogle, pushed("6", payload(t, "google/threshold-open"))).is(202)
	})
}

// A token in the path opens the routes of alarms alone, and is in no log.
func TestTokensInPaths(t *testing.T) {
	const secret = "path-0123456789abcdef"
	alarm := string(payload(t, "azure/metric-fired"))
	serving(t, func(t *testing.T, r *rig) {
		stranger := func(method, path, body string) *reply {
			request := httptest.NewRequest(method, path, strings.NewReader(body))
			request.Header.Set("Content-Type", "application/json")
			return r.send(request)
		}
		stranger(http.MethodPost, "/token/"+secret+pathAzure, alarm).is(401)
		if err := r.Tokens.SetPath(secret); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{
			"/token/" + secret[1:] + pathAzure, "/token/" + tokenA + pathAzure, "/token/" + pathAzure, "/token/" + secret + pathScale, "/token/" + secret + "/pools",
			"/token/" + secret + "/", "/token/" + secret, "/token/" + secret + "/-/reload", "/token/" + secret + "/hold", "/token/x/token/" + secret + pathAzure,
			"/x/TOKEN/" + secret + "/pools",
		} {
			for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
				stranger(method, path, alarm).is(401)
			}
		}
		r.call(http.MethodGet, "/pools", nil, "Authorization", "Bearer "+secret).is(401)
		r.done(stranger(http.MethodPost, "/token/"+secret+pathAzure+"?delta=2", alarm).is(202).operation("results", 0), "scaled")
		stranger(http.MethodPost, "/token/"+secret+"/webhook/none/azure", alarm).is(404)
		if log := r.logged.String(); strings.Contains(log, secret) || !strings.Contains(log, `"path":"/token/[token]"`) {
			t.Errorf("the log has the token, or not the path:\n%s", log)
		}
		if err := r.Tokens.SetPath(""); err != nil {
			t.Fatal(err)
		}
		stranger(http.MethodPost, "/token/"+secret+pathAzure, alarm).is(401)
		for _, wrong := range []string{"short", "with/slash-0123456789", "per%cent-0123456789abc", "ümlaut-0123456789abc"} {
			if err := r.Tokens.SetPath(wrong); err == nil || strings.Contains(err.Error(), wrong) || r.Tokens.CheckPath(wrong) {
				t.Errorf("%s: %v", wrong, err)
			}
		}
	})
}

// A JSON Web Token opens what its identity may call. Whatever is wrong with it, the answer is the same.
func TestIdentities(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	issuer := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "one", Algorithm: oidc.RS256}}}
	down := false
	transport := roundTrip(func(request *http.Request) (*http.Response, error) {
		if down {
			return nil, fmt.Errorf("down")
		}
		rec := httptest.NewRecorder()
		issuer.ServeHTTP(rec, request)
		return rec.Result(), nil
	})
	issuer.SetIssuer("https://issuer.example.com")
	serving(t, func(t *testing.T, r *rig) {
		r.Identities = identity.New([]identity.Setting{{
			Name: "pubsub", Issuer: "https://issuer.example.com", Audience: "here", Claims: map[string]identity.OneOf{"email": {"a@example.com"}},
		}}, transport, time.Now)
		token := func(email string) string {
			claims, err := json.Marshal(map[string]any{"iss": "https://issuer.example.com", "aud": "here", "exp": time.Now().Add(time.Hour).Unix(), "email": email})
			if err != nil {
				t.Fatal(err)
			}
			return "Bearer " + oidctest.SignIDToken(key, "one", oidc.RS256, string(claims))
		}
		good, other := token("a@example.com"), token("b@example.com")
		alarm := pushed("1", payload(t, "google/threshold-open"))
		down = true
		r.post(pathGoogle, alarm, "Authorization", good).is(503, "the signing keys of the token's issuer cannot be fetched now")
		down = false
		r.post(pathGoogle, alarm, "Authorization", other).is(401)
		r.post(pathGoogle, alarm, "Authorization", good+"x").is(401)
		if log := r.logged.String(); !strings.Contains(log, "does not have a value that the claims of identity pubsub allow") || strings.Contains(log, other) {
			t.Errorf("the log does not say what is wrong, or has the token:\n%s", log)
		}
		for _, e := range endpoints() {
			method, path, _ := strings.Cut(strings.NewReplacer("{pool}", "worker", "{id}", "x", "{$}", "", "{file}", "style.css").Replace(e.pattern), " ")
			switch {
			case e.open:
			case e.alarms:
				if got := r.call(method, path, "{}", "Authorization", good); got.Code != http.StatusBadRequest {
					t.Errorf("%s is answered with %d", e.pattern, got.Code)
				}
			default:
				r.call(method, path, nil, "Authorization", good).is(403, "the identity pubsub may not call this")
			}
		}
		r.done(r.post(pathGoogle, alarm, "Authorization", good).is(202).operation("results", 0), "scaled")
	})
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
