package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/gofrs/flock"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/pulumiscale/pulumiscale/scale"
)

const (
	fileName = "journal.db"
	lockName = "journal.lock"
	// lockTimeout is how long to wait for a journal that another process has open: long enough for a server that is
	// being replaced to close it.
	lockTimeout  = 5 * time.Second
	lockInterval = 50 * time.Millisecond
	// fileLockTimeout is how long to wait for bbolt's own lock of the file, which is free once the journal's lock is.
	fileLockTimeout = time.Second
)

// DamageError says that the journal's file was damaged.
type DamageError struct {
	// Path is the file, and Aside is where it was moved to. Nothing reads it there any more.
	Path, Aside string
	// Saved is how many operations could be taken over into a new file.
	Saved int
	// Err says what is wrong with the file.
	Err error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("the journal %s is damaged (%v): it was moved to %s; %d operations could be saved from it, and others may be lost",
		e.Path, e.Err, e.Aside, e.Saved)
}

func (e *DamageError) Unwrap() error { return e.Err }

// Open opens the journal in a directory, and makes the directory if there is none. If another process has the journal
// open, or the directory cannot be written, the error is a [*scale.SetupError]. A damaged file is moved aside: then
// [Journal.Damage] says what was wrong.
func Open(ctx context.Context, dir string) (*Journal, error) {
	path := filepath.Join(dir, fileName)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, setupError(path, err)
	}
	lock, err := takeLock(ctx, dir)
	if err != nil {
		return nil, err
	}
	db, read, damage, err := openFile(path)
	if err != nil {
		_ = lock.Unlock()
		return nil, setupError(path, err)
	}
	j := newJournal(db, lock, read)
	j.damage = damage
	return j, nil
}

// Adopt moves the journal that an earlier version has left in the directory former into dir, once no other process has
// the journal open. If dir has a journal, or former has none, Adopt does nothing. Its errors are like the errors of
// [Open].
func Adopt(ctx context.Context, dir, former string) error {
	path := filepath.Join(dir, fileName)
	if former == "" || isThere(path) || !isThere(filepath.Join(former, fileName)) {
		return nil
	}
	lock, err := takeLock(ctx, former)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Unlock() }()
	err = os.Rename(filepath.Join(former, fileName), path)
	if err == nil {
		err = errors.Join(syncDir(dir), syncDir(former))
	}
	if err != nil {
		return setupError(path, err)
	}
	return nil
}

func isThere(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

func setupError(path string, err error) error {
	return &scale.SetupError{
		Problem: "cannot open the journal " + path, Err: err,
		Hint: "pulumiscale needs write access and free space for it; --state-dir names another directory",
	}
}

// takeLock takes the lock that one process holds as long as it has the journal open. The lock is a file of its own, so
// that the journal's file can be moved aside or replaced under it.
func takeLock(ctx context.Context, dir string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))
	waiting, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	_, err := lock.TryLockContext(waiting, lockInterval)
	switch {
	case err == nil:
		return lock, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, &scale.SetupError{
			Problem: "another `pulumiscale serve` uses the journal in " + dir,
			Hint:    "one server works for a stack; end the other one, or give this one a --state-dir of its own if it works for another stack",
		}
	}
	return nil, setupError(filepath.Join(dir, fileName), err)
}

// InUse says whether a process has the journal in a state directory open. It changes nothing. It shares the lock for a
// moment; a process that wants to open the journal meanwhile waits for the lock.
func InUse(dir string) (bool, error) {
	lock := flock.New(filepath.Join(dir, lockName), flock.SetFlag(os.O_RDONLY)) // this flag makes no file
	free, err := lock.TryRLock()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, setupError(filepath.Join(dir, lockName), err)
	}
	return !free, lock.Close()
}

// openFile opens the file, or makes it, and reads all of it. It replaces the file if it is damaged or mostly empty.
func openFile(path string) (*bolt.DB, content, *DamageError, error) {
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	db, read, damaged, err := openSound(path)
	if err != nil {
		return nil, content{}, nil, err
	}
	var damage *DamageError
	switch {
	case damaged != nil:
		if db, damage, err = replaceDamaged(path, read, damaged); err != nil {
			return nil, content{}, nil, err
		}
	case fresh:
		err = syncDir(filepath.Dir(path))
	case wasteful(db):
		db, err = compact(db, path)
	}
	if err != nil {
		if db != nil {
			_ = db.Close()
		}
		return nil, content{}, nil, err
	}
	return db, read, damage, nil
}

// openSound opens the file and reads all of it. If the file is damaged, db is nil, read has what could be read, and
// damaged says what is wrong.
func openSound(path string) (db *bolt.DB, read content, damaged, err error) {
	// A page that is not what it should be makes bbolt panic, or read beyond the end of the mapped file.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if db != nil {
				_ = closeBroken(db)
			}
			db, damaged, err = nil, fmt.Errorf("%v", r), nil
		}
	}()
	db, err = openBolt(path)
	if err != nil {
		if isDamaged(path, err) {
			return nil, content{}, err, nil
		}
		return nil, content{}, nil, err
	}
	if err = makeBuckets(db); err != nil {
		_ = db.Close()
		return nil, content{}, nil, err
	}
	read, damaged = readAll(db, path)
	if damaged != nil {
		_ = closeBroken(db)
		return nil, read, damaged, nil
	}
	return db, read, nil, nil
}

// isDamaged says whether the content of the file is wrong. If the file cannot be used for a different reason, it must
// stay where it is.
func isDamaged(path string, err error) bool {
	info, statErr := os.Stat(path)
	tooSmall := statErr == nil && info.Mode().IsRegular() && info.Size() < int64(2*os.Getpagesize())
	return tooSmall || errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum)
}

func openBolt(path string) (*bolt.DB, error) {
	return bolt.Open(path, 0o600, &bolt.Options{Timeout: fileLockTimeout})
}

// makeBuckets makes the buckets of a file that has none. It does not write to a file that has them.
func makeBuckets(db *bolt.DB) error {
	empty := true
	err := db.View(func(tx *bolt.Tx) error {
		name, _ := tx.Cursor().First()
		empty = name == nil
		return nil
	})
	if err != nil || !empty {
		return err
	}
	return db.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{bucketOperations, bucketOpen, bucketDone, bucketKeys} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// closeBroken closes a file that may be so broken that closing it panics.
func closeBroken(db *bolt.DB) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return db.Close()
}

// syncDir makes a new name in the directory durable. Windows has no such call.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	_ = f.Close()
	return err
}
