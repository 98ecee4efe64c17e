package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Holdings are the memory and the other resources that a server's process holds.
type Holdings struct {
	// These are in bytes. Resident is all memory, and Peak is the most memory so far. Anonymous is the memory without
	// mapped files, such as the journal. Live is what the heap held after the last collection.
	Resident, Peak, Anonymous, Live float64
	// These are numbers of things. Files are the open descriptors, including the descriptor of the connection over
	// which the metrics were read. Children are the processes that the server has started and not yet waited for.
	Goroutines, Files, Children float64
}

// Holdings reads what the server holds from its own metrics and from the kernel, which must be Linux.
func (s *Server) Holdings(metrics []byte) (Holdings, error) {
	var err error
	number := func(text []byte, pattern string) float64 {
		found := regexp.MustCompile(`(?m)^` + pattern + `\s+(\S+)`).FindSubmatch(text)
		if found == nil {
			err = errors.Join(err, fmt.Errorf("nothing is told of %s", strings.TrimSuffix(pattern, ":")))
			return 0
		}
		value, parseErr := strconv.ParseFloat(string(found[1]), 64)
		err = errors.Join(err, parseErr)
		return value
	}
	status, readErr := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if readErr != nil {
		return Holdings{}, readErr
	}
	const kilobyte = 1024
	h := Holdings{
		Resident: number(metrics, "process_resident_memory_bytes"), Peak: number(status, "VmHWM:") * kilobyte, Anonymous: number(status, "RssAnon:") * kilobyte,
		// The next collection starts when the heap has grown to (1 + GOGC/100) times what was live.
		Live:       number(metrics, "go_memstats_next_gc_bytes") / (1 + number(metrics, "go_gc_gogc_percent")/100),
		Goroutines: number(metrics, "go_goroutines"), Files: number(metrics, "process_open_fds"),
	}
	if children, readErr := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", s.PID())); readErr == nil {
		h.Children = float64(len(bytes.Fields(children)))
	}
	return h, err
}
