package project

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Identity says which stack a file of PulumiScale's is about. Several programs may share a state directory, and all of
// them may have a stack of the same name.
type Identity struct {
	Project string `json:"project"`
	Stack   string `json:"stack"`
	// Backend has those parts of the backend's address that distinguish it from other backends. It has no credentials,
	// which change and are secret.
	Backend string `json:"backend"`
	// Organization is the stack's organisation; empty if its name has none. A name without one stands for the stack of
	// some organisation, which is then not known.
	Organization string `json:"organization,omitempty"`
}

// Is says whether two identities may belong to the same stack. An organisation that is not known may be any.
func (id Identity) Is(other Identity) bool {
	if id.Organization == "" || other.Organization == "" {
		id.Organization, other.Organization = "", ""
	}
	return id == other
}

// Folder returns a name for the stack's folder: a name that people recognise, and that no other stack has.
func (id Identity) Folder() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{id.Project, id.Stack, id.Backend, id.Organization}, "\x00")))
	return plainName(id.Project) + "." + plainName(id.Stack) + "." + hex.EncodeToString(sum[:6])
}

// plainName turns a text into one that every file system takes as a name.
func plainName(text string) string {
	const longest = 80
	plain := strings.Map(func(c rune) rune {
		if c < 0x80 && (c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return c
		}
		return '_'
	}, text)
	return plain[:min(len(plain), longest)]
}

// BackendIdentity returns the [Identity.Backend] of the current backend.
func (p *Project) BackendIdentity() string { return p.IdentityOf(p.CurrentBackend()) }

// IdentityOf returns the [Identity.Backend] of the backend at an address.
func (p *Project) IdentityOf(address string) string {
	if dir, ok := p.BackendFolder(address); ok {
		if resolved, err := filepath.EvalSymlinks(dir); err == nil {
			dir = resolved
		}
		return "file://" + (&url.URL{Path: filepath.ToSlash(filepath.Clean(dir))}).EscapedPath() // a path need not be a text
	}
	parsed, err := url.Parse(address)
	if err != nil { // nobody knows where its credentials are
		sum := sha256.Sum256([]byte(address))
		return hex.EncodeToString(sum[:])
	}
	out := url.URL{Scheme: parsed.Scheme, Host: strings.ToLower(parsed.Host), Path: strings.TrimSuffix(path.Clean("/"+parsed.Path), "/")}
	query := url.Values{}
	for name, values := range parsed.Query() {
		if slices.Contains(tellingParameters(), name) {
			query[name] = values
		}
	}
	out.RawQuery = query.Encode()
	return out.String()
}

// tellingParameters returns the parameters of a backend's URL that say which storage it is. Other parameters say how
// the storage is reached, or who the user is.
func tellingParameters() []string {
	return []string{"endpoint", "domain", "storage_account", "prefix", "table"}
}
