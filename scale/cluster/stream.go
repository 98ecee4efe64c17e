package cluster

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// streamIdentity is the key, in a stream's metadata, of a text that no other stream has. streamForm is the key of the
// version of the form in which the stream is written.
const (
	streamIdentity = "pulumiscale-identity"
	streamForm     = "pulumiscale-form"
)

// configOf returns the configuration that one of the streams is to have.
func (n *Node) configOf(stream string) jetstream.StreamConfig {
	of := names{n.options.Name}
	prefix := of.prefix()
	config := jetstream.StreamConfig{
		Name: stream, Replicas: n.copies, Storage: jetstream.FileStorage, MaxMsgsPerSubject: 1, MaxConsumers: -1,
		AllowMsgTTL: true, AllowAtomicPublish: true, Duplicates: 100 * time.Millisecond,
		Metadata: map[string]string{streamForm: "1", streamIdentity: nuid.Next()},
	}
	switch stream {
	case of.operations():
		config.Description = "operations that pulumiscale has accepted"
		config.Subjects = []string{prefix + ".op.>", prefix + ".heard.>", prefix + ".hold.*", prefix + ".probe.>"}
	case of.samples():
		config.Description = "values of metrics that pulumiscale shows"
		config.Subjects = []string{prefix + ".sample.>"}
		config.MaxAge = keepSamplesFor + time.Hour
	case of.leases():
		config.Description = "who works on which stack"
		config.Subjects = []string{prefix + ".replica.>", prefix + ".worker.>"}
		config.Storage = jetstream.MemoryStorage
	}
	return config
}

// ensureStream finds a stream, or makes it. If several replicas make it at the same moment, only one stream is made.
func (n *Node) ensureStream(ctx context.Context, name string) (jetstream.Stream, error) {
	stream, err := n.js.Stream(ctx, name)
	if err == nil || !isCode(err, codeNoStream) {
		return stream, err
	}
	config := n.configOf(name)
	stream, err = n.js.CreateStream(ctx, config)
	if isCode(err, codeInUse) { // somebody else has, a moment ago
		return n.js.Stream(ctx, name)
	}
	return stream, err
}
