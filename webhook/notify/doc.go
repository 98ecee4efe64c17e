// Package notify tells people and programs outside what happens: webhooks out, to the listeners that the settings name.
//
// What is worth telling, and in which words, is decided in scale/notice. Here it is put into an outbox on disk and brought
// to each listener at least once, in the order of its pool, without anything ever waiting for a listener. Each kind of
// listener is one file and one line of the table.
//
// The address of a listener is a secret, as all that opens it is. Neither is ever logged, shown or counted: only the host
// is.
package notify
