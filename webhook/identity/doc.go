// Package identity checks JSON Web Tokens (RFC 7519). Senders that cannot send the server's own token may prove who
// they are by a token that their platform signs, as in OpenID Connect. A [Setting] says whose tokens are accepted, and
// what their bearers may do.
package identity
