// Package notify tells people and programs outside what happens: webhooks out, to the listeners that the settings name.
//
// Package scale/notice decides what is worth telling, and in which words. This package puts each notice into an outbox
// on disk, and brings it to each listener at least once. A listener gets the notices of one pool in the order of the
// events. Nothing ever waits for a listener. Each kind of listener is one file and one line of the table.
//
// The address of a listener is a secret, as are its authorization and the secrets that sign its messages. None of them
// is ever logged, shown or used as a label. Only the host of the address is shown.
package notify
