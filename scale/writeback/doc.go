// Package writeback commits the counts that stacks were scaled to on a branch of their programs' repositories: which, in
// which words, and again until the branch has them.
package writeback
