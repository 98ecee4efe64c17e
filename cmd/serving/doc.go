// Package serving is what `pulumiscale serve` is made of once its flags are read: a stack with its queue, its journal, its
// listeners and its HTTP server; many of them as a fleet; and the socket at which they answer.
//
// Start with [Process.ServeStack].
package serving
