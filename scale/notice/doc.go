// Package notice decides which events of a queue are told to people and programs outside, what these events are called,
// and in which words they are told. A notice is one text for people and one document for programs.
//
// The package also decides what is a repetition. It sends nothing, has no clock and does no I/O.
package notice
