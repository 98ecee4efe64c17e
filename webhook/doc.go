// Package webhook is the HTTP side of PulumiScale: it authenticates requests, checks what senders sign, and turns their payloads
// into intents.
//
// There is one decoder for each dialect, in a file of its own: [DecodeDirect], [DecodeCloudWatch], [DecodeEventBridge] and
// [DecodeAlertmanager]. A decoder is pure: bytes and plain values in, a [Delivery] out; no clock, no I/O, no logging. Amazon SNS
// stands before CloudWatch: [ParseSNS] opens its envelope and a [Verifier] checks the signature, before anything in it is used.
//
// The package imports scale, and scale/board for how things stand; it takes no decision on scaling: what an alert asks for is passed on, and the pool's rule says
// what becomes of it.
package webhook
