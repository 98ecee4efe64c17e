package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Node is one replica of a cluster. It is safe for concurrent use.
type Node struct {
	options    Options
	names      names
	log        *slog.Logger
	server     *server.Server // nil with an existing NATS
	serverLog  *serverLog
	conn       *nats.Conn
	js         jetstream.JetStream
	copies     int
	from       string // names this start of this replica in messages
	password   string // what this process proves to its own server
	view       *view
	operations *feed
	receipts   *receipts
	leases     *leases
	probing    probing
	// complete says that this replica has had its own copy of all that the others have, since it started.
	complete atomic.Bool

	lifetime   context.Context
	end        context.CancelFunc
	background sync.WaitGroup
	close      func() error

	// mu guards doubts. They hold, by id, what was published for operations of which nobody was told that they are
	// accepted.
	mu     sync.Mutex
	doubts map[string]doubt
}

// Start starts a replica. It does not wait for the others: until most of them are there, nothing can be accepted, and
// [Node.Ready] says why. The error is a [*scale.SetupError], or a [*scale.UnavailableError] if a NATS cannot be
// reached.
func Start(ctx context.Context, o Options) (*Node, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, &scale.SetupError{Problem: "cannot make the cluster's directory", Err: err, Hint: "each replica needs a directory that it can write"}
	}
	n := &Node{
		options: o, names: names{o.Name}, log: o.Log, serverLog: &serverLog{log: o.Log}, copies: o.copies(), from: digest(o.Replica) + "/" + nuid.Next(),
		password: rand.Text(), doubts: map[string]doubt{},
	}
	n.lifetime, n.end = context.WithCancel(context.WithoutCancel(ctx))
	n.close = sync.OnceValue(n.shutDown)
	if err := n.open(ctx); err != nil {
		_ = n.close()
		return nil, err
	}
	n.view = newView(n.isDoubtful)
	n.operations = newFeed(n, n.names.operations(), n.take, n.view.clear)
	n.leases = newLeases(n)
	for _, run := range []func(context.Context){n.operations.run, n.leases.run, n.audit, n.sweep, n.prepare} {
		n.background.Go(func() { run(n.lifetime) })
	}
	return n, nil
}

// open opens the receipts, the server and the connection.
func (n *Node) open(ctx context.Context) (err error) {
	if n.receipts, err = openReceipts(n.options.Dir); err != nil {
		return err
	}
	n.doubts = n.receipts.doubts(n.names)
	if n.options.URL == "" {
		if n.server, err = startServer(n.options, n.password, n.serverLog); err != nil {
			return err
		}
	}
	if n.conn, err = n.connect(); err != nil {
		return err
	}
	if n.server == nil && n.conn.ConnectedClusterName() != "" {
		n.copies = 3
	}
	n.js, err = jetstream.New(n.conn, jetstream.WithDefaultTimeout(attemptTimeout))
	if err == nil {
		err = ctx.Err()
	}
	return err
}

func (n *Node) connect() (*nats.Conn, error) {
	options := []nats.Option{
		nats.Name("pulumiscale " + n.options.Replica), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond),
		nats.Timeout(5 * time.Second), nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2), nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			n.log.Debug("nats has failed", "reason", err.Error())
		}),
	}
	url := n.options.URL
	if n.server != nil {
		options = append(options, nats.InProcessServer(n.server), nats.UserInfo(routeUser, n.password))
	} else {
		if n.options.Credentials != "" {
			options = append(options, nats.UserCredentials(n.options.Credentials))
		}
		if n.options.TLS != nil {
			options = append(options, nats.Secure(n.options.TLS))
		}
	}
	conn, err := nats.Connect(url, options...)
	if err != nil {
		return nil, connectError(err)
	}
	return conn, nil
}

// shutDown ends everything. Leases are given back first, so that others take over at once.
func (n *Node) shutDown() error {
	if n.leases != nil {
		n.leases.releaseAll()
	}
	n.end()
	if n.conn != nil {
		n.conn.Close()
	}
	n.background.Wait()
	if n.server != nil {
		n.server.Shutdown()
		n.server.WaitForShutdown()
	}
	if n.receipts != nil {
		return n.receipts.close()
	}
	return nil
}

// Close ends this replica's part in the cluster: it gives back its leases, and leaves. Journals must not be used
// afterwards. Closing again does nothing more.
func (n *Node) Close() error { return n.close() }

