package webhook

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzTokens holds that nothing but the token opens.
func FuzzTokens(f *testing.F) {
	for _, header := range []string{"", "Bearer " + tokenA, basic("sns", tokenA), "Basic " + tokenA, "Bearer  " + tokenA, "bearer\t" + tokenA} {
		f.Add(header)
	}
	var tokens Tokens
	if err := tokens.Set(tokenA, ""); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/pools", http.NoBody)
		r.Header["Authorization"] = []string{header}
		_, password, _ := r.BasicAuth()
		if tokens.Check(r) && password != tokenA && !strings.HasSuffix(header, " "+tokenA) {
			t.Errorf("accepted %q", header)
		}
	})
}
