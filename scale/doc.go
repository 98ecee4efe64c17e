// Package scale is the domain of PulumiScale: the rules that a Pulumi program exports, the intents that ask for
// capacity, the decision taken on each, and the scaler that carries a decision out on a stack.
//
// It knows neither the Pulumi CLI nor HTTP nor a terminal. It declares what it needs of a stack as the interface
// [Stack]; the package scale/stack implements it. It must not print, log to a global, read the environment or exit.
//
// Start with [Decide]: everything else here gathers what Decide is given or carries out what it returns.
package scale
