// Package journal keeps accepted operations on disk, so that what was accepted is carried out even if the process dies.
// It implements [queue.Journal] and decides nothing about scaling.
//
// The store is bbolt. It is one file, its transactions are on disk when they return, its readers do not wait for
// writers, it is pure Go, and it is well maintained, because etcd uses it. Operations that are added at the same time
// share one transaction, and so one wait for the disk. bbolt has checksums only in its two head pages, so each record
// carries its own.
//
// The bucket "operations" holds the records by id. "open" and "done" are indexes of that bucket; "done" is sorted by
// the time at which an operation ended. "keys" leads from a pool and an idempotency key to an id. "heard" holds what is
// known of alerts beyond their operations, "samples" the values that metrics had, for pictures, and "outbox" what is to
// be told to listeners.
package journal
