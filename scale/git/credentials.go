package git

import (
	"net/url"
	"regexp"
	"strings"
)

// WithoutCredentials returns a remote's URL without its user and password: even the user may be a token. The user of
// ssh, such as git@, stays: it is no secret, and without it the URL means something else. A remote that is no URL stays
// as it is.
func WithoutCredentials(remote string) string {
	scheme, rest, is := strings.Cut(remote, "://")
	if !is {
		return remote // a path, or host:path of ssh, which has no place for a password
	}
	authority, path, slash := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@")
	if at < 0 {
		return remote
	}
	user, _, _ := strings.Cut(authority[:at], ":")
	authority = authority[at+1:]
	if strings.HasSuffix(strings.ToLower(scheme), "ssh") {
		authority = user + "@" + authority
	}
	if slash {
		path = "/" + path
	}
	return scheme + "://" + authority + path
}

var (
	userInfo = regexp.MustCompile(`(?i)\b(https?|ftps?|git)://[^\s/@'"]+@`)
	sshWord  = regexp.MustCompile(`(?i)\b((?:git\+)?ssh(?:\+git)?://[^\s/@:'"]+):[^\s/@'"]+@`)
	header   = regexp.MustCompile(`(?i)\b(authorization:\s*\w+|bearer|private-token:|x-access-token:)\s*[^\s'"]+`)
	tokens   = regexp.MustCompile(
		`\b(gh[pousr]_\w{16,}|github_pat_\w{16,}|gl(?:pat|cbt|dt|rt|ft)-[\w-]{16,}|ATB{2}\w{16,}|ATCTT3\w{16,})`)
)

// removeCredentials returns a text without whatever is or looks like a credential: the remote's own credentials, users
// and passwords of URLs, headers, and the tokens of forges.
func (r *Repository) removeCredentials(text string) string {
	if r != nil {
		for _, secret := range secretsOf(r.options.URL) {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	text = userInfo.ReplaceAllString(text, "$1://")
	text = sshWord.ReplaceAllString(text, "$1@")
	text = header.ReplaceAllString(text, "$1 ***")
	return tokens.ReplaceAllString(text, "***")
}

// secretsOf returns the texts in a remote's URL that nobody may see, both as the URL has them and unescaped.
func secretsOf(remote string) []string {
	plain := WithoutCredentials(remote)
	if plain == remote {
		return nil
	}
	_, rest, _ := strings.Cut(remote, "://")
	authority, _, _ := strings.Cut(rest, "/")
	user, password, has := strings.Cut(authority[:strings.LastIndex(authority, "@")], ":")
	least := 4 // a shorter password may be a part of ordinary words
	if !has || password == "" {
		password, least = user, 16 // the user may be a token; a shorter text is only a name
	}
	var out []string
	for _, secret := range []string{password, unescape(password)} {
		if len(secret) >= least {
			out = append(out, secret)
		}
	}
	return out
}

func unescape(text string) string {
	if out, err := url.PathUnescape(text); err == nil {
		return out
	}
	return text
}

// rewriteRule returns the beginning of the remote's URL, up to the end of the host, with and without the credentials.
// The clone's own configuration has no credentials: git replaces the prefix without credentials by the prefix with
// them. Both prefixes end with the host, so that submodules on the same host get the credentials too. Both are empty if
// the URL has no credentials.
func rewriteRule(remote string) (with, without string) {
	plain := WithoutCredentials(remote)
	if plain == remote {
		return "", ""
	}
	return hostOf(remote), hostOf(plain)
}

func hostOf(remote string) string {
	scheme, rest, _ := strings.Cut(remote, "://")
	authority, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + authority + "/"
}
