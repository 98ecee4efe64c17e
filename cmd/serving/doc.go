// Package serving is what `pulumiscale serve` is made of once its flags are read: a stack with its queue, its journal or its
// part in a cluster, its log, its listeners, its commits and its HTTP server; many stacks as a fleet; and the socket at which
// they answer.
//
// Start with [Process.ServeStack]. What is put together for a stack is in stackServer.build, and what it does in the
// background in stackServer.work.
package serving
