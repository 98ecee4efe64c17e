// Package webhook is the HTTP side of PulumiScale: it authenticates requests, has the senders' signatures checked,
// passes the intents of requests to the queue, and answers. It also tells, in the API and on the status page, how the
// pools and the operations stand.
//
// Package [dialect] knows how the payloads of senders look. It has a table of all dialects. The routes of senders are
// made from this table, and [Server.receive] handles all of them. A signature is checked before anything that is signed
// is used.
//
// The package decides nothing about scaling: it passes on what an alert asks for, and the pool's rule says what is
// done.
package webhook
