package cluster

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Options say how a replica takes part in a cluster. Name, Replica and Dir are required. Either Peers, with the fields
// that belong to them, or URL may be given. With neither, this replica is the only one.
type Options struct {
	// Name is the cluster's name: letters, digits, `-` and `_`. All replicas have the same.
	Name string
	// Replica is this replica's name, which no other replica has, and which stays the same over restarts.
	Replica string
	// Dir is where the replica keeps its part of the log, and its receipts for what it has accepted.
	Dir string

	// Peers are the addresses, as HOST:PORT, at which the replicas reach each other, this replica's included: three, or
	// another odd number.
	Peers []string
	// Listen is the HOST:PORT on which this replica listens for the others. Port 0 stands for any free port.
	Listen string
	// Advertise is the HOST:PORT at which the others reach this replica; empty if that is where it listens. The
	// replicas tell each other these addresses.
	Advertise string
	// Secret is how the replicas prove to each other that they belong together. It is sent as it is, so that only TLS
	// hides it from somebody who listens on the network.
	Secret string
	// TLS is for the connections between replicas, in both directions. If URL is given, it is for the connections to
	// that NATS. It is nil if there is no TLS.
	TLS *tls.Config

	// URL is the address of an existing NATS with JetStream. Credentials names a file with the credentials for that
	// NATS, and may be empty.
	URL         string
	Credentials string

	// Log is told what goes on in the cluster. Default: nobody.
	Log *slog.Logger
}

// portable is what a name may consist of: it is a part of subjects, of streams' names and of paths.
var portable = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// check says what is wrong with the options. The error is a [*scale.SetupError] that names the field.
func (o Options) check() error {
	mistake := func(field, problem, hint string) error {
		return &scale.SetupError{Problem: "the cluster's " + field + " " + problem, Hint: hint}
	}
	switch {
	case !portable.MatchString(o.Name):
		return mistake("name", fmt.Sprintf("must be 1 to 64 letters, digits, - and _, not %q", o.Name), "all replicas have the same name of the cluster")
	case o.Replica == "":
		return mistake("replica", "has no name", "each replica needs a name of its own that stays the same, such as its host's")
	case o.Dir == "":
		return mistake("directory", "is not given", "each replica needs a directory of its own that outlives restarts")
	case o.URL != "" && len(o.Peers) > 0:
		return mistake("peers and NATS URL", "are both given", "the replicas either have a NATS in themselves, and peers, or use an existing one")
	case len(o.Peers) == 0:
		return nil
	case len(o.Peers)%2 == 0:
		return mistake("peers", fmt.Sprintf("must be an odd number of replicas, this one included, not %d", len(o.Peers)),
			"three is usual: an even number tolerates no more failures than the odd number below it")
	case o.Secret == "":
		return mistake("secret", "is empty", "all replicas need the same one")
	}
	for _, address := range append(slices.Clone(o.Peers), o.Listen, o.Advertise) {
		if _, _, err := net.SplitHostPort(address); err != nil && (address != "" || o.Listen == "") {
			return mistake("address", fmt.Sprintf("must be HOST:PORT, not %q", address), "such as a.example.com:6222")
		}
	}
	return nil
}

// copies is how many replicas keep each message: a majority of them has it on disk before it counts.
func (o Options) copies() int {
	if len(o.Peers) == 0 {
		return 1
	}
	return min(3, len(o.Peers))
}
