package queue

import (
	"context"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// watchedJournal is a journal that reports of each write whether it succeeded.
type watchedJournal struct {
	Journal
	// wrote is told how each write went.
	wrote func(error)
}

// Add tells how it went.
func (j watchedJournal) Add(operations []Operation) ([]Operation, error) {
	out, err := j.Journal.Add(operations)
	j.wrote(err)
	return out, err
}

// Update tells how it went.
func (j watchedJournal) Update(operations []Operation) error {
	err := j.Journal.Update(operations)
	j.wrote(err)
	return err
}

// Remember tells how it went.
func (j watchedJournal) Remember(heard []scale.Heard) error {
	err := j.Journal.Remember(heard)
	j.wrote(err)
	return err
}

// writable is what a queue knows of whether its journal can be written. The queue's mu guards err.
type writable struct {
	// err says why the journal could not be written the last time; nil if it could.
	err error
	// doubt tells the one who probes that a write has failed, or has succeeded after one that failed.
	doubt chan struct{}
}

// How often the journal is probed. While all is well, this makes a full disk known before an alert comes that cannot be
// kept. While it is not, this makes it known that the disk has room again.
const (
	probeEvery = 10 * time.Second
	probeSoon  = 2 * time.Second
)

// noteWrite takes in how a write to the journal went. Only a probe says that all is well again: something small may
// still find room on a full disk.
func (q *Queue) noteWrite(err error) {
	q.mu.Lock()
	doubtful := err != nil || q.writable.err != nil
	if err != nil {
		q.writable.err = err
	}
	q.mu.Unlock()
	if doubtful {
		select {
		case q.writable.doubt <- struct{}{}:
		default:
		}
	}
}

// probeJournal finds out whether the journal can be written, and tells of it if that is news.
func (q *Queue) probeJournal() error {
	err := q.journal.Probe()
	q.mu.Lock()
	before := q.writable.err
	q.writable.err = err
	q.mu.Unlock()
	switch {
	case err != nil && before == nil:
		q.tell(JournalFailed{Err: err})
	case err == nil && before != nil:
		q.tell(JournalMended{})
	}
	return err
}

// keepProbing finds out again and again whether the journal can be written, until ctx ends.
func (q *Queue) keepProbing(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-q.writable.doubt:
			if failing { // a sender that tries again and again does not have it probed more often
				continue
			}
		case <-timer.C:
		}
		if failing = q.probeJournal() != nil; failing {
			timer.Reset(probeSoon)
		} else {
			timer.Reset(q.unhurried(probeEvery))
		}
	}
}

// unreadyReason says why nothing can be accepted now; nil if something can. q.mu must be held.
func (q *Queue) unreadyReason() error {
	if err := q.known.unready(); err != nil {
		return err
	}
	return q.writable.err
}
