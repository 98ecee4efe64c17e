package stack

import "io/fs"

// inode is zero: Windows has no such number. Its file times are finer than any update.
func inode(fs.FileInfo) uint64 { return 0 }
