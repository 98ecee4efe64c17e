package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

const (
	tokenA = "0123456789abcdef"
	tokenB = "fedcba9876543210"
	tokenC = "a token, with: a colon and ümlaut"
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestTokens(t *testing.T) {
	cases := map[string]struct {
		headers []string
		ok      bool
	}{
		"bearer":                         {[]string{"Bearer " + tokenA}, true},
		"bearer in lower case":           {[]string{"bearer " + tokenA}, true},
		"the previous token":             {[]string{"Bearer " + tokenC}, true},
		"basic":                          {[]string{basic("sns", tokenA)}, true},
		"basic of another user":          {[]string{basic("", tokenA)}, true},
		"basic with the previous token":  {[]string{basic("sns", tokenC)}, true},
		"none":                           {nil, false},
		"an empty header":                {[]string{""}, false},
		"a wrong token":                  {[]string{"Bearer " + tokenB}, false},
		"a part of the token":            {[]string{"Bearer " + tokenA[:15]}, false},
		"more than the token":            {[]string{"Bearer " + tokenA + "0"}, false},
		"bearer without a token":         {[]string{"Bearer "}, false},
		"bearer alone":                   {[]string{"Bearer"}, false},
		"the token alone":                {[]string{tokenA}, false},
		"another scheme":                 {[]string{"Token " + tokenA}, false},
		"digest":                         {[]string{`Digest username="sns", response="` + tokenA + `"`}, false},
		"the token as the user":          {[]string{basic(tokenA, "")}, false},
		"the token as both":              {[]string{basic(tokenA, tokenB)}, false},
		"an empty password":              {[]string{basic("sns", "")}, false},
		"basic without a colon":          {[]string{"Basic " + base64.StdEncoding.EncodeToString([]byte(tokenA))}, false},
		"basic that is not base64":       {[]string{"Basic " + tokenA + "!"}, false},
		"basic that is not encoded":      {[]string{"Basic sns:" + tokenA}, false},
		"two headers":                    {[]string{"Bearer " + tokenA, "Bearer " + tokenA}, false},
		"a wrong header, then the right": {[]string{"Bearer wrong", "Bearer " + tokenA}, false},
		"several schemes in one":         {[]string{basic("sns", tokenB) + ", Bearer " + tokenA}, false},
	}
	var tokens Tokens
	if err := tokens.Set(tokenA, tokenC); err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/webhook/worker/prometheus", http.NoBody)
			for _, header := range c.headers {
				r.Header.Add("Authorization", header)
			}
			if got := tokens.Check(r); got != c.ok {
				t.Errorf("accepted: %v", got)
			}
			if new(Tokens).Check(r) {
				t.Error("accepted where no token was set")
			}
		})
	}
}

func TestTokenInTheWrongPlace(t *testing.T) {
	var tokens Tokens
	if err := tokens.Set(tokenA, ""); err != nil {
		t.Fatal(err)
	}
	requests := map[string]*http.Request{
		"the query":     httptest.NewRequest(http.MethodPost, "/pools?token="+tokenA+"&access_token="+tokenA, http.NoBody),
		"the body":      httptest.NewRequest(http.MethodPost, "/pools", strings.NewReader("token="+tokenA+"&access_token="+tokenA)),
		"the URL":       httptest.NewRequest(http.MethodPost, "http://sns:"+tokenA+"@localhost/pools", http.NoBody),
		"another field": httptest.NewRequest(http.MethodPost, "/pools", http.NoBody),
		"a cookie":      httptest.NewRequest(http.MethodPost, "/pools", http.NoBody),
	}
	requests["the body"].Header.Set("Content-Type", "application/x-www-form-urlencoded")
	requests["another field"].Header.Set("Proxy-Authorization", "Bearer "+tokenA)
	requests["another field"].Header.Set("X-Api-Key", tokenA)
	requests["a cookie"].AddCookie(&http.Cookie{Name: "token", Value: tokenA})
	for name, r := range requests {
		if tokens.Check(r) {
			t.Errorf("accepted in %s", name)
		}
	}
}

