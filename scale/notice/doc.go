// Package notice says which of the things that happen in a queue are told to people and programs outside, what they are
// called, and in which words. A notice is one text for people and one document for programs.
//
// The package decides what is told and what is a repetition. It sends nothing, has no clock and does no I/O.
package notice