// Ready says why nothing can be accepted; nil if something can. The error is a [*scale.UnavailableError].
func (n *Node) Ready() error {
	if !n.operations.isFresh() {
		return &scale.UnavailableError{Problem: "the cluster cannot be used", Detail: n.explain(errNoQuorum).Error()}
	}
	if !n.isComplete() {
		return &scale.UnavailableError{Problem: "this replica is not ready", Detail: "it still copies the log from the others; do not stop another replica until it is ready"}
	}
	ctx, cancel := context.WithTimeout(n.lifetime, writeTimeout)
	defer cancel()
	if err := n.probe(ctx); err != nil {
		return &scale.UnavailableError{Problem: "the cluster cannot be written", Detail: n.explain(err).Error()}
	}
	return nil
}

// isComplete says whether this replica has had its own copy of the log since it started. A replica with a new disk
// counts for the majority before it has that copy. If another replica goes away before that, NATS may find no leader
// until the other replica is back.
func (n *Node) isComplete() bool {
	if n.server == nil || n.copies == 1 || n.complete.Load() {
		return true
	}
	if !n.server.JetStreamIsCurrent() || !n.server.JetStreamIsStreamCurrent(server.DEFAULT_GLOBAL_ACCOUNT, n.names.operations()) {
		return false
	}
	n.complete.Store(true)
	return true
}

// WaitReady waits until the replica can accept something. If ctx ends before, the error is what [Node.Ready] returned
// last.
func (n *Node) WaitReady(ctx context.Context) error {
	for {
		err := n.Ready()
		if err == nil || !pause(ctx, retryPause) {
			return err
		}
	}
}

// take handles a message of the stream of operations. The feed calls it.
func (n *Node) take(r received) {
	kind, rest := n.names.parts(r.subject)
	switch {
	case kind == "op" && len(rest) == 3:
		n.takeOperation(rest, r)
		n.view.tell(rest[0], r, n.from)
	case kind == "heard" && len(rest) == 2:
		n.view.takeHeard(rest[0], rest[1], r)
	case kind == "hold" && len(rest) == 1:
		n.view.takeHolds(rest[0], r)
	}
}

// takeOperation brings a message of an operation into the view, and brings the operation's receipt up to date.
func (n *Node) takeOperation(rest []string, r received) {
	switch isNews, ended := n.view.takeOperation(rest[0], rest[1], rest[2], r); {
	case ended, r.gone:
		n.receipts.end(rest[2])
	case isNews:
		n.receipts.change(rest[2], r.body)
	}
}

// probing is what is known of whether the log can be written. Its mu lets one probe run at a time.
type probing struct {
	mu sync.Mutex
	// at is when the log was last found to be writable.
	at time.Time
}

// probeFor is how long a successful probe is good for, because the journal of each stack probes again and again.
const probeFor = time.Second

// probe finds out whether the log and the receipts can be written.
func (n *Node) probe(ctx context.Context) error {
	n.probing.mu.Lock()
	defer n.probing.mu.Unlock()
	if time.Since(n.probing.at) < probeFor {
		return nil
	}
	if err := n.receipts.probe(); err != nil {
		return err
	}
	_, _, err := n.publishAgain(ctx, []message{n.probeMessage()})
	if err == nil {
		n.probing.at = time.Now()
	}
	return err
}

// probeMessage returns a message that means nothing.
func (n *Node) probeMessage() message {
	return message{subject: n.names.probe(n.options.Replica), body: []byte("probe"), ttl: time.Minute}
}

// prepare makes the stream of samples, which nobody needs at first.
func (n *Node) prepare(ctx context.Context) {
	for n.operations.wait(ctx, 0) == nil {
		asking, cancel := context.WithTimeout(ctx, writeTimeout)
		_, err := n.ensureStream(asking, n.names.samples())
		cancel()
		if err == nil || !pause(ctx, feedPause) {
			return
		}
	}
}

// sweep forgets, again and again, what has expired in the stream, because the stream does not tell of that.
func (n *Node) sweep(ctx context.Context) {
	for pause(ctx, sweepEvery) {
		n.view.sweep(time.Now())
	}
}

const sweepEvery = 10 * time.Minute

// unreadyError says why journals cannot be used: the node is closed, or it is not known yet what the log has.
func (n *Node) unreadyError() error {
	if n.lifetime.Err() != nil {
		return &queue.JournalError{Err: errClosed}
	}
	if !n.operations.isFresh() {
		return n.journalError(errors.Join(errNoQuorum))
	}
	return nil
}
