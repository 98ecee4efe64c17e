// Package writeback commits to a branch of a program's repository the counts that its stack was scaled to: which counts,
// with which message, and again until the branch has them.
//
// Start with [Backlog] for a server, and with [Committer.Commit] for one commit.
package writeback
