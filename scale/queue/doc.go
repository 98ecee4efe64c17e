// Package queue keeps the operations that are accepted for a stack and has a scaler carry them out, one update at a
// time. They are in a [Journal], and outlive the process.
//
// Start with [Queue.Submit] for how an intent is answered, and with [Queue.Run] for how it is carried out.
package queue
