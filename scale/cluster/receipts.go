package cluster

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/pulumiscale/pulumiscale/scale"
)

const (
	receiptsName = "accepted.log"
	lockName     = "cluster.lock"
	// compactAbove is the size, in bytes, above which the file is written anew if less than a quarter of it is of use.
	compactAbove = 1 << 20
	ofUse        = 4
)

// receipts are on this replica's own disk: one for each operation that it has accepted and whose end it does not know.
// They are kept in a file to which lines are added. Each line is the checksum of a JSON document, and the document. The
// last line of an operation counts. A line that is not whole was never acknowledged.
type receipts struct {
	dir  string
	lock *flock.Flock
	wake chan struct{}
	done chan struct{}

	// mu guards all that follows.
	mu     sync.Mutex
	lines  map[string]receipt // by operation
	buffer []byte
	// waiters are told when the buffer is on disk.
	waiters []chan error
	closed  bool

	// file and size are the writer's alone.
	file *os.File
	size int64
}

// receipt is what is kept of an operation.
type receipt struct {
	Stack     string          `json:"stack,omitempty"`
	ID        string          `json:"id"`
	Operation json.RawMessage `json:"operation,omitempty"`
	// End says that the operation's end is known. Doubt says that nobody was told that the operation is accepted,
	// although the log may have it.
	End   bool `json:"end,omitempty"`
	Doubt bool `json:"doubt,omitempty"`
}

func (l receipt) encode() []byte {
	text, err := json.Marshal(l)
	if err != nil {
		return nil // there is nothing in it that JSON does not know
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(text), text)
}

func decodeLine(line string) (l receipt, ok bool) {
	sum, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	want, err := strconv.ParseUint(sum, 16, 32)
	if !ok || err != nil || want != uint64(crc32.ChecksumIEEE([]byte(text))) {
		return l, false
	}
	return l, json.Unmarshal([]byte(text), &l) == nil && l.ID != ""
}

