// Package identity checks JSON Web Tokens (RFC 7519). Senders that cannot send the server's own token may prove who
// they are by a token that their platform signs, as OpenID Connect has it. A [Setting] says whose tokens are taken, and
// what they may do.
package identity
