package dialect

import (
	"fmt"
	"strconv"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Route is what a decoder must know of the request besides its body.
type Route struct {
	// Pool is the pool in the URL. It is empty on the route that serves all pools, on which each alert names its own.
	Pool string
	// Rules are the rules in force. A decoder reads from them only whether there is a pool of a certain name.
	Rules scale.Rules
	// Query is the URL's query, as it was sent. What it says wins over the payload.
	Query string
	// Key is the id by which the sender distinguishes the delivery from others: the MessageId of an SNS message, or the
	// Idempotency-Key of a direct request. It is empty if there is none. Dialects whose payloads have ids of their own
	// do not read it.
	Key string
}

// Delivery is what one request asks for.
type Delivery struct {
	// Intents are valid and in the order of the payload. Several may be for one pool.
	Intents []scale.Intent
	// Skipped are the alerts that ask for nothing or cannot be understood, each with the reason.
	Skipped []Skipped
	// DryRun asks for the decision and the diff alone. Only a direct request has it.
	DryRun bool
}

// Identify sets the key of each intent that got no key from the payload. It makes this key from the envelope's key. It
// does nothing if the envelope's key is empty, which means that there was no envelope. A key from the payload stays: a
// sender that tells of a firing again puts the same payload into a new envelope, which has a different key.
func (d *Delivery) Identify(envelope string) {
	if envelope == "" {
		return
	}
	for i := range d.Intents {
		if intent := &d.Intents[i]; intent.Key == "" {
			intent.Key = eventKey(envelope, intent.Pool, strconv.Itoa(i))
		}
	}
}

// Skipped is an alert for which nothing is done. Its texts may be shown: each is one line, without control characters.
type Skipped struct {
	Alert, Pool, Reason string
}

// NoPool says whether the alert names a pool that no rule has.
func (s Skipped) NoPool(rules scale.Rules) bool {
	return s.Pool != "" && unknownPool(rules, s.Pool) != ""
}

func (d *Delivery) skip(alert, pool, format string, args ...any) {
	d.Skipped = append(d.Skipped, Skipped{
		Alert: board.OneLine(alert, MaxName), Pool: board.OneLine(pool, MaxName), Reason: board.OneLine(fmt.Sprintf(format, args...), MaxReason),
	})
}
