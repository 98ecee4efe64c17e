package cluster

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Headers of our own.
const (
	// headerFrom names the replica that has written a message, with an id that is new after each start.
	headerFrom = "Pulumiscale-From"
	// headerGone marks a message that says, until it expires, that the earlier message under its subject is to be
	// forgotten.
	headerGone = "Pulumiscale-Gone"
)

// Headers of JetStream.
const (
	headerTTL         = "Nats-TTL"
	headerLast        = "Nats-Expected-Last-Subject-Sequence"
	headerLastSubject = "Nats-Expected-Last-Subject-Sequence-Subject"
	headerBatch       = "Nats-Batch-Id"
	headerBatchAt     = "Nats-Batch-Sequence"
	headerBatchEnd    = "Nats-Batch-Commit"
)

// names are the names of the streams and the subjects of a cluster.
type names struct{ cluster string }

func (n names) prefix() string     { return "pulumiscale." + n.cluster }
func (n names) operations() string { return "PULUMISCALE_" + n.cluster + "_OPERATIONS" }
func (n names) samples() string    { return "PULUMISCALE_" + n.cluster + "_SAMPLES" }
func (n names) leases() string     { return "PULUMISCALE_" + n.cluster + "_LEASES" }

// Subjects. A stack, a key and an alert are digests there, since not every character may be in a subject.
func (n names) op(stack, chain, id string) string {
	return n.prefix() + ".op." + stack + "." + chain + "." + id
}
func (n names) heard(stack, alert string) string { return n.prefix() + ".heard." + stack + "." + alert }

// hold returns the subject of the holds on a stack.
func (n names) hold(stack string) string { return n.prefix() + ".hold." + stack }

// all returns a pattern for the subjects of everything that is kept of a stack.
func (n names) all(stack string) string     { return n.prefix() + ".*." + stack + ".>" }
func (n names) probe(replica string) string { return n.prefix() + ".probe." + digest(replica) }
func (n names) sample(stack string, hour int64) string {
	return n.prefix() + ".sample." + stack + "." + strconv.FormatInt(hour, 10)
}
func (n names) replica(replica string) string { return n.prefix() + ".replica." + digest(replica) }

// alive returns the subject under which replicas tell each other that they live. It is in no stream.
func (n names) alive() string { return n.prefix() + ".alive" }

// asked returns the subject for questions to the replica that works on a stack, and told returns the subject for what
// is told to all replicas. Neither is in a stream.
func (n names) asked(stack string) string { return n.prefix() + ".ask." + stack }
func (n names) told(stack string) string  { return n.prefix() + ".tell." + stack }

func (n names) worker(stack string) string { return n.prefix() + ".worker." + stack }

// parts returns the kind of a subject, such as "op", and the fields that follow it.
func (n names) parts(subject string) (kind string, rest []string) {
	fields := strings.Split(strings.TrimPrefix(subject, n.prefix()+"."), ".")
	return fields[0], fields[1:]
}

// digest returns a part of a subject that stands for texts. Different texts have different digests.
func digest(texts ...string) string {
	sum := sha256.New()
	for _, text := range texts {
		_, _ = fmt.Fprintf(sum, "%d:%s", len(text), text)
	}
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum.Sum(nil)[:15]))
}

// noKey is the chain of operations without a key.
const noKey = "-"

// chainOf returns the part of a subject that operations with the same pool and key have in common.
func chainOf(pool, key string) string {
	if key == "" {
		return noKey
	}
	return digest(pool, key)
}

// isToken says whether an id can be a part of a subject, as the ids that the queue gives can.
func isToken(id string) bool {
	return id != "" && !strings.ContainsAny(id, ".*> \t\r\n\x00")
}

// message is a message that is to be published.
type message struct {
	subject string
	body    []byte
	// ttl is how long the message is kept; zero stands for ever.
	ttl time.Duration
	// expects is the sequence that the last message under filter must have for this message to be published; zero means
	// that there must be none, and nil that anything will do. If filter is empty, the message's own subject counts.
	expects *uint64
	filter  string
	gone    bool
	// again says that followers on this replica are to be told of the message too, although this replica has written
	// it.
	again bool
}

func (m message) encode(from string) *nats.Msg {
	msg := nats.NewMsg(m.subject)
	msg.Data = m.body
	if m.again {
		from += "/again"
	}
	msg.Header.Set(headerFrom, from)
	if m.ttl > 0 {
		msg.Header.Set(headerTTL, m.ttl.String())
	}
	if m.gone {
		msg.Header.Set(headerGone, "1")
	}
	if m.expects != nil {
		msg.Header.Set(headerLast, strconv.FormatUint(*m.expects, 10))
		if m.filter != "" {
			msg.Header.Set(headerLastSubject, m.filter)
		}
	}
	return msg
}

// received is a message of a stream.
type received struct {
	subject string
	body    []byte
	seq     uint64
	// at is when the stream took the message, on the clock of the stream's leader.
	at   time.Time
	from string
	gone bool
}

// alertKey returns the part of a subject that stands for an alert of a pool.
func alertKey(h scale.Heard) string { return digest(h.Pool, h.Alert) }
