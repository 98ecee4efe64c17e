// Package parse reads the rules that a program exports as its stack output. An output with a mistake gives no rules at
// all, but an error with every mistake in it: the pool, the field, the value that was found and what was expected.
//
// Start with [Rules]. docs/rules.md is the reference of the fields. docs/rules.schema.json is their JSON schema, and
// says what a schema cannot state.
package parse
