package process

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

// endTimeout is how long plugins may take to end.
const endTimeout = 2 * time.Second

// EndPlugins ends the plugins that have inherited a file from their engine, and waits for them. It leaves alone other
// processes that have inherited the file, such as a program that a resource's command started.
func EndPlugins(path string) {
	deadline := time.Now().Add(endTimeout)
	for _, pid := range plugins(path) {
		_ = syscall.Kill(pid, syscall.SIGTERM)
		for IsAlive(pid) && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// plugins returns the processes of Pulumi plugins that have the file open, as far as they may be looked at.
func plugins(path string) []int {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	var out []int
	for _, number := range files.Names("/proc") {
		pid, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		dir := filepath.Join("/proc", number)
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil || !strings.HasPrefix(string(name), "pulumi-") || !holds(dir, path) {
			continue
		}
		out = append(out, pid)
	}
	return out
}

func holds(process, path string) bool {
	folder := filepath.Join(process, "fd")
	for _, name := range files.Names(folder) {
		if target, err := os.Readlink(filepath.Join(folder, name)); err == nil && target == path {
			return true
		}
	}
	return false
}

// isZombie says that a process has ended and that its parent has not asked for its exit status.
func isZombie(pid int) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(rest, "Z")
}
