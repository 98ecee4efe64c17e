// Package serving does the work of `pulumiscale serve` once the flags are read. It has a stack with its queue, its
// journal or its part in a cluster, its log, its listeners, its commits and its HTTP server. It also has the fleet of
// many stacks, and the socket at which one stack or the fleet answers.
//
// Start reading with [Process.ServeStack]. stackServer.build puts the parts of a stack together, and stackServer.work
// does what goes on in the background.
package serving
