package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// sample is what the server holds at rest.
type sample struct {
	events int
	// resident is all memory. anonymous is the memory without mapped files, of which the journal is one. live is what
	// the heap held after the last collection. All are in bytes.
	resident, anonymous, live float64
	goroutines, files         float64
	// children are processes that the server has not waited for. left is how many files there are in its temporary and
	// state directories.
	children, left float64
	// journal is the size of the journal, and state is that of the whole state directory, in bytes.
	journal, state float64
}

// restTimeout is how long the server may take to come to rest, that is, to carry out what it has accepted.
const restTimeout = 3 * time.Minute

// The settling of the server: it is looked at every lookEvery, until for so many looks nothing has become less.
const (
	lookEvery   = 250 * time.Millisecond
	settledFor  = 6
	mostLooks   = 60
	ourRequests = 1 // the connection by which the server is looked at
)

// rest waits until the server has nothing to do and no connection but ours. It takes the least of what the server is
// then seen to hold: a reading of the stack that happens to be under way is no leak.
func (st *site) rest(ctx context.Context, s *sender, f *follower) (sample, error) {
	for deadline := time.Now().Add(restTimeout); f.waiting() > 0; time.Sleep(lookEvery) {
		if err := ctx.Err(); err != nil {
			return sample{}, err
		}
		if time.Now().After(deadline) {
			return sample{}, fmt.Errorf("%d operations have not ended after %s", f.waiting(), restTimeout)
		}
	}
	var least sample
	for look, same := 0, 0; same < settledFor && look < mostLooks; look++ {
		if look == 0 {
			s.rest()
		}
		select {
		case <-ctx.Done():
			return sample{}, ctx.Err()
		case <-time.After(lookEvery):
		}
		now, err := st.look(ctx, s)
		if err != nil {
			return sample{}, err
		}
		before := least
		if look == 0 {
			least = now
			continue
		}
		least.goroutines, least.files = min(least.goroutines, now.goroutines), min(least.files, now.files)
		least.children, least.left = min(least.children, now.children), min(least.left, now.left)
		least.resident, least.anonymous = min(least.resident, now.resident), min(least.anonymous, now.anonymous)
		least.live, least.journal, least.state = min(least.live, now.live), now.journal, now.state
		same++
		if least.goroutines < before.goroutines || least.files < before.files || least.children < before.children || least.left < before.left {
			same = 0
		}
	}
	return least, nil
}

// look asks the server and the kernel once.
func (st *site) look(ctx context.Context, s *sender) (sample, error) {
	status, text, err := s.do(ctx, get("/metrics"))
	if err != nil || status != 200 {
		return sample{}, fmt.Errorf("GET /metrics: %d %w", status, err)
	}
	held, err := st.server.Holdings(text)
	if err != nil {
		return sample{}, err
	}
	seen := sample{
		resident: held.Resident, anonymous: held.Anonymous, live: held.Live, goroutines: held.Goroutines, files: held.Files - ourRequests, children: held.Children,
	}
	state, files, err := usage(filepath.Join(st.dir, ".pulumiscale"))
	if err != nil {
		return sample{}, err
	}
	_, temporary, err := usage(st.Path("temp"))
	seen.state, seen.left = state, files+temporary
	if file, err := lab.Kept(st.dir, "journal.db"); err == nil {
		if info, err := os.Stat(file); err == nil {
			seen.journal = float64(info.Size())
		}
	}
	return seen, err
}

// usage is the size of a directory's files, and their number.
func usage(dir string) (size, files float64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return ignoreMissing(err)
		}
		info, err := entry.Info()
		if err == nil {
			size += float64(info.Size())
			files++
		}
		return ignoreMissing(err)
	})
	return size, files, err
}

// ignoreMissing passes over what was removed while it was looked at.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
