// Package sns receives messages of Amazon SNS: [Parse] opens the envelope, and a [Verifier] checks that SNS signed it
// before anything in it is used. Of the network it asks only SNS's own hosts, for certificates and to confirm
// subscriptions. What the message says is for a dialect to decode.
package sns
