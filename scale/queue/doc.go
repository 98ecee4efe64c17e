// Package queue keeps what is accepted for a stack and has a scaler carry it out, one update at a time. What it has
// accepted is in its [Journal], and outlives the process.
//
// Start with [Queue.Submit] for how an intent is answered, and with [Queue.Run] for how it is carried out.
package queue
