package process

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Space returns a name for the container, or the machine, that this process runs in. After a restart the name is a
// different one. A process number means the same process only within one space. The name is empty if it cannot be found
// out.
func Space() string { return space() }

var space = sync.OnceValue(func() string { //nolint:gochecknoglobals // it never changes
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + space
})

// MayBeCLI says whether the process with a number may be a Pulumi CLI, by its names. In a container that has replaced
// an earlier one the numbers begin anew, so the number of the process that held a lock may be a different process's
// now. If the names cannot be read, as for another user's process, MayBeCLI returns true.
func MayBeCLI(pid int) bool {
	folder := filepath.Join("/proc", strconv.Itoa(pid))
	program, err := os.Readlink(filepath.Join(folder, "exe"))
	if err != nil {
		return true
	}
	called, err := os.ReadFile(filepath.Join(folder, "comm"))
	if err != nil {
		return true
	}
	return slices.ContainsFunc([]string{filepath.Base(program), string(called)}, func(name string) bool {
		return strings.Contains(name, "pulumi") && !slices.ContainsFunc(otherPrograms(), func(other string) bool { return strings.HasPrefix(name, other) })
	})
}

// otherPrograms returns the beginnings of the names of programs, Pulumi's and ours, that lock no stack. The system
// keeps 15 letters of a name.
func otherPrograms() []string {
	return []string{"pulumiscale", "pulumi-resource", "pulumi-language", "pulumi-analyzer", "pulumi-tool"}
}
