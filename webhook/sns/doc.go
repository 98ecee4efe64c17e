// Package sns receives messages of Amazon SNS: [Parse] opens the envelope, and a [Verifier] checks that SNS signed it
// before anything in it is used. It connects only to SNS's own hosts, for certificates and to confirm subscriptions. A
// dialect decodes what the message says.
package sns
