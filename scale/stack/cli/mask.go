package cli

import (
	"net/url"
	"os"
	"regexp"
	"strings"
)

// masked stands for what nobody should see.
const masked = "[masked]"

var (
	// userinfo is what stands before the host in a URL. A password that is not escaped may have any character in it,
	// so all up to the last @ of the word counts.
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^\s"'<>]*@`)
	// assignment is a value with a name that credentials have: in a URL's query, in a connection string, in a header.
	assignment = regexp.MustCompile(`(?i)([\w.-]*(?:password|passwd|passphrase|secret|token|signature|credential|accesskey|accountkey|apikey)[\w.-]*|\bsig)` +
		`(=|%3D)("[^"]*"|'[^']*'|[^&\s"'<>;,]+)`)
	// accessKey is an access key of AWS by itself.
	accessKey = regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{12,}\b`)
)

// credentialVariables returns the names of the variables that hold credentials of backends. The CLI, and the clients of
// clouds in it, read them.
func credentialVariables() []string {
	return []string{
		"PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_STORAGE_KEY",
		"AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_CLIENT_SECRET", "GOOGLE_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "PGPASSWORD",
	}
}

// shortestCredential is the length from which on a credential is searched for in a text. Shorter credentials are words
// that stand everywhere.
const shortestCredential = 6

// Mask masks the credentials of backends in a text that the CLI has printed. The CLI's errors hold the backend's URL as
// it is, with its password.
func Mask(text string) string {
	if text == "" {
		return ""
	}
	for _, name := range credentialVariables() {
		text = without(text, os.Getenv(name))
	}
	if address, err := url.Parse(os.Getenv("PULUMI_BACKEND_URL")); err == nil {
		if password, ok := address.User.Password(); ok {
			text = without(text, password)
			text = without(text, url.QueryEscape(password))
			text = without(text, url.PathEscape(password))
		}
	}
	text = userinfo.ReplaceAllString(text, "${1}"+masked+"@")
	text = assignment.ReplaceAllString(text, "${1}${2}"+masked)
	return accessKey.ReplaceAllString(text, masked)
}

// without returns the text with a credential masked.
func without(text, credential string) string {
	if len(credential) < shortestCredential {
		return text
	}
	return strings.ReplaceAll(text, credential, masked)
}
