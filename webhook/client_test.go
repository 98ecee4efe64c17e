package webhook

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A client reads what a server of ours tells, also below a path of a proxy's.
func TestClientReadsAStatus(t *testing.T) {
	var told string
	serving(t, func(_ *testing.T, r *rig) { told = r.get("/status").is(http.StatusOK).Body.String() })
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/pulumiscale/status" || r.Header.Get("Authorization") != "Bearer "+tokenA {
			t.Errorf("%s is asked with %v", r.URL, r.Header)
		}
		_, _ = w.Write([]byte(told))
	}))
	defer proxy.Close()
	for _, address := range []string{proxy.URL + "/pulumiscale", proxy.URL + "/pulumiscale/"} {
		client, err := NewClient(address, tokenA)
		if err != nil {
			t.Fatal(err)
		}
		got, err := client.Status(t.Context())
		if err != nil || got.Stack != "dev" || len(got.Pools) != 2 {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestClientTellsWhatLastsFromWhatPasses(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the token went elsewhere: %v", r.Header) }))
	defer elsewhere.Close()
	answer := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   NoAnswerError
	}{
		"the token is not one of the server's": {answer(401, ""), NoAnswerError{Reason: "the server answers 401 Unauthorized", Lasting: true, Token: true, Status: 401}},
		"there is nothing at the path":         {answer(404, ""), NoAnswerError{Reason: "the server answers 404 Not Found", Lasting: true, Status: 404}},
		"a redirect is not followed":           {answer(307, ""), NoAnswerError{Reason: "the server answers 307 Temporary Redirect, with the address " + elsewhere.URL, Lasting: true, Status: 307}},
		"a proxy without its server":           {answer(502, "<html>"), NoAnswerError{Reason: "the server answers 502 Bad Gateway", Status: 502}},
		"too many requests":                    {answer(429, ""), NoAnswerError{Reason: "the server answers 429 Too Many Requests", Status: 429}},
		"another server":                       {answer(200, "<html>"), NoAnswerError{Reason: "the answer is not from a pulumiscale server", Lasting: true}},
		"another server with JSON":             {answer(200, `{"status":"ok"}`), NoAnswerError{Reason: "the answer is not from a pulumiscale server", Lasting: true}},
		"an answer that is cut off":            {answer(200, `{"stack":"dev","no`), NoAnswerError{Reason: "the answer was cut off"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.answer)
			defer server.Close()
			if diff := cmp.Diff(&c.want, unansweredBy(t, server.URL)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// unansweredBy is why the server at an address does not answer.
func unansweredBy(t *testing.T, address string) *NoAnswerError {
	t.Helper()
	client, err := NewClient(address, tokenA)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Status(t.Context())
	got, ok := errors.AsType[*NoAnswerError](err)
	if !ok {
		t.Fatalf("%v", err)
	}
	return got
}

func TestClientOfWhatIsNotThere(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if got := unansweredBy(t, gone.URL); got.Lasting || !strings.Contains(got.Reason, "connection refused") || strings.Contains(got.Reason, "/status") {
		t.Errorf("a server that is not there: %+v", got)
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	if got := unansweredBy(t, secure.URL); !got.Lasting {
		t.Errorf("a certificate that nobody trusts: %+v", got)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	if got := unansweredBy(t, strings.Replace(plain.URL, "http:", "https:", 1)); !got.Lasting {
		t.Errorf("https where there is http: %+v", got)
	}
	client, err := NewClient(plain.URL, tokenA)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Status(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
