// Package dialect knows what senders of webhooks send. [Table] has one value for each dialect: where it is posted to,
// in which media types, who signs it, by what it is recognized, what people call it, and its decoder.
//
// A decoder is pure: a body and plain values go in, and a [Delivery] comes out; it has no clock, no I/O and no logging.
// It decides nothing about scaling: it passes on what an alert asks for, and the pool's rule says what is done.
package dialect
