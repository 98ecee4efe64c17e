// Package storage looks at what a self-managed backend keeps of a stack, without the Pulumi CLI. It changes nothing.
//
// The CLI finds the newest updates by listing all of them, and on PostgreSQL asks for each by itself, so that thousands
// of updates make a scaling wait. Here only the newest are listed, and a look at whether anything was written takes one
// round trip. If something cannot be told in this way, the caller asks the CLI.
package storage

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Storage is where a self-managed backend keeps one stack. It is safe for concurrent use.
type Storage struct {
	store store
	// state begins the names of the state's file and its backups, and history begins the names of the updates.
	state, history string
}

// store lists and reads objects.
type store interface {
	// list lists the objects whose keys begin with prefix and come after a key, in the order of their keys.
	list(ctx context.Context, prefix, after string) ([]object, error)
	// last lists the last n updates, or all of them if n is 0, in the order of their keys, which are prefix followed by
	// a time. complete says whether there are no earlier updates.
	last(ctx context.Context, prefix string, n int) (updates []object, complete bool, err error)
	// read reads objects. If one of them has gone meanwhile, that is an error.
	read(ctx context.Context, keys []string) ([][]byte, error)
	close() error
}

// object is what a listing tells of an object. mark changes whenever the object is written.
type object struct {
	key, mark string
	modified  time.Time
}

// ErrUnknown says that this package does not look at storages of the kind that an address names.
var ErrUnknown = errors.New("not a storage that is looked at")

// Open opens the storage of a stack, and asks nothing of the backend yet. The error is [ErrUnknown], or the error of
// the storage's library.
func Open(ctx context.Context, address, project, stack string) (*Storage, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, ErrUnknown // err would show the address, with its credentials
	}
	var store store
	switch parsed.Scheme {
	case "s3", "azblob":
		store, err = openBucket(ctx, parsed)
	case "postgres":
		store, err = openDatabase(parsed)
	default:
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	// The CLI takes the path of the address for a folder, even if it names a database.
	base := path.Join(strings.Trim(parsed.Path, "/"), ".pulumi")
	return &Storage{
		store: store,
		state: path.Join(base, "stacks", project, stack) + ".json", history: path.Join(base, "history", project, stack, stack) + "-",
	}, nil
}

// Close ends the connections to the storage.
func (s *Storage) Close() error { return s.store.close() }

// Look is what the storage has of the stack at one moment. All times are by the storage's clock.
type Look struct {
	// State is a mark that changes whenever the state is written. WrittenAt is when the state was last written.
	State     string
	WrittenAt time.Time
	// Newest names the newest update, and AddedAt is when it was added. Since is how many updates there are after the
	// known one.
	Newest  string
	AddedAt time.Time
	Since   int
}

// historySuffix ends the names of updates. Only a suffix such as .gz may follow it, if they are compressed.
const historySuffix = ".history.json"

// Look looks at the state, and at the updates after a known one. If known is empty, or if no update from the known one
// on is left, it looks at the newest update alone.
func (s *Storage) Look(ctx context.Context, known string) (Look, error) {
	look := Look{}
	var stateErr, historyErr error
	var both sync.WaitGroup
	both.Go(func() {
		var found object
		if found, stateErr = s.stateFile(ctx); stateErr == nil {
			look.State, look.WrittenAt = found.key+" "+found.mark, found.modified
		}
	})
	both.Go(func() {
		historyErr = s.lookAtHistory(ctx, known, &look)
	})
	both.Wait()
	return look, cmp.Or(stateErr, historyErr)
}

// lookAtHistory looks at the updates after a known one. The known one may have gone: renaming a stack takes its history
// away, one update after another, and renaming it again may bring the history back. The newest of the updates that are
// left then counts as the newest.
func (s *Storage) lookAtHistory(ctx context.Context, known string, look *Look) error {
	var found []object
	var err error
	if known != "" {
		found, err = s.store.list(ctx, s.history, known[:len(known)-1]) // the known one included
		found = slices.DeleteFunc(found, func(o object) bool { return !IsUpdate(o.key) })
		if len(found) > 0 && found[0].key == known {
			look.Newest, found = known, found[1:]
		}
	}
	if err == nil && look.Newest == "" && len(found) == 0 {
		found, _, err = s.store.last(ctx, s.history, 1)
	}
	if n := len(found); n > 0 {
		look.Newest, look.AddedAt = found[n-1].key, found[n-1].modified
		if known == "" || look.Newest > known {
			look.Since = n
		}
	}
	return err
}

// IsUpdate says whether a key is the name of an update, and not of the checkpoint beside the update.
func IsUpdate(key string) bool { return strings.Contains(key, historySuffix) }

// stateFile finds the state's file among the files whose names begin like its name, such as backups.
func (s *Storage) stateFile(ctx context.Context) (object, error) {
	found, err := s.store.list(ctx, s.state, "")
	if err != nil {
		return object{}, err
	}
	found = slices.DeleteFunc(found, func(o object) bool {
		return !slices.Contains([]string{"", ".gz", ".zst"}, strings.TrimPrefix(o.key, s.state))
	})
	if len(found) != 1 {
		return object{}, fmt.Errorf("%d files of the state", len(found))
	}
	return found[0], nil
}

// Newest reads the n newest updates, or all of them if n is 0, newest first. The texts are as they are stored, but not
// compressed. complete says whether there are no older updates.
func (s *Storage) Newest(ctx context.Context, n int) (updates [][]byte, complete bool, err error) {
	found, complete, err := s.store.last(ctx, s.history, n)
	if err != nil || len(found) == 0 {
		return nil, complete, err
	}
	keys := make([]string, len(found))
	for i, o := range found {
		keys[len(found)-1-i] = o.key
	}
	if updates, err = s.store.read(ctx, keys); err != nil {
		return nil, false, err
	}
	for i, text := range updates {
		if updates[i], err = decompressed(text); err != nil {
			return nil, false, err
		}
	}
	return updates, complete, nil
}

// decompressed returns the plain form of a text that may be compressed.
func decompressed(text []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(text, []byte{0x1f, 0x8b}):
		reader, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(reader)
	case bytes.HasPrefix(text, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		reader, err := zstd.NewReader(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		defer reader.Close()
		return io.ReadAll(reader)
	}
	return text, nil
}

// AddedAt reads from the name of an update's file when the update was added to the history, by the clock of its engine;
// ok is false if the name does not tell.
func AddedAt(update string) (at time.Time, ok bool) {
	name, _, _ := strings.Cut(path.Base(update), historySuffix)
	n, err := strconv.ParseInt(name[strings.LastIndexByte(name, '-')+1:], 10, 64)
	return time.Unix(0, n), err == nil
}
