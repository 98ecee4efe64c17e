package cmd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/cluster"
)

// clusterOptions are the options of serving with several replicas.
type clusterOptions struct {
	name, replica, dir string
	peers              []string
	listen, advertise  string
	secretFile         string
	cert, key, ca      string
	nats, credentials  string
}

func (c *clusterOptions) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&c.peers, "cluster-peers", nil, "the replicas that are one server together, this one too, as HOST:PORT,HOST:PORT,HOST:PORT: see docs/cluster.md")
	f.StringVar(&c.listen, "cluster-listen", "0.0.0.0:6222", "with --cluster-peers: the address to listen on for the other replicas")
	f.StringVar(&c.advertise, "cluster-advertise", "", "with --cluster-peers: the HOST:PORT at which other replicas reach this one, if the address that it announces by default is wrong, for example behind NAT")
	f.StringVar(&c.secretFile, "cluster-secret-file", "", "with --cluster-peers: the file of the secret that all replicas share")
	f.StringVar(&c.cert, "cluster-cert", "", "the file of the TLS certificate for connections between replicas, or to --nats")
	f.StringVar(&c.key, "cluster-key", "", "the file of the private key that belongs to --cluster-cert")
	f.StringVar(&c.ca, "cluster-ca", "", "the file of the CA certificates by which replicas check each other's certificates, or that of --nats")
	f.StringVar(&c.dir, "cluster-dir", "", "with --cluster-peers or --nats: the directory of this replica's part of the log; it must outlive restarts")
	f.StringVar(&c.name, "cluster-name", "pulumiscale", "the cluster's name, the same on all replicas")
	f.StringVar(&c.replica, "cluster-replica", "", "this replica's name, which stays the same over restarts; default: the host's")
	f.StringVar(&c.nats, "nats", "", "the URL of a NATS with JetStream that is there already, in place of --cluster-peers")
	f.StringVar(&c.credentials, "nats-credentials", "", "with --nats: the file of the credentials")
}

func (c *clusterOptions) isOn() bool { return len(c.peers) > 0 || c.nats != "" }

// checkCluster says what is wrong with the flags of several replicas.
func (o *serveOptions) checkCluster() error {
	c := &o.cluster
	if !c.isOn() {
		for _, name := range clusterFlags() {
			if o.app.sources[name] >= fromEnv {
				return &scale.UsageError{Field: "--" + name, Problem: "is about several replicas, and neither --cluster-peers nor --nats is given"}
			}
		}
		return nil
	}
	switch {
	case len(c.peers) > 0 && c.nats != "":
		return &scale.UsageError{Field: "--cluster-peers, --nats", Problem: "only one of them can be given"}
	case len(c.peers) > 0 && len(c.peers)%2 == 0:
		return &scale.UsageError{
			Field: "--cluster-peers", Problem: fmt.Sprintf("must name an odd number of replicas, this one included, not %d", len(c.peers)),
			Hint: "three is usual: an even number tolerates no more failures than the odd number below it",
		}
	case c.dir == "":
		return &scale.UsageError{Field: "--cluster-dir", Problem: "is required with several replicas", Hint: "name a directory of this replica's own that outlives restarts"}
	case len(c.peers) > 0 && c.secretFile == "":
		return &scale.UsageError{Field: "--cluster-secret-file", Problem: "is required with --cluster-peers", Hint: "make one, the same for all replicas, with: (umask 077; openssl rand -hex 32 > cluster.secret)"}
	case c.credentials != "" && c.nats == "":
		return &scale.UsageError{Field: "--nats-credentials", Problem: "is about --nats, which is not given"}
	case (c.cert == "") != (c.key == ""):
		return &scale.UsageError{Field: "--cluster-cert, --cluster-key", Problem: "both must be given, or neither"}
	case len(c.peers) > 0 && (c.cert == "") != (c.ca == ""):
		return &scale.UsageError{Field: "--cluster-cert, --cluster-ca", Problem: "both must be given, or neither", Hint: "each replica proves itself by its certificate, and checks those of the others"}
	}
	return nil
}

