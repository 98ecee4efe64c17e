package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// keepMostHeard is how many alerts of a stack are remembered.
const keepMostHeard = 10 * queue.KeepMost

// pruneLimit is how many messages one batch takes out.
const pruneLimit = 500

// Prune forgets done operations that are too old or too many; see [queue.KeepDone], [queue.KeepMost] and
// [queue.KeepKeyed]. What was heard of alerts is forgotten in the same way, and values of metrics after
// [queue.KeepSamples].
func (j *Journal) Prune(now time.Time) error {
	if err := j.unready(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(j.node.lifetime, 10*writeTimeout)
	defer cancel()
	old := outdated(j.node.view.list(j.stack, func(e *entry) bool { return e.done }), now)
	err := j.keepTold(ctx, old, now)
	if err == nil {
		err = j.takeOut(ctx, j.outdatedSubjects(old, now))
	}
	if err == nil {
		err = j.samples.prune(ctx, now)
	}
	if err != nil {
		return j.node.journalError(err)
	}
	return nil
}

// outdated returns the done operations that are to be forgotten.
func outdated(done []entry, now time.Time) (old []entry) {
	sortEndedLast(done)
	kept := 0
	for _, e := range done {
		age := now.Sub(time.Unix(0, e.ended))
		keep := age <= queue.KeepDone && kept < queue.KeepMost
		keep = keep || e.chain != noKey && age <= queue.KeepKeyed && kept < 10*queue.KeepMost
		if keep {
			kept++
		} else {
			old = append(old, e)
		}
	}
	return old
}

// keepTold writes down what operations tell of alerts before the operations are forgotten.
func (j *Journal) keepTold(ctx context.Context, old []entry, now time.Time) error {
	var told []scale.Heard
	for _, e := range old {
		if e.alert != "" && now.Sub(e.told.At) <= queue.KeepDone {
			told = append(told, e.told)
		}
	}
	for part := range slices.Chunk(told, pruneLimit) {
		if err := j.remember(ctx, part, true); err != nil {
			return err
		}
	}
	return nil
}

// outdatedSubjects returns the subjects of the messages that are to be forgotten.
func (j *Journal) outdatedSubjects(old []entry, now time.Time) []string {
	var subjects []string
	for _, e := range old {
		subjects = append(subjects, j.node.names.op(j.stack, e.chain, e.id))
	}
	type known struct {
		alert string
		at    time.Time
	}
	var all []known
	v := j.node.view
	v.mu.RLock()
	if s := v.stacks[j.stack]; s != nil {
		for alert, h := range s.heard {
			all = append(all, known{alert, h.heard.At})
		}
	}
	v.mu.RUnlock()
	slices.SortFunc(all, func(a, b known) int { return b.at.Compare(a.at) })
	for i, h := range all {
		if i >= keepMostHeard || now.Sub(h.at) > queue.KeepDone {
			subjects = append(subjects, j.node.names.heard(j.stack, h.alert))
		}
	}
	return subjects
}

// takeOut replaces messages that are to be forgotten by other messages, which say so to all replicas and soon expire.
func (j *Journal) takeOut(ctx context.Context, subjects []string) error {
	for part := range slices.Chunk(subjects, pruneLimit) {
		messages := make([]message, len(part))
		for i, subject := range part {
			messages[i] = message{subject: subject, ttl: goneFor, gone: true}
		}
		first, _, err := j.node.publishAgain(ctx, messages)
		if err != nil {
			return err
		}
		for i, m := range messages {
			j.node.takeOwn(m, first+uint64(i))
		}
	}
	return nil
}
