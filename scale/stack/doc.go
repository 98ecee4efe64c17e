// Package stack implements scale.Stack on the Pulumi CLI, through the Automation API's command interface.
//
// It is the only code that knows the CLI's arguments, its output, its engine events and the files of a Pulumi project.
// One call of it does one thing in the engine. An update is one `pulumi up`, and what it did is read from the engine's
// events rather than asked for afterwards. It must not decide anything about scaling.
package stack
