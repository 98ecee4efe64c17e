package webhook

import (
	"context"
	"net/http"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// Some senders can send no header and no password: all that they have is an address. For them the server accepts a
// token in the path, /token/TOKEN/webhook/..., if the configuration has a token under [PathTokenKey]. Addresses are
// written into logs and settings, where others may read them. So this token is valid only for alarms and only in the
// path, and the tokens of the header are not accepted in the path.

// pathTokenPrefix is what a path with a token in it begins with.
const pathTokenPrefix = "/token/"

// hiddenPathToken is shown in place of a token in a path.
const hiddenPathToken = "[token]"

// bearsPathToken is a key in a request's context: its value is true if the path had a valid token. unreadPathToken is
// the key of an error: the tokens could not be read, so nobody knows whether the token in the path is valid.
type (
	bearsPathToken  struct{}
	unreadPathToken struct{}
)

// cutPathToken splits a path into its token and the rest behind the token. If the path has no token, ok is false, and
// rest is the whole path.
func cutPathToken(path string) (token, rest string, ok bool) {
	after, ok := strings.CutPrefix(path, pathTokenPrefix)
	if !ok {
		return "", path, false
	}
	token, rest, _ = strings.Cut(after, "/")
	return token, "/" + rest, true
}

// openPath takes the token out of the path of a request. If the token is valid, it returns a request with the path
// behind the token, and with bearsPathToken in its context. Otherwise the request keeps its path, for which there is no
// endpoint. Its context then has unreadPathToken if the tokens cannot be read. A request without a token in its path is
// returned unchanged.
func (s *Server) openPath(r *http.Request) *http.Request {
	token, rest, ok := cutPathToken(r.URL.Path)
	if !ok {
		return r
	}
	unread := s.Tokens.ensureRead(r.Context())
	if !s.Tokens.CheckPath(token) {
		if unread != nil {
			return r.WithContext(context.WithValue(r.Context(), unreadPathToken{}, unread))
		}
		return r
	}
	opened := r.Clone(context.WithValue(r.Context(), bearsPathToken{}, true))
	opened.URL.Path, opened.URL.RawPath, opened.RequestURI = rest, "", ""
	return opened
}

// pathOf returns a request's path for the log. It hides everything in the path that may be a token.
func pathOf(r *http.Request) string {
	path := r.URL.Path
	if i := strings.Index(strings.ToLower(path), pathTokenPrefix); i >= 0 {
		path = path[:i] + pathTokenPrefix + hiddenPathToken
	}
	return board.OneLine(path, dialect.MaxReason)
}
