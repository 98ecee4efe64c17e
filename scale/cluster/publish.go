package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const (
	// attemptTimeout is how long the stream may take to acknowledge a write before the write is tried again.
	// writeTimeout is how long all attempts together may take. An election of a new leader can take longer: then the
	// sender tries again.
	attemptTimeout = 2 * time.Second
	writeTimeout   = 5 * time.Second
	// readTimeout is how long a question may take before it is asked again.
	readTimeout = time.Second
	// retryPause is the wait before a write is tried again.
	retryPause = 50 * time.Millisecond
	// mostAtOnce is how many messages JetStream takes as one batch.
	mostAtOnce = 1000
)

// answer is what a stream says to a published message.
type answer struct {
	Seq   uint64              `json:"seq"`
	Error *jetstream.APIError `json:"error"`
}

// publish brings messages into a stream, all or none. It returns the sequence of the first message; the others have the
// following sequences. If what the messages expect does not hold, the error is errLate. If doubtful is set, nobody
// knows whether the messages are in the stream.
func (n *Node) publish(ctx context.Context, messages []message) (first uint64, doubtful bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	batch := nuid.Next()
	var last *nats.Msg
	for i, m := range messages {
		msg := m.encode(n.from)
		if len(messages) > 1 {
			msg.Header.Set(headerBatch, batch)
			msg.Header.Set(headerBatchAt, strconv.Itoa(i+1))
		}
		if i+1 < len(messages) {
			if err := n.conn.PublishMsg(msg); err != nil {
				return 0, false, err
			}
		}
		last = msg
	}
	if len(messages) > 1 {
		last.Header.Set(headerBatchEnd, "1")
	}
	reply, err := n.conn.RequestMsgWithContext(ctx, last)
	if err != nil {
		return 0, !errors.Is(err, nats.ErrNoResponders), err
	}
	var a answer
	if err := json.Unmarshal(reply.Data, &a); err != nil {
		return 0, true, err
	}
	switch {
	case a.Error == nil:
		return a.Seq - uint64(len(messages)) + 1, false, nil
	case a.Error.ErrorCode == codeWrongLast, a.Error.ErrorCode == codeWrongLastInFlight:
		return 0, false, errLate
	}
	return 0, false, a.Error
}

// publishAgain calls publish until the stream has answered or there is no time left. The messages may be published more
// than once, so a second time must change nothing. It does not try again what the stream refuses for good.
func (n *Node) publishAgain(ctx context.Context, messages []message) (first uint64, doubtful bool, err error) {
	for {
		var unknown bool
		first, unknown, err = n.publish(ctx, messages)
		doubtful = doubtful || unknown
		if err == nil || errors.Is(err, errLate) || isFinal(err) || !pause(ctx, retryPause) {
			return first, doubtful && err != nil, err
		}
	}
}

// isFinal says whether it is useless to try again.
func isFinal(err error) bool {
	return errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrMaxPayload) || isCode(err, codeTooLarge)
}

// pause waits for d. It returns false if ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// lastOf asks the leader of a stream for the last message under a subject, which may have wildcards; ok is false if
// there is none.
func (n *Node) lastOf(ctx context.Context, stream, subject string) (r received, ok bool, err error) {
	return n.ask(ctx, stream, map[string]any{"last_by_subj": subject})
}

// bySeq asks the leader of a stream for a message by its sequence.
func (n *Node) bySeq(ctx context.Context, stream string, seq uint64) (r received, ok bool, err error) {
	return n.ask(ctx, stream, map[string]any{"seq": seq})
}

func (n *Node) ask(ctx context.Context, stream string, request map[string]any) (r received, ok bool, err error) {
	text, err := json.Marshal(request)
	if err != nil {
		return r, false, err
	}
	err = again(ctx, func(ctx context.Context) error {
		reply, err := n.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, text)
		if err == nil {
			r, ok, err = decodeFound(reply)
		}
		return err
	})
	return r, ok, err
}

// again calls ask until there is an answer, or no time left: while a stream has no leader, nobody answers.
func again(ctx context.Context, ask func(context.Context) error) error {
	for {
		asking, cancel := context.WithTimeout(ctx, readTimeout)
		err := ask(asking)
		cancel()
		if err == nil || !isPassing(err) || !pause(ctx, retryPause) {
			return err
		}
	}
}

// isPassing says whether an error means that nobody has answered yet.
func isPassing(err error) bool {
	var answer jetstream.JetStreamError
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrNoResponders) ||
		errors.As(err, &answer) && (answer.APIError() == nil || answer.APIError().Code == 503)
}

// decodeFound reads the answer of a stream that was asked for a message.
func decodeFound(reply *nats.Msg) (r received, ok bool, err error) {
	var found struct {
		Message struct {
			Subject string    `json:"subject"`
			Seq     uint64    `json:"seq"`
			Header  []byte    `json:"hdrs"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &found); err != nil {
		return r, false, err
	}
	if found.Error != nil {
		if found.Error.ErrorCode == codeNoMessage {
			return r, false, nil
		}
		return r, false, found.Error
	}
	m := found.Message
	r = received{subject: m.Subject, body: m.Data, seq: m.Seq, at: m.Time}
	if len(m.Header) > 0 {
		header, err := nats.DecodeHeadersMsg(m.Header)
		if err != nil {
			return r, false, err
		}
		r.from, r.gone = header.Get(headerFrom), header.Get(headerGone) != ""
	}
	return r, true, nil
}
