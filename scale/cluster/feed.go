package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// feedHeartbeat is how often the stream says that there is nothing new. If the stream says nothing for twice that
	// time, the feed begins again where it was.
	feedHeartbeat = time.Second
	// feedCheck is how often the feed checks whether the stream is still the same one. mostBehind is how many checks in
	// a row may find that the stream has less than it had: a leader that has been replaced may not know it yet, and
	// answer with an old state.
	feedCheck  = 2 * time.Second
	mostBehind = 5
	// feedPause is the wait before a feed that has ended begins again.
	feedPause = 100 * time.Millisecond
	// feedAhead is how many messages may be on their way.
	feedAhead = 2000
)

// feed brings all messages of a stream, in their order and without loss, whatever becomes of the connection.
type feed struct {
	node   *Node
	stream string
	// take is called with each message. reset is called if a new stream has replaced the old one; all messages of the
	// new stream follow. Only the feed's goroutine calls them.
	take  func(received)
	reset func()

	mu sync.Mutex
	// identity distinguishes this stream from a later stream of the same name.
	identity string
	// seq is the sequence of the last message taken. fresh says that everything that was in the stream when the feed
	// began has been taken. moved is closed when either changes.
	seq   uint64
	fresh bool
	moved chan struct{}
	// behind counts how often in a row the stream had less than it had before, and failure is why the feed last ended.
	behind  int
	failure error
}

func newFeed(n *Node, stream string, take func(received), reset func()) *feed {
	return &feed{node: n, stream: stream, take: take, reset: reset, moved: make(chan struct{})}
}

// run follows the stream until ctx ends.
func (f *feed) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.follow(ctx)
		f.mu.Lock()
		f.failure = err
		f.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			f.node.log.Debug("the feed begins again", "stream", f.stream, "reason", err.Error())
		}
		pause(ctx, feedPause)
	}
}

// follow takes messages from where the feed is, until something is wrong.
func (f *feed) follow(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, attemptTimeout) // while there is no leader, nobody answers
	defer cancel()
	stream, err := f.node.ensureStream(asking, f.stream)
	if err != nil {
		return err
	}
	if err := f.identify(stream.CachedInfo()); err != nil {
		return err
	}
	consumer, err := stream.CreateConsumer(asking, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.position() + 1, AckPolicy: jetstream.AckNonePolicy,
		InactiveThreshold: 30 * time.Second, MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		return err
	}
	defer func() { go f.forget(stream, consumer.CachedInfo().Name) }()
	if consumer.CachedInfo().NumPending == 0 {
		f.move(f.position(), true)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(feedAhead), jetstream.PullExpiry(30*time.Second), jetstream.PullHeartbeat(feedHeartbeat))
	if err != nil {
		return err
	}
	defer messages.Stop()
	checking, stop := context.WithCancel(ctx)
	defer stop()
	go f.check(checking, stream, messages)
	return f.takeAll(messages)
}

// takeAll takes messages as long as none is missing.
func (f *feed) takeAll(messages jetstream.MessagesContext) error {
	for next := uint64(1); ; next++ {
		msg, err := messages.Next()
		if err != nil {
			return err
		}
		about, err := msg.Metadata()
		if err != nil {
			return err
		}
		if about.Sequence.Consumer != next {
			return errors.New("a message is missing")
		}
		header := msg.Headers()
		f.take(received{
			subject: msg.Subject(), body: msg.Data(), seq: about.Sequence.Stream, at: about.Timestamp,
			from: header.Get(headerFrom), gone: header.Get(headerGone) != "",
		})
		f.move(about.Sequence.Stream, about.NumPending == 0)
	}
}

// check ends the feed if the stream has been lost and made anew, or has lost its last messages, because a consumer does
// not tell of that.
func (f *feed) check(ctx context.Context, stream jetstream.Stream, messages jetstream.MessagesContext) {
	for pause(ctx, feedCheck) {
		asking, cancel := context.WithTimeout(ctx, attemptTimeout)
		info, err := stream.Info(asking)
		cancel()
		if err == nil && f.judge(info) == isAnother || isCode(err, codeNoStream) {
			break
		}
	}
	messages.Stop()
}

// How the stream that is there now compares with the stream that the feed knows.
type likeness int

const (
	isSame likeness = iota
	// isBehind says that the stream has less than it had. That may be the old state of a leader that has been replaced.
	isBehind
	isAnother
)

func (f *feed) judge(info *jetstream.StreamInfo) likeness {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.identity == "", info.Config.Metadata[streamIdentity] == f.identity && info.State.LastSeq >= f.seq:
		f.behind = 0
		return isSame
	case info.Config.Metadata[streamIdentity] != f.identity, f.behind >= mostBehind:
		return isAnother
	}
	f.behind++
	return isBehind
}

// identify has the feed begin again from the first message if a new stream has replaced the old one.
func (f *feed) identify(info *jetstream.StreamInfo) error {
	like := f.judge(info)
	if like == isBehind {
		return errors.New("the stream has less than it had")
	}
	f.mu.Lock()
	f.identity = info.Config.Metadata[streamIdentity]
	if like == isAnother {
		f.seq, f.fresh, f.behind = 0, false, 0
	}
	f.mu.Unlock()
	if like == isAnother {
		f.reset()
	}
	return nil
}

func (f *feed) forget(stream jetstream.Stream, consumer string) {
	ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
	defer cancel()
	_ = stream.DeleteConsumer(ctx, consumer) // or else the server removes it after a while
}

// lastFailure returns why the feed ended the last time; nil if the feed is fresh.
func (f *feed) lastFailure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fresh {
		return nil
	}
	return f.failure
}

func (f *feed) position() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seq
}

func (f *feed) move(seq uint64, fresh bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq, f.fresh = seq, f.fresh || fresh
	close(f.moved)
	f.moved = make(chan struct{})
}

// isFresh says whether everything that was in the stream when the feed began has been taken.
func (f *feed) isFresh() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fresh
}

// wait waits until the feed is fresh and the message with a sequence, or a later message, has been taken. If ctx ends
// before, it returns the error of ctx.
func (f *feed) wait(ctx context.Context, seq uint64) error {
	for {
		f.mu.Lock()
		done, moved := f.fresh && f.seq >= seq, f.moved
		f.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// catchUp waits until the feed has taken what the stream has under a subject now. It returns the sequence of the last
// message under the subject, or zero if there is none.
func (f *feed) catchUp(ctx context.Context, subject string) (uint64, error) {
	for {
		last, ok, err := f.node.lastOf(ctx, f.stream, subject)
		if err != nil {
			return 0, err
		}
		// The message may be gone before it gets here. So the wait is short, and then the stream is asked again.
		waiting, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		err = f.wait(waiting, last.seq)
		cancel()
		if err == nil {
			if !ok {
				return 0, nil
			}
			return last.seq, nil
		}
		if ctx.Err() != nil {
			return 0, err
		}
	}
}
