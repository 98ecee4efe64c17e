// Package writeback commits the counts that a stack was scaled to, on a branch of its program's repository. It decides
// which counts to commit, writes the message, and tries again until the branch has the counts.
//
// Start with [Backlog] for a server, and with [Committer.Commit] for one commit.
package writeback
