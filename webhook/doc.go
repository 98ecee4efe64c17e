// Package webhook is the HTTP side of PulumiScale: it authenticates requests, has the senders' signatures checked,
// hands what is asked for to the queue, and answers. It tells how things stand, by the API and the status page.
//
// How the payloads of senders look is the matter of [dialect], which has a table of all dialects. The routes of senders
// are made from this table, and all of them go through [Server.receive]. A signature is checked before anything that is
// signed is used.
//
// The package takes no decision on scaling: it passes on what an alert asks for, and the pool's rule says what becomes
// of it.
package webhook
