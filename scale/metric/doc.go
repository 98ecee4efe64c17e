// Package metric looks at the metrics that rules name: a query or a document in, one number out, or a reason why there
// is none. It decides nothing and starts no process; package scale decides what a number means for a pool.
package metric