// openReceipts opens the file in a directory, or makes it. One process has it open at a time.
func openReceipts(dir string) (*receipts, error) {
	fail := func(err error) error {
		return &scale.SetupError{
			Problem: "cannot open the receipts for accepted operations in " + dir, Err: err, Hint: "the replica needs write access and free space for it",
		}
	}
	lock := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fail(err)
	}
	if !locked {
		return nil, &scale.SetupError{Problem: "another replica uses the cluster's directory " + dir, Hint: "each replica needs a directory of its own"}
	}
	r := &receipts{dir: dir, lock: lock, lines: map[string]receipt{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if err = r.read(); err == nil {
		err = r.rewrite()
	}
	if err != nil {
		_ = lock.Unlock()
		return nil, fail(err)
	}
	go r.write()
	return r, nil
}

func (r *receipts) path() string { return filepath.Join(r.dir, receiptsName) }

func (r *receipts) read() error {
	file, err := os.Open(r.path())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewReader(file)
	for {
		text, err := lines.ReadString('\n')
		if l, ok := decodeLine(text); ok {
			r.note(l)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// note applies a line to the receipts in memory. r.mu must be held, unless nobody else has the receipts.
func (r *receipts) note(l receipt) {
	if l.End {
		delete(r.lines, l.ID)
	} else {
		r.lines[l.ID] = l
	}
}

// add brings lines to disk.
func (r *receipts) add(lines []receipt) error {
	if len(lines) == 0 {
		return nil
	}
	written := make(chan error, 1)
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return errClosed
	}
	for _, l := range lines {
		r.note(l)
		r.buffer = append(r.buffer, l.encode()...)
	}
	r.waiters = append(r.waiters, written)
	r.mu.Unlock()
	r.wakeUp()
	err := <-written
	if err != nil {
		r.mu.Lock()
		for _, l := range lines {
			delete(r.lines, l.ID)
		}
		r.mu.Unlock()
		return fmt.Errorf("the replica's own receipts: %w", err)
	}
	return nil
}

// change notes how an operation with a receipt stands now. It does not wait.
func (r *receipts) change(id string, operation []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l, ok := r.lines[id]; ok && !l.Doubt {
		l.Operation = operation
		r.lines[id] = l
		r.buffer = append(r.buffer, l.encode()...)
		r.wakeUp()
	}
}

// end forgets an operation whose end is known, if it has a receipt. It does not wait for the disk: if the process dies
// before that, the operation is forgotten again after the restart.
func (r *receipts) end(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.lines[id]; ok {
		delete(r.lines, id)
		r.buffer = append(r.buffer, receipt{ID: id, End: true}.encode()...)
		r.wakeUp()
	}
}

// pending returns the receipts of accepted operations whose end is not known.
func (r *receipts) pending() []receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []receipt
	for _, l := range r.lines {
		if !l.Doubt {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b receipt) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (r *receipts) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// write brings to disk what gathers in the buffer, until the receipts are closed.
func (r *receipts) write() {
	defer close(r.done)
	for range r.wake {
		r.mu.Lock()
		buffer, waiters, closed := r.buffer, r.waiters, r.closed
		r.buffer, r.waiters = nil, nil
		r.mu.Unlock()
		err := r.append(buffer, len(waiters) > 0 || closed)
		for _, w := range waiters {
			w <- err
		}
		if closed {
			return
		}
		r.compact()
	}
}

func (r *receipts) append(buffer []byte, wait bool) error {
	if r.file == nil { // it could not be opened again
		if err := r.rewrite(); err != nil {
			return err
		}
	}
	n, err := r.file.Write(buffer)
	if err == nil && wait {
		err = r.file.Sync()
	}
	if err != nil {
		// Remove what was not acknowledged, so that the next line begins after a whole line.
		_ = r.file.Truncate(r.size)
		_, _ = r.file.Seek(r.size, io.SeekStart)
		return withoutPath(err)
	}
	r.size += int64(n)
	return nil
}

// withoutPath returns an error of a file without the file's path, because clients are told of the error.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	return err
}

// compact writes the file anew if most of it is of no use any more.
func (r *receipts) compact() {
	r.mu.Lock()
	use := 0
	if r.size > compactAbove {
		for _, l := range r.lines {
			use += len(l.Operation)
		}
	}
	r.mu.Unlock()
	if r.size > compactAbove && int64(ofUse*use) < r.size {
		_ = r.rewrite() // if it fails, the old file is still there
	}
}

// rewrite replaces the file by one that has a line for each operation.
func (r *receipts) rewrite() error {
	r.mu.Lock()
	var text []byte
	for _, l := range r.lines {
		text = append(text, l.encode()...)
	}
	r.mu.Unlock()
	temp := r.path() + ".new"
	file, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return withoutPath(err)
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if err == nil && r.file != nil && runtime.GOOS == "windows" { // where a file that is open cannot be replaced
		err = r.file.Close()
		r.file = nil
	}
	if err == nil {
		err = os.Rename(temp, r.path())
	}
	if err != nil {
		_ = file.Close()
		return withoutPath(err)
	}
	if r.file != nil {
		_ = r.file.Close()
	}
	r.file, r.size = file, int64(len(text))
	return syncDir(r.dir)
}

// syncDir makes a new name in the directory durable. Windows has no such call.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	file, err := os.Open(dir)
	if err != nil {
		return withoutPath(err)
	}
	defer func() { _ = file.Close() }()
	return withoutPath(file.Sync())
}

// probe finds out whether the receipts can be written.
func (r *receipts) probe() error {
	const id = "probe"
	err := r.add([]receipt{{ID: id, Doubt: true}})
	r.end(id)
	return err
}

func (r *receipts) close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.wakeUp()
	<-r.done
	err := r.file.Close()
	return errors.Join(err, r.lock.Unlock())
}

// doubt is what was published for an operation although nobody was told that the operation is accepted.
type doubt struct {
	stack   string
	message message
	since   time.Time
}

// doubts returns the doubts that earlier starts of this replica have left, by operation.
func (r *receipts) doubts(of names) map[string]doubt {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]doubt{}
	for id, l := range r.lines {
		if m, err := l.message(of); l.Doubt && err == nil {
			out[id] = doubt{stack: l.Stack, message: m, since: time.Now()}
		}
	}
	return out
}
