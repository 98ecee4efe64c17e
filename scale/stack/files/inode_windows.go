package files

import "io/fs"

// Inode is zero: Windows has no such number. Its file times are finer than any update.
func Inode(fs.FileInfo) uint64 { return 0 }
