// Package process does with processes what differs from one operating system to another: it keeps an engine apart from
// the terminal, ties a file to its life and to that of its plugins, interrupts, pauses and ends it, tells whether it
// still runs, and hands it its configuration late. It must not know a stack, a backend, or what an engine's output
// means.
package process
