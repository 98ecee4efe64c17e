//go:build !linux

package process

// EndPlugins does nothing: without tools that may be missing, nobody can tell here which processes are an engine's
// plugins.
func EndPlugins(string) {}

// isZombie returns false: this system is not asked about zombies.
func isZombie(int) bool { return false }
