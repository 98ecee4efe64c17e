// Package scaler is the one path to a stack: read it, decide, prove that nothing else would come along, update, verify,
// and settle what was left half done. A [Scaler] retries, and every retry reads and decides again.
//
// Start with [Scaler.Scale].
package scaler
