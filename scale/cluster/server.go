package cluster

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/pulumiscale/pulumiscale/scale"
)

const (
	// serverTimeout is how long the server in this process may take to start. It does not wait for the others.
	serverTimeout = 20 * time.Second
	// largestMessage is how many bytes one operation may have.
	largestMessage = 8 << 20
	// leaseMemory bounds the streams in memory, in bytes.
	leaseMemory = 256 << 20
	routeUser   = "pulumiscale"
)

// startServer starts the NATS server in this process. Nobody but this process and the other replicas can connect to it.
// A server that has a cluster must also listen for clients: it does so on loopback, and password, which this process
// alone knows, keeps others out.
func startServer(o Options, password string, log *serverLog) (*server.Server, error) {
	options := &server.Options{
		ServerName: o.Replica, DontListen: true, NoSigs: true, NoLog: true, MaxPayload: largestMessage, DisableJetStreamBanner: true,
		JetStream: true, JetStreamMaxMemory: leaseMemory, SyncAlways: true, StoreDir: filepath.Join(o.Dir, "alone"),
	}
	if len(o.Peers) > 0 {
		options.StoreDir = filepath.Join(o.Dir, "log")
		if err := joinCluster(options, o, password); err != nil {
			return nil, err
		}
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, &scale.SetupError{Problem: "cannot start the cluster's server", Err: err, Hint: "look at the cluster's settings and at its directory"}
	}
	s.SetLoggerV2(log, false, false, false)
	s.Start()
	deadline := time.Now().Add(serverTimeout)
	for !isUp(s, len(o.Peers) > 0) {
		if !s.Running() || time.Now().After(deadline) {
			s.Shutdown()
			return nil, &scale.SetupError{
				Problem: "cannot start the cluster's server: " + log.why("it did not start in time"),
				Hint:    "it needs write access to its directory, and its address to be free",
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return s, nil
}

// isUp says whether a server takes connections and has its disk. It may still be alone.
func isUp(s *server.Server, clustered bool) bool {
	return s.Running() && s.JetStreamEnabled() && (!clustered || s.ClusterAddr() != nil)
}

func joinCluster(options *server.Options, o Options, password string) error {
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return &scale.SetupError{Problem: fmt.Sprintf("the cluster's address %q has no port", o.Listen), Hint: "an address is HOST:PORT"}
	}
	if number == 0 {
		number = server.RANDOM_PORT
	}
	options.DontListen, options.Host, options.Port = false, "127.0.0.1", server.RANDOM_PORT
	options.Username, options.Password = routeUser, password
	options.Cluster = server.ClusterOpts{
		Name: o.Name, Host: host, Port: number, Username: routeUser, Password: o.Secret, Advertise: o.Advertise,
		// A replica that is cut off, without anybody closing its connections, is to be noticed soon.
		PingInterval: 2 * time.Second, MaxPingsOut: 2,
	}
	if o.TLS != nil {
		options.Cluster.TLSConfig, options.Cluster.TLSTimeout = o.TLS, 5
	}
	for _, peer := range o.Peers {
		options.Routes = append(options.Routes, &url.URL{Scheme: "nats-route", Host: peer, User: url.UserPassword(routeUser, o.Secret)})
	}
	return nil
}

// serverLog is the server's log. It remembers the last problem between replicas, since the server tells that nowhere
// else.
type serverLog struct {
	log *slog.Logger

	mu      sync.Mutex
	problem string
	at      time.Time
	// told is, by kind of failure, when such a failure was last logged as a warning.
	told map[string]time.Time
}

// recent is for how long a problem counts as the reason why something does not work.
const recent = 30 * time.Second

// Noticef, Warnf, Errorf, Fatalf, Debugf and Tracef are what the server calls.
func (l *serverLog) Noticef(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.note(text)
	l.log.Debug("nats", "reason", text)
}

// Warnf is for what may go wrong.
func (l *serverLog) Warnf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.note(text)
	l.log.Debug("nats warns", "reason", text)
}

// Errorf is for what has gone wrong.
func (l *serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.note(text)
	if l.isRepeated(format) {
		l.log.Debug("nats has failed", "reason", text)
		return
	}
	l.log.Warn("nats has failed", "reason", text)
}

// repeatedAfter is the shortest time after which a kind of failure is logged as a warning again: while a replica is
// away, NATS reports that each second.
const repeatedAfter = 5 * time.Minute

func (l *serverLog) isRepeated(kind string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told == nil {
		l.told = map[string]time.Time{}
	}
	now := time.Now()
	if now.Sub(l.told[kind]) < repeatedAfter {
		return true
	}
	l.told[kind] = now
	return false
}

// Fatalf is for what the server does not survive.
func (l *serverLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.remember(text)
	l.log.Error("nats has failed", "reason", text)
}

// Debugf is not called.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef is not called.
func (l *serverLog) Tracef(string, ...any) {}

// note recognizes, by the words of the server's messages, why replicas cannot connect to each other.
func (l *serverLog) note(text string) {
	lower := strings.ToLower(text)
	switch {
	case strings.Contains(lower, "authentication error"), strings.Contains(lower, "authorization violation"):
		l.remember("a replica was refused: the secret is not the same on all of them")
	case strings.Contains(lower, "cluster name conflict"), strings.Contains(lower, "rejecting connection, cluster name"):
		l.remember("a replica was refused: it belongs to a cluster of another name")
	case strings.Contains(lower, "tls") && strings.Contains(lower, "error"):
		l.remember("a replica was refused: " + text)
	case strings.Contains(lower, "error trying to connect to route"):
		l.remember("another replica cannot be reached: " + checkPeers)
	}
}

func (l *serverLog) remember(problem string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// The reason why a replica was refused says more than that a replica cannot be reached.
	if strings.HasPrefix(problem, "another") && strings.HasPrefix(l.problem, "a replica") && time.Since(l.at) < recent {
		return
	}
	l.problem, l.at = problem, time.Now()
}

// why returns the last problem between replicas if it is recent, or else the text.
func (l *serverLog) why(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.problem == "" || time.Since(l.at) > recent {
		return text
	}
	return l.problem
}
