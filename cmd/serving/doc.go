// Package serving is what `pulumiscale serve` is made of once its flags are read: a stack with its queue, its journal
// or its part in a cluster, its log, its listeners, its commits and its HTTP server; many stacks as a fleet; and the
// socket at which one stack or the fleet answers.
//
// Start reading with [Process.ServeStack]. stackServer.build puts the parts of a stack together, and stackServer.work
// does what goes on in the background.
package serving
