// Package scale is the domain of PulumiScale, and pure: the rules that a Pulumi program exports, the intents that ask
// for capacity, the decision on each, and the plan that carries decisions out. It declares what it needs of a stack as
// the interface [Stack], which the package scale/stack implements with the Pulumi CLI.
//
// It starts nothing and waits for nothing, has no clock and does no I/O. The package scale/scaler carries plans out,
// and scale/queue keeps what is accepted.
//
// Start with [Decide]: everything else here gathers what Decide needs, or works out what follows from its decisions.
package scale
