package journal

import (
	"errors"
	"path/filepath"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// groupLimit is how many calls one transaction carries at most.
const groupLimit = 1024

// write is what one call of commit asks of the next transaction.
type write struct {
	apply func(*bolt.Tx) error
	// adds are the ids of the operations that apply may add to the journal.
	adds []string
	err  chan error
}

var errClosed = errors.New("it is closed")

// commit calls apply in a transaction that other calls may share, and returns once that transaction is on disk. It may
// call apply more than once.
func (j *Journal) commit(apply func(*bolt.Tx) error, adds ...string) error {
	w := &write{apply: apply, adds: adds, err: make(chan error, 1)}
	select {
	case j.writes <- w:
	case <-j.closing:
		return &queue.JournalError{Err: errClosed}
	}
	if err := <-w.err; err != nil {
		return j.failed(err)
	}
	return nil
}

// placelessError is an error about a file, without the folder in its text: clients are told of the error, and need not
// know where the journal is.
type placelessError struct {
	dir string
	err error
}

func (e *placelessError) Error() string {
	return strings.ReplaceAll(e.err.Error(), e.dir+string(filepath.Separator), "")
}

func (e *placelessError) Unwrap() error { return e.err }

// failed turns the error of a write into a [*queue.JournalError] without the folder.
func (j *Journal) failed(err error) error {
	return &queue.JournalError{Err: &placelessError{dir: filepath.Dir(j.db.Path()), err: err}}
}

// write carries out the calls of commit, and writes values of metrics. While one transaction is brought to disk, the
// calls that arrive gather for the next one.
func (j *Journal) write() {
	defer close(j.written)
	for {
		select {
		case w := <-j.writes:
			j.writeGroup(j.gather(w))
		case <-j.samplesDue:
			j.writeSamples()
		case <-j.closing:
			j.writeSamples()
			return
		}
	}
}

func (j *Journal) gather(first *write) []*write {
	group := []*write{first}
	for len(group) < groupLimit {
		select {
		case w := <-j.writes:
			group = append(group, w)
		default:
			return group
		}
	}
	return group
}

func (j *Journal) writeGroup(group []*write) {
	err := j.db.Update(func(tx *bolt.Tx) error {
		j.hearing = hearing{news: map[string]scale.Heard{}}
		if err := j.scrub(tx); err != nil {
			return err
		}
		if err := j.writeDownSome(tx); err != nil {
			return err
		}
		for _, w := range group {
			if err := w.apply(tx); err != nil {
				return err
			}
		}
		return nil
	})
	j.mu.Lock()
	j.failing = err != nil
	if err == nil {
		clear(j.doubtful)
		j.heardDurably()
	} else {
		for _, w := range group {
			for _, id := range w.adds {
				j.doubtful[id] = true
			}
		}
	}
	j.mu.Unlock()
	for _, w := range group {
		w.err <- err
	}
}

// scrub removes what a failed transaction may have left behind. If the very last wait for the disk fails, bbolt has
// written all of the transaction, though its callers were told that it failed.
func (j *Journal) scrub(tx *bolt.Tx) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for id := range j.doubtful {
		if err := remove(tx, []byte(id)); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) isDoubtful(id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.doubtful[id]
}
