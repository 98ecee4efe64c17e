// Package cluster makes several replicas one server: it keeps the accepted operations of all stacks in a log that the
// replicas share, and says which of them works on a stack. It is the only code that knows NATS, and decides nothing
// about scaling.
//
// The log is three JetStream streams. They are in the replicas themselves, or in a NATS that is there already.
//
//   - The stream of operations has one message for each operation, under a subject that begins with its stack and its
//     key: NAME.op.STACK.KEY.ID. A key has been used if there is any message under NAME.op.STACK.KEY.*. So an operation
//     is added on the condition that the last message there is still the one that was looked at. Several operations are
//     added as one atomic batch. If two replicas use the same key, the stream refuses the later one. What is done has a
//     time to live. What was heard of alerts without an operation is in the same stream, under NAME.heard.STACK.ALERT.
//   - The stream of samples has a message for each stack and hour, NAME.sample.STACK.HOUR.
//   - The stream of leases is in memory. Each replica that lives writes NAME.replica.REPLICA every second, and
//     NAME.worker.STACK says who works on a stack.
//
// Each replica reads the first and the last of these streams in order, by one consumer each, and keeps in memory what
// it needs to find an operation: all of an operation that is not done, and about 200 bytes of one that is done. A stack
// in which nothing goes on costs nothing: no consumer, no goroutine, no message.
//
// JetStream has lost writes that it had acknowledged. So a replica has a receipt for each operation that it accepts, in
// a file of its own, until the operation's end is known. If the log turns out not to have the operation, the replica
// adds it again from the receipt.
//
// A lease does not keep two updates apart. Pulumi's own lock does, with the update's id in the history: see [Lease].
package cluster
