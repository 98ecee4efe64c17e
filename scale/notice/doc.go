// Package notice says what is worth telling people and programs outside: which of the things that happen in a queue, what
// they are called, and in which words. It has one text for people and one document for programs.
//
// It decides what is told and what is a repetition. It sends nothing, has no clock and does no I/O.
package notice
