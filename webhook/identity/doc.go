// Package identity checks JSON Web Tokens (RFC 7519) of senders that cannot send the server's own token, but prove who
// they are by one that their platform signs, as OpenID Connect has it. A [Setting] says whose tokens are taken, and what
// they may do.
package identity
