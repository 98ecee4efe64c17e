// Package e2e holds the end-to-end tests: scripts under testdata/script that run the built pulumiscale against the real
// Pulumi engine, the real YAML language host and a real provider, on a file backend of their own.
//
// `make e2e` builds all of that and runs the tests. Without the engine they are skipped on a developer's machine and
// fail in CI.
package e2e
