// Package notify tells people and programs outside what happens: webhooks out, to the listeners that the settings name.
//
// What is worth telling, and in which words, is decided in scale/notice. Here each notice is put into an outbox on disk
// and brought to each listener at least once. A listener gets the notices of one pool in their order. Nothing ever
// waits for a listener. Each kind of listener is one file and one line of the table.
//
// The address of a listener is a secret, as are its authorization and the secrets that sign its messages. None of them
// is ever logged, shown or counted: only the host of the address is.
package notify
