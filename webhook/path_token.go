package webhook

import (
	"context"
	"net/http"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// Some senders can send no header and no password: all that they have is an address. If the server is told to, it takes
// a token of its own kind in the path, /token/TOKEN/webhook/..., for alarms alone. Addresses are written into logs and
// settings, so that token is worth less than the other one, and never is the other one.

// pathTokenPrefix is what the path of a request with a token in it begins with.
const pathTokenPrefix = "/token/"

// hiddenPathToken is what is shown in the place of such a token.
const hiddenPathToken = "[token]"

// bearsPathToken is the key of the context of a request whose path had a valid token.
type bearsPathToken struct{}

// cutPathToken takes the token out of a path, which it says is there.
func cutPathToken(path string) (token, rest string, ok bool) {
	after, ok := strings.CutPrefix(path, pathTokenPrefix)
	if !ok {
		return "", path, false
	}
	token, rest, _ = strings.Cut(after, "/")
	return token, "/" + rest, true
}

// openPath takes a token out of a request's path. The request that it returns has the path behind it, and bears the
// token if it is valid. If it is not, the request is returned as it is, and finds nothing where it leads to.
func (s *Server) openPath(r *http.Request) *http.Request {
	token, rest, ok := cutPathToken(r.URL.Path)
	if !ok || s.Tokens.ensureRead(r.Context()) != nil || !s.Tokens.CheckPath(token) {
		return r
	}
	opened := r.Clone(context.WithValue(r.Context(), bearsPathToken{}, true))
	opened.URL.Path, opened.URL.RawPath, opened.RequestURI = rest, "", ""
	return opened
}

// pathOf is a request's path, fit for the log: without what may be a token, in whatever place.
func pathOf(r *http.Request) string {
	path := r.URL.Path
	if i := strings.Index(strings.ToLower(path), pathTokenPrefix); i >= 0 {
		path = path[:i] + pathTokenPrefix + hiddenPathToken
	}
	return board.OneLine(path, dialect.MaxReason)
}
