//go:build !linux

package process

// EndPlugins does nothing: without tools that may be missing, nobody can tell here which processes are an engine's
// plugins.
func EndPlugins(string) {}

// isZombie is false: it is not known here.
func isZombie(int) bool { return false }
