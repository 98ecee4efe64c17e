// Package dialect knows what senders of webhooks send. [Table] has one [Dialect] for each kind of sender. The Dialect
// says to which paths the payloads are posted, in which media types, who signs them, how they are recognized, what
// people call them, and how they are decoded.
//
// A decoder is pure: a body and plain values go in, and a [Delivery] comes out; it has no clock, no I/O and no logging.
// It decides nothing about scaling: it passes on what an alert asks for, and the pool's rule says what is done.
package dialect
