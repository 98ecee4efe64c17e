// Package stack implements scale.Stack on the Pulumi CLI, through the Automation API's command interface.
//
// Together with the packages below it, this package is the only code that knows the CLI's arguments, its output, its
// engine events and the files of a Pulumi project. Each call does one thing in the engine. An update is one
// `pulumi up`, and what it did is read from the engine's events rather than asked for afterwards. The package must not
// decide anything about scaling.
//
// Begin with stack.go, which says what a [Stack] is made of. Then read about:
//
//   - A reading: read.go, with history.go. stamp.go and stored.go look at a backend without the CLI, to see whether
//     anything has been written; after.go tells what an update has left, so that nothing need be read.
//   - An update: update.go from its beginning to its end, and prepare.go, which starts the engine. events.go follows
//     what the engine tells, with changes.go for what a step changes and masked.go for what it hides. failure.go says
//     what a failure means.
//   - What an update was decided on: basis.go looks at the program, proof.go keeps what was proved of it, and stale.go
//     looks again at the last moment.
//   - What is left behind: leftover.go for updates that were cut off or are not proved, lock.go for locks, life.go for
//     stacks that were destroyed and rules that were taken away.
//   - What only commands ask for: survey.go for doctor, inventory.go for init, secret.go for tokens.
package stack
