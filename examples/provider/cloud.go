package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"sync"
	"time"
)

// Cloud makes and removes worker files. The engine runs operations in parallel. The lock makes counting and changing a
// single step; it is not held during a delay.
type Cloud struct {
	mu      sync.Mutex
	changes map[string]int // by pool: workers made or removed by this run of the engine
}

// names are what may be a pool, a worker or a balancer: all become file names.
var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// workers returns the names of a pool's workers, in order. It returns none if the pool does not exist.
func workers(cloud, pool string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(cloud, pool))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			files = append(files, entry.Name())
		}
	}
	sort.Strings(files)
	return files, nil
}

// total counts the workers of all pools.
func total(cloud string) (int, error) {
	pools, err := os.ReadDir(cloud)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	count := 0
	for _, pool := range pools {
		if !pool.IsDir() {
			continue
		}
		workers, err := os.ReadDir(filepath.Join(cloud, pool.Name()))
		if err != nil {
			return 0, err
		}
		count += len(workers)
	}
	return count, nil
}

// add makes one worker. An empty name stands for the first free one of worker-0001 and so on.
func (c *Cloud) add(ctx context.Context, cloud, pool, worker string) error {
	return c.change(ctx, cloud, pool, func(faults Faults) error {
		if faults.Quota != nil {
			count, err := total(cloud)
			if err != nil {
				return err
			}
			if count >= *faults.Quota {
				return fmt.Errorf("quota exceeded: %d of %d workers in use", count, *faults.Quota)
			}
		}
		if worker == "" {
			var err error
			if worker, err = free(cloud, pool); err != nil {
				return err
			}
		}
		path := filepath.Join(cloud, pool, worker)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("worker %s/%s already exists", pool, worker)
		}
		if err != nil {
			return err
		}
		return errors.Join(file.Close(), record(cloud, "create", pool+"/"+worker))
	})
}

// free is the first worker name that a pool does not use.
func free(cloud, pool string) (string, error) {
	taken, err := workers(cloud, pool)
	if err != nil {
		return "", err
	}
	used := make(map[string]bool, len(taken))
	for _, worker := range taken {
		used[worker] = true
	}
	for i := 1; ; i++ {
		if worker := fmt.Sprintf("worker-%04d", i); !used[worker] {
			return worker, nil
		}
	}
}

// remove removes one worker. A worker that is gone already is no error.
func (c *Cloud) remove(ctx context.Context, cloud, pool, worker string) error {
	return c.change(ctx, cloud, pool, func(Faults) error {
		err := os.Remove(filepath.Join(cloud, pool, worker))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return record(cloud, "delete", pool+"/"+worker)
	})
}

// change makes one change to a pool, subject to the cloud's faults.
func (c *Cloud) change(ctx context.Context, cloud, pool string, apply func(Faults) error) error {
	faults, err := begin(ctx, cloud, pool)
	if err != nil {
		return err
	}
	if err := wait(ctx, time.Duration(faults.Delay)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if faults.FailAfter != nil && c.changes[pool] >= *faults.FailAfter {
		return fmt.Errorf("pool %s failed after %d workers (failAfter in %s)", pool, c.changes[pool], FaultsFile)
	}
	if err := apply(faults); err != nil {
		return err
	}
	c.changes[pool]++
	return nil
}

// LogFile is the file in the cloud's folder that gets a line for each worker or balancer that is created, updated or
// deleted. It proves what was touched, and what was not.
const LogFile = "operations.log"

func record(cloud, operation, name string) error {
	file, err := os.OpenFile(filepath.Join(cloud, LogFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s %s\n", operation, name)
	return errors.Join(err, file.Close())
}

// resize adds or removes workers one by one until there are size. The highest names go first. It returns how many
// workers there are, also along with an error, and whether it changed anything.
func (c *Cloud) resize(ctx context.Context, cloud, pool string, size int) (count int, changed bool, err error) {
	for {
		have, err := workers(cloud, pool)
		if err != nil {
			return len(have), changed, err
		}
		switch {
		case len(have) < size:
			err = c.add(ctx, cloud, pool, "")
		case len(have) > size:
			err = c.remove(ctx, cloud, pool, have[len(have)-1])
		default:
			return size, changed, nil
		}
		if err != nil {
			return len(have), changed, err
		}
		changed = true
	}
}