// clusterFlags returns the flags that are about several replicas, except --cluster-peers and --nats, which turn the
// cluster on.
func clusterFlags() []string {
	return []string{
		"cluster-listen", "cluster-advertise", "cluster-secret-file", "cluster-cert", "cluster-key", "cluster-ca", "cluster-dir", "cluster-name", "cluster-replica", "nats-credentials",
	}
}

// waitingTold is how often the log says that the other replicas are waited for.
const waitingTold = 10 * time.Second

// joinCluster starts this replica and waits until the cluster can store what is accepted. It returns nil if there is no
// cluster, or if ctx ends first.
func (o *serveOptions) joinCluster(ctx context.Context, log *slog.Logger) (*cluster.Node, error) {
	if !o.cluster.isOn() {
		return nil, nil
	}
	options, err := o.cluster.options(log)
	if err != nil {
		return nil, err
	}
	node, err := cluster.Start(ctx, options)
	if unavailable, ok := errors.AsType[*scale.UnavailableError](err); ok {
		return nil, &scale.SetupError{Problem: unavailable.Error(), Hint: "--nats names where it listens, such as nats://nats.example.com:4222"}
	}
	if err != nil {
		return nil, err
	}
	log.Info("the cluster is joined", "replica", options.Replica, "peers", options.Peers)
	for {
		waiting, cancel := context.WithTimeout(ctx, waitingTold)
		err := node.WaitReady(waiting)
		cancel()
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return nil, node.Close()
		}
		log.Warn("nothing can be accepted yet", "reason", err.Error())
	}
	log.Info("the cluster is ready")
	return node, nil
}

// options returns the options of this replica.
func (c *clusterOptions) options(log *slog.Logger) (cluster.Options, error) {
	out := cluster.Options{
		Name: c.name, Replica: c.replica, Dir: c.dir, Peers: c.peers, Advertise: c.advertise, URL: c.nats, Credentials: c.credentials, Log: log,
	}
	if len(c.peers) > 0 {
		out.Listen = c.listen
	}
	if out.Replica == "" {
		host, err := os.Hostname()
		if err != nil {
			return out, &scale.SetupError{Problem: "cannot find out the name of this host", Err: err, Hint: "name the replica with --cluster-replica"}
		}
		out.Replica = host
	}
	if c.secretFile != "" {
		text, err := os.ReadFile(c.secretFile)
		if err != nil {
			return out, &scale.SetupError{Problem: "cannot read the cluster's secret", Err: err, Hint: "--cluster-secret-file names the file that holds it"}
		}
		if out.Secret = strings.TrimSpace(string(text)); out.Secret == "" {
			return out, &scale.UsageError{Field: c.secretFile, Problem: "is empty", Hint: "it holds the secret that all replicas share"}
		}
	}
	var err error
	out.TLS, err = c.tls()
	if err == nil && out.TLS == nil && len(c.peers) > 0 && !isOnLoopback(c.listen) {
		log.Warn("replicas speak to each other unencrypted: see --cluster-cert", "address", c.listen)
	}
	return out, err
}

// isOnLoopback says whether an address is reached from this machine alone.
func isOnLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// tls returns what connections are encrypted with; nil if they are not encrypted.
func (c *clusterOptions) tls() (*tls.Config, error) {
	if c.cert == "" && c.ca == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.cert != "" {
		certificate, err := tls.LoadX509KeyPair(c.cert, c.key)
		if err != nil {
			return nil, &scale.SetupError{Problem: "cannot read the cluster's TLS certificate", Err: err, Hint: "--cluster-cert and --cluster-key name PEM files that belong together"}
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	if c.ca != "" {
		text, err := os.ReadFile(c.ca)
		if err != nil {
			return nil, &scale.SetupError{Problem: "cannot read the cluster's certificate authority", Err: err, Hint: "--cluster-ca names a PEM file"}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, &scale.UsageError{Field: "--cluster-ca", Problem: "has no certificate in it: " + c.ca}
		}
		config.ClientCAs, config.ClientAuth = config.RootCAs, tls.RequireAndVerifyClientCert
	}
	return config, nil
}
