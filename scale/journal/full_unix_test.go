//go:build unix

package journal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// limitFiles keeps files from being written beyond a size, as a full disk would, until the returned function is called.
func limitFiles(t *testing.T, size uint64) (lift func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limited := old
	limited.Cur = size
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited); err != nil {
		t.Skip("no limit can be set: ", err)
	}
	lift = func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(lift)
	return lift
}

// limitedEnv says that this process may limit its files. The process that writes what the go command asks for may not.
const limitedEnv = "JOURNAL_TEST_LIMITED"

func TestAFullDiskAcceptsNothing(t *testing.T) {
	if os.Getenv(limitedEnv) == "" {
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), limitedEnv+"=yes")
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	page := uint64(os.Getpagesize())
	cases := []struct {
		name string
		size uint64
	}{
		{"the file cannot grow", 256 * page},
		{"the data cannot be written", 3 * page},
		{"nor the second head", page},
		{"nothing can be written", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { fillDisk(t, c.size) })
	}
}

func fillDisk(t *testing.T, size uint64) {
	dir := t.TempDir()
	j := open(t, dir)
	big := strings.Repeat("x", 10_000)
	for i := range 20 {
		add(t, j, accepted(i, fmt.Sprint("before ", i)))
	}
	lift := limitFiles(t, size)
	refused := map[string]bool{}
	for i := 100; i < 400; i++ {
		op := accepted(i, fmt.Sprint("during ", i))
		op.Error = big
		_, err := j.Add([]queue.Operation{op})
		if _, ok := errors.AsType[*queue.JournalError](err); ok {
			refused[op.ID] = true
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if len(refused) == 0 {
		t.Fatal("the disk is not full")
	}
	if err, ok := errors.AsType[*queue.JournalError](j.Probe()); !ok || strings.Contains(err.Error(), dir) {
		t.Errorf("a probe of a full disk: %v", err)
	}
	check := func() {
		t.Helper()
		for i := 100; i < 400; i++ {
			id := fmt.Sprintf("%08d", i)
			if _, err := j.Get(id); (err != nil) != refused[id] {
				t.Errorf("%s, refused %v: %v", id, refused[id], err)
			}
			if _, ok, _ := j.Find("worker", fmt.Sprint("during ", i)); ok == refused[id] {
				t.Errorf("the key of %s, refused %v: %v", id, refused[id], ok)
			}
		}
	}
	check()
	lift()
	if err := j.Probe(); err != nil {
		t.Error(err)
	}
	add(t, j, accepted(1000, "after"))
	check()
	if j = reopen(t, j, dir); j.Damage() != nil {
		t.Fatal(j.Damage())
	}
	check()
}