func TestSetTokens(t *testing.T) {
	cases := map[string]struct{ current, previous, field, problem string }{
		"longer than a header":     {strings.Repeat("b", maxToken+1), "", TokenKey, "has 4097 bytes; it must have at most 4096"},
		"longer in bytes":          {strings.Repeat("ü", maxToken/2+1), "", TokenKey, "has 4098 bytes"},
		"the previous too long":    {tokenB, strings.Repeat("b", 1<<20), PreviousTokenKey, "has 1048576 bytes"},
		"a line break inside":      {tokenB + "\r\nX: y", "", TokenKey, "no header carries"},
		"a NUL":                    {tokenB + "\x00", "", TokenKey, "no header carries"},
		"not UTF-8":                {tokenB + "\xff", "", TokenKey, "must not hold"},
		"too short":                {tokenB[:15], "", TokenKey, "has 15 characters; it must have at least 16"},
		"umlauts count as one":     {strings.Repeat("ü", 15), "", TokenKey, "has 15 characters"},
		"the previous too short":   {tokenB, "short", PreviousTokenKey, "has 5 characters"},
		"a line break at the end":  {tokenB + "\n", "", TokenKey, "must not hold"},
		"a space at the beginning": {" " + tokenB, "", TokenKey, "must not hold"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var tokens Tokens
			if err := tokens.Set(tokenA, ""); err != nil {
				t.Fatal(err)
			}
			err := tokens.Set(c.current, c.previous)
			var usage *scale.UsageError
			if !errors.As(err, &usage) || usage.Field != c.field || !strings.Contains(usage.Problem, c.problem) {
				t.Fatalf("error %v; want %s: %s", err, c.field, c.problem)
			}
			if text := fmt.Sprintf("%+v", usage); c.current != "" && strings.Contains(text, strings.TrimSpace(c.current)) {
				t.Error("the error tells the token:", text)
			}
			r := httptest.NewRequest(http.MethodGet, "/pools", http.NoBody)
			r.Header.Set("Authorization", "Bearer "+tokenA)
			if !tokens.Check(r) {
				t.Error("the token set before is no longer accepted")
			}
		})
	}
}

// A token that was taken away is of no use any more, whether or not there is another one by then.
func TestATokenThatIsTakenAwayIsRevoked(t *testing.T) {
	bears := func(token string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/pools", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		return r
	}
	for name, previous := range map[string]string{"both": "", "the current one alone": tokenC} {
		t.Run(name, func(t *testing.T) {
			var tokens Tokens
			if err := tokens.Set(tokenA, tokenC); err != nil || !tokens.Any() {
				t.Fatal(err)
			}
			err := tokens.Set("", previous)
			var usage *scale.UsageError
			if !errors.As(err, &usage) || usage.Field != TokenKey || usage.Problem != "is missing" {
				t.Errorf("error %v", err)
			}
			if tokens.Any() || tokens.Check(bears(tokenA)) || tokens.Check(bears(tokenC)) || tokens.Check(bears("")) {
				t.Error("there is still a token that is accepted")
			}
			if err := tokens.Set(tokenB, ""); err != nil || !tokens.Check(bears(tokenB)) || tokens.Check(bears(tokenA)) {
				t.Error("a new one is not accepted, or the old one is")
			}
		})
	}
}

// The longest token fits into the headers that the server takes, in either form.
func TestTheLongestTokenIsAccepted(t *testing.T) {
	longest := strings.Repeat("t", maxToken)
	var tokens Tokens
	if err := tokens.Set(longest, ""); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = NewHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !tokens.Check(r) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}), slog.New(slog.DiscardHandler))
	server.Start()
	defer server.Close()
	for _, header := range []string{"Bearer " + longest, basic(strings.Repeat("u", 1024), longest)} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", header)
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("a header of %d bytes: %d", len(header), answer.StatusCode)
		}
	}
}

func TestRotation(t *testing.T) {
	var tokens Tokens
	accepted := func() (of []bool) {
		for _, token := range []string{tokenA, tokenB} {
			r := httptest.NewRequest(http.MethodGet, "/pools", http.NoBody)
			r.Header.Set("Authorization", "Bearer "+token)
			of = append(of, tokens.Check(r))
		}
		return of
	}
	steps := []struct {
		current, previous string
		want              []bool
	}{
		{tokenA, "", []bool{true, false}}, {tokenB, tokenA, []bool{true, true}}, {tokenB, "", []bool{false, true}},
	}
	for _, step := range steps {
		if err := tokens.Set(step.current, step.previous); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, accepted()); diff != "" {
			t.Errorf("with %s and %q (-want +got):\n%s", step.current, step.previous, diff)
		}
	}
}

// While tokens are rotated, every request with one that stays is accepted.
func TestRotationWhileRequestsCome(t *testing.T) {
	var tokens Tokens
	if err := tokens.Set(tokenA, tokenB); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			r := httptest.NewRequest(http.MethodGet, "/pools", http.NoBody)
			r.Header.Set("Authorization", "Bearer "+tokenA)
			for range 200 {
				if !tokens.Check(r) {
					t.Error("refused")
				}
			}
		})
	}
	for range 200 {
		if err := errors.Join(tokens.Set(tokenB, tokenA), tokens.Set(tokenA, tokenB)); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
}

func TestChallenge(t *testing.T) {
	header := http.Header{}
	challenge(header)
	want := []string{`Basic realm="pulumiscale", charset="UTF-8"`, `Bearer realm="pulumiscale"`}
	if diff := cmp.Diff(want, header.Values("WWW-Authenticate")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
