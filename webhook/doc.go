// Package webhook is the HTTP side of PulumiScale: it authenticates requests, checks what senders sign, and turns their
// payloads into intents.
//
// There is one decoder for each dialect, in a file of its own: [DecodeDirect], [DecodeCloudWatch], [DecodeEventBridge],
// [DecodeLambda] and [DecodeAlertmanager]. A decoder is pure: bytes and plain values go in, and a [Delivery] comes out;
// it has no clock, no I/O and no logging. Amazon SNS stands before CloudWatch: [ParseSNS] opens its envelope, and a
// [Verifier] checks the signature before anything in the envelope is used.
//
// The package takes no decision on scaling: it passes on what an alert asks for, and the pool's rule says what becomes
// of it. It imports scale, and scale/board for how things stand.
package webhook
