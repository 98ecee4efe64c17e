// Package webhook is the HTTP side of PulumiScale: it authenticates requests, has checked what senders sign, hands what
// is asked for to the queue, and answers. It tells how things stand, by the API and the status page.
//
// What senders send is the matter of [dialect], which has a table of all dialects: the routes are made from it, and all
// of them go through [Server.receive]. A signature is checked before anything that is signed is used.
//
// The package takes no decision on scaling: it passes on what an alert asks for, and the pool's rule says what becomes
// of it.
package webhook
