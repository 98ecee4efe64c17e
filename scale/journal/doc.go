// Package journal keeps accepted operations on disk, so that what was accepted is carried out even if the process dies.
// It implements [queue.Journal] and decides nothing about scaling.
//
// The store is bbolt. It is one file, its transactions are on disk when they return, its readers do not wait for
// writers, it is pure Go, and it is in use under etcd, which keeps it in good care. Operations that are added at the
// same time share one transaction, and so one wait for the disk. bbolt has no checksums of its own below its two head
// pages; each record carries one.
//
// The bucket "operations" holds the records by id. "open" and "done" are indexes of it, the latter by the time of the
// end. "keys" leads from a pool and an idempotency key to an id. "heard" holds what is known of alerts beyond their
// operations, "samples" the values that metrics had, for pictures, and "outbox" what is to be told to listeners.
package journal
