package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/queue/journaltest"
)

func TestWhatIsWrongWithTheSettingsIsNamed(t *testing.T) {
	fine := Options{Name: "test", Replica: "a", Dir: t.TempDir(), Peers: []string{"a:1", "b:1", "c:1"}, Listen: ":1", Secret: "s"}
	if err := fine.check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Options){
		`not "a.b"`:             func(o *Options) { o.Name = "a.b" },
		`and _, not ""`:         func(o *Options) { o.Name = "" },
		"replica has no name":   func(o *Options) { o.Replica = "" },
		"directory":             func(o *Options) { o.Dir = "" },
		"peers and NATS URL":    func(o *Options) { o.URL = "nats://somewhere" },
		"included, not 2":       func(o *Options) { o.Peers = o.Peers[:2] },
		"secret is empty":       func(o *Options) { o.Secret = "" },
		`HOST:PORT, not "b"`:    func(o *Options) { o.Peers = []string{"a:1", "b", "c:1"} },
		`HOST:PORT, not ""`:     func(o *Options) { o.Listen = "" },
		`HOST:PORT, not "x"`:    func(o *Options) { o.Advertise = "x" },
		`HOST:PORT, not "a:b:c`: func(o *Options) { o.Listen = "a:b:c" },
	} {
		o := fine
		change(&o)
		_, err := Start(t.Context(), o)
		setup, ok := err.(*scale.SetupError) //nolint:errorlint // it is not wrapped
		if !ok || !strings.Contains(setup.Problem, want) || setup.Hint == "" {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestADirectoryIsOneReplicas(t *testing.T) {
	dir := t.TempDir()
	startOne(t, dir)
	_, err := Start(t.Context(), Options{Name: "test", Replica: "another", Dir: dir})
	if !scale.IsA[*scale.SetupError](err) || !strings.Contains(err.Error(), "another replica uses") {
		t.Errorf("%v", err)
	}
}

// What is acknowledged is on disk, and nobody but the replica itself is its server's client.
func TestTheServerInAReplica(t *testing.T) {
	c := newThree(t)
	c.start(0)
	s := c.nodes[0].server
	if !s.JetStreamConfig().SyncAlways {
		t.Error("it acknowledges what is not on disk")
	}
	if _, err := nats.Connect(s.ClientURL()); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a stranger who connects: %v", err)
	}
	if _, err := nats.Connect(s.ClientURL(), nats.UserInfo(routeUser, "between us")); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("one with the replicas' secret: %v", err)
	}
	if ip := net.ParseIP(s.Addr().(*net.TCPAddr).IP.String()); !ip.IsLoopback() {
		t.Errorf("it listens for clients on %s", ip)
	}
}

// A replica that the others refuse says why.
func TestARefusedReplicaSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"another secret": {func(o *Options) { o.Secret = "another" }, "the secret is not the same"},
		"another name":   {func(o *Options) { o.Name = "another" }, "a cluster of another name"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newThree(t)
			cluster.change = func(i int, o *Options) {
				if i == 2 {
					c.change(o)
				}
			}
			for i := range 3 {
				cluster.start(i)
			}
			until(t, "it says why", func() bool {
				err := cluster.nodes[2].Ready()
				return scale.IsA[*scale.UnavailableError](err) && strings.Contains(err.Error(), c.want)
			})
			_, err := cluster.nodes[2].Journal("stack").Add([]queue.Operation{journaltest.Accepted(1, "worker", "a")})
			if !scale.IsA[*queue.JournalError](err) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestReplicasSpeakTLS(t *testing.T) {
	c := newThree(t)
	trusted, stranger := newTLS(t), newTLS(t)
	c.change = func(_ int, o *Options) { o.TLS = trusted }
	for i := range 3 {
		c.start(i)
	}
	for i := range 3 {
		c.ready(i)
	}
	mustAdd(t, c.nodes[0].Journal("stack"), journaltest.Accepted(1, "worker", "a"))
	if n := openOn(c.nodes[1], "stack"); n != 1 {
		t.Errorf("%d are open", n)
	}
	c.stop(2)
	c.change = func(_ int, o *Options) { o.TLS = stranger }
	c.start(2)
	until(t, "one with a certificate that nobody trusts says so", func() bool {
		err := c.nodes[2].Ready()
		return err != nil && strings.Contains(err.Error(), "refused") && strings.Contains(strings.ToLower(err.Error()), "tls")
	})
}

// newTLS makes a certificate that those with the same configuration trust, and nobody else.
func newTLS(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "replica"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}}, MinVersion: tls.VersionTLS12,
		RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}
}

// startNATS starts a NATS that is none of ours.
func startNATS(t *testing.T) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true, Username: "user", Password: "password",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Shutdown)
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("it does not start")
	}
	return s
}

func TestAnExistingNATSKeepsWhatAJournalPromises(t *testing.T) {
	s := startNATS(t)
	url, opened := strings.Replace(s.ClientURL(), "nats://", "nats://user:password@", 1), 0
	journaltest.Run(t, func(t *testing.T) journaltest.Place {
		dir, stack := t.TempDir(), fmt.Sprint("stack-", opened)
		var n *Node
		end := func() {
			if n != nil {
				_ = n.Close()
			}
		}
		t.Cleanup(end)
		return journaltest.Place{Open: func(t *testing.T) queue.Journal {
			end()
			opened++
			var err error
			if n, err = Start(t.Context(), Options{Name: "test", Replica: "a", Dir: dir, URL: url}); err != nil {
				t.Fatal(err)
			}
			if err := n.WaitReady(t.Context()); err != nil {
				t.Fatal(err)
			}
			return n.Journal(stack)
		}}
	})
}

func TestANATSThatCannotBeUsedSaysWhy(t *testing.T) {
	s := startNATS(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	_ = listener.Close()
	start := func(change func(*Options)) error {
		o := Options{Name: "test", Replica: "a", Dir: t.TempDir()}
		change(&o)
		_, err := Start(t.Context(), o)
		return err
	}
	err = start(func(o *Options) { o.URL = "nats://user:tiger@" + nobody })
	if !scale.IsA[*scale.UnavailableError](err) || strings.Contains(err.Error(), "tiger") {
		t.Errorf("nobody there: %v", err)
	}
	err = start(func(o *Options) { o.URL = strings.Replace(s.ClientURL(), "nats://", "nats://user:tiger@", 1) })
	if !scale.IsA[*scale.SetupError](err) || !strings.Contains(err.Error(), "refuses the credentials") || strings.Contains(err.Error(), "tiger") {
		t.Errorf("refused: %v", err)
	}
	err = start(func(o *Options) { o.URL, o.Credentials = s.ClientURL(), filepath.Join(t.TempDir(), "missing.creds") })
	if !scale.IsA[*scale.SetupError](err) {
		t.Errorf("no credentials: %v", err)
	}
}
