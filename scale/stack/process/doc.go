// Package process handles processes where operating systems differ: it keeps an engine apart from the terminal, ties a
// file to the lives of the engine and its plugins, interrupts, pauses and ends the engine, tells whether it still runs,
// and hands it its configuration late. It must not know a stack, a backend, or what an engine's output means.
package process
