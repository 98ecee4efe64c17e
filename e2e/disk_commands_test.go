package e2e

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// diskFiller is the file that fills a disk.
const diskFiller = "filler"

// disk mounts a small disk in memory, fills it up and makes room again. If nothing can be mounted, which needs root,
// the script is skipped.
//
//	disk mount ../small
//	disk fill ../small
//	disk empty ../small
func disk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: disk mount|fill|empty FOLDER")
	}
	state, dir := stateOf(ts), ts.MkAbs(args[1])
	filler := filepath.Join(dir, diskFiller)
	switch args[0] {
	case "mount":
		ts.Check(os.MkdirAll(dir, 0o755))
		if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "small", dir).CombinedOutput(); err != nil {
			state.t.Skip("nothing can be mounted here: ", string(out))
		}
		state.mounts = append(state.mounts, dir)
	case "fill":
		ts.Check(fillUp(filler))
	case "empty":
		ts.Check(os.Remove(filler))
	default:
		ts.Fatalf("usage: disk mount|fill|empty FOLDER")
	}
}

// fillUp writes a file until its disk is full.
func fillUp(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = file.Write(block)
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return errors.Join(err, file.Close())
}

// unmount takes the script's disks away, also those that are still in use.
func (s *scriptState) unmount() {
	for _, dir := range s.mounts {
		cmd := exec.Command("umount", "-l", dir)
		cmd.Stderr = io.Discard
		_ = cmd.Run()
	}
}
