// Package git provides the program's files as they were deployed. It keeps a clone of the program's repository, moves
// worktrees of the clone from commit to commit, and commits single files on branches of the remote. It is the only code
// that runs git, and it runs the git of the machine, with the credentials, the configuration and the signing that the
// machine has.
//
// It must not know Pulumi or a stack: a program is a folder here, and a configuration file is a path with contents that
// the caller gives. It never forces a push, never throws away what somebody has edited, and lets no credentials into a
// text. It must not wait for ever: it gives up a remote that is silent for too long, and ends all processes that were
// started to ask the remote.
package git
