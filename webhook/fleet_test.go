package webhook

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

const tokenOfFleet = "0123456789abcdef-of-the-fleet"

// convoy is a fleet of two stacks, of which one cannot be opened.
func convoy(t *testing.T) (http.Handler, *rig) {
	t.Helper()
	r := newRig(t)
	shop := NewFleetServer(r.Server, "shop")
	broken := errors.New("there is no program")
	tokens := &Tokens{}
	if err := tokens.Set(tokenOfFleet, ""); err != nil {
		t.Fatal(err)
	}
	r.Tokens.Also = tokens
	f := &Fleet{
		Tokens: tokens, Metrics: NewFleetMetrics(), Log: r.Log, Now: time.Now,
		IsUnknown: func(err error) bool { return !errors.Is(err, broken) },
		Find: func(_ context.Context, name string) (*FleetServer, error) {
			switch name {
			case "shop":
				return shop, nil
			case "web":
				return nil, broken
			}
			return nil, errors.New("unknown")
		},
		Members: func() []FleetMember {
			return []FleetMember{{Name: "new"}, {Name: "shop", Server: shop}, {Name: "web", Err: broken, RetryAt: time.Now().Add(time.Minute)}}
		},
		Engines: func() board.Engines { return board.Engines{Places: 4, Running: 1} },
		Reload: func(context.Context) (FleetChange, error) {
			return FleetChange{Added: []string{"new"}}, nil
		},
	}
	handler := f.Handler()
	return handler, r
}

func TestEveryAnswerOfAFleetIsDescribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, _ := convoy(t)
		time.Sleep(2 * readTime)
		for _, c := range []struct {
			method, path, token string
			status              int
			want                string
		}{
			{"GET", "/stacks", tokenOfFleet, 200, `"name":"web","state":"Cannot be opened"`},
			{"GET", "/stacks", tokenA, 401, ""},
			{"GET", "/", tokenOfFleet, 200, `<a href="stacks/web/">web</a>`},
			{"GET", "/page/page.js", tokenOfFleet, 200, "fetch"},
			{"GET", "/metrics", tokenOfFleet, 200, `pulumiscale_pool_current{pool="worker",stack="shop"}`},
			{"POST", "/-/reload", tokenOfFleet, 200, `"added":["new"],"gone":[]`},
			{"GET", "/healthz", "", 200, "ok"},
			{"GET", "/readyz", "", 200, "ready"},
			{"GET", "/status", tokenOfFleet, 404, ""},
			{"GET", "/stacks/shop/status", tokenOfFleet, 200, `"stack":"dev"`},
			{"GET", "/stacks/shop/status", tokenA, 200, `"stack":"dev"`},
			{"GET", "/stacks/shop/none", tokenA, 404, ""},
			{"GET", "/stacks/web/status", tokenOfFleet, 500, ""},
			{"GET", "/stacks/web/status", tokenA, 401, ""},
			{"GET", "/stacks/none/status", tokenOfFleet, 404, "the fleet has no stack none"},
			{"GET", "/stacks/none/status", tokenA, 401, ""},
			{"GET", "/stacks/shop", "", 308, ""},
			{"GET", "/stacks/none", "", 308, ""},
			{"GET", "/stacks/shop%2Fstatus", tokenA, 200, `"stack":"dev"`},
			{"GET", "/stacks/shop/../web/status", tokenA, 404, ""},
			{"POST", "/stacks/shop/scale/worker?delta=1", tokenA, 202, `"accepted":true`},
		} {
			request := httptest.NewRequestWithContext(t.Context(), c.method, c.path, http.NoBody)
			if c.token != "" {
				request.Header.Set("Authorization", "Bearer "+c.token)
			}
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, request)
			if rec.Code != c.status || !strings.Contains(rec.Body.String(), c.want) {
				t.Errorf("%s %s: status %d, want %d with %q: %s", c.method, c.path, rec.Code, c.status, c.want, rec.Body)
			}
			described(t, request, rec)
			if rec.Code == http.StatusAccepted && !strings.HasPrefix(rec.Header().Get("Location"), "/stacks/shop/operations/") {
				t.Errorf("location %q", rec.Header().Get("Location"))
			}
		}
	})
}

func TestTokensAreReadOnlyWhenSomebodyBearsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := &Tokens{}
		reads, failure := 0, errors.New("the passphrase is missing")
		own.Read = func(context.Context) error {
			reads++
			if failure != nil {
				return failure
			}
			return own.Set(tokenB, "")
		}
		handler, r := convoy(t)
		own.Also, r.Tokens = r.Tokens.Also, own
		ask := func(token string) int {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/stacks/shop/status", http.NoBody)
			if token != "" {
				request.Header.Set("Authorization", "Bearer "+token)
			}
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, request)
			return rec.Code
		}
		wants := func(token string, status, read int) {
			t.Helper()
			if got := ask(token); got != status || reads != read {
				t.Errorf("status %d after %d readings, want %d after %d", got, reads, status, read)
			}
		}
		wants("", 401, 0)
		wants(tokenOfFleet, 200, 0)
		wants(tokenB, 503, 1) // it may be right
		wants(tokenB, 503, 1) // strangers cannot have it read all the time
		failure = nil
		time.Sleep(2 * readTokensAgain)
		wants(tokenB, 200, 2)
		wants(tokenA, 401, 2)
		own.Forget()
		failure = errors.New("the passphrase is missing")
		wants(tokenB, 200, 3) // what was in force stays so
		wants(tokenA, 503, 3)
	})
}
