// Package parse reads the rules that a program exports as its stack output. A malformed output never half-loads: it is
// told with every mistake in it, each with the pool, the field, what stands there and what belongs there.
//
// Start with [Rules]. docs/rules.md is the reference of the fields, and docs/rules.schema.json states the same.
package parse
