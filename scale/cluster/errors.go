package cluster

import (
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

var (
	errClosed   = errors.New("it is closed")
	errNoQuorum = errors.New("no majority of the replicas answers, so nothing can be accepted")
	errTooMany  = errors.New("the cluster takes no more than 1000 operations at once")
	// errLate says that a write was refused, because somebody else has written what the write depended on.
	errLate = errors.New("somebody else was faster")
)

// checkPeers says what to do if replicas do not reach each other.
const checkPeers = "check that the hosts in --cluster-peers run and reach each other on the port of --cluster-listen"

// What JetStream answers, by the numbers of its errors.
const (
	codeWrongLast         = 10071
	codeWrongLastInFlight = 10164
	codeNoMessage         = 10037
	codeNoStream          = 10059
	codeNoCopies          = 10074
	codeInUse             = 10058
	codeTooLarge          = 10054
	codeNoPeers           = 10005
)

// isCode says whether an error is an answer of JetStream with one of the numbers.
func isCode(err error, codes ...jetstream.ErrorCode) bool {
	var answer jetstream.JetStreamError
	if !errors.As(err, &answer) || answer.APIError() == nil {
		return false
	}
	for _, code := range codes {
		if answer.APIError().ErrorCode == code {
			return true
		}
	}
	return false
}

// journalError turns err into a [*queue.JournalError], unless it is one already, or a [*queue.UnknownOperationError].
func (n *Node) journalError(err error) error {
	if scale.IsA[*queue.JournalError](err) || scale.IsA[*queue.UnknownOperationError](err) {
		return err
	}
	return &queue.JournalError{Err: n.explain(err)}
}

// explain says in our words why the cluster did not answer.
func (n *Node) explain(err error) error {
	var answer jetstream.JetStreamError
	switch {
	case n.operations != nil && isCode(n.operations.lastFailure(), codeNoPeers):
		return errors.New("the cluster begins once all of its replicas are there: " + n.serverLog.why("not all of them are"))
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionDraining):
		return errClosed
	case errors.As(err, &answer) && answer.APIError() != nil && answer.APIError().Code != 503:
		return err
	case n.server == nil && n.conn != nil && !n.conn.IsConnected():
		return errors.New("the NATS server cannot be reached")
	case n.server == nil && errors.Is(err, errNoQuorum): // the replicas do not answer each other there
		return errors.New("the log of operations in NATS has not been read to its end yet")
	case n.server != nil && n.options.copies() > 1:
		if why := n.serverLog.why(""); why != "" {
			return errors.New(errNoQuorum.Error() + "; " + why)
		}
		return errors.New(errNoQuorum.Error() + ": " + checkPeers)
	}
	return err
}

// connectError turns the failure to connect to a NATS into a [*scale.SetupError] or a [*scale.UnavailableError].
func connectError(err error) error {
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return &scale.SetupError{Problem: "the NATS server refuses the credentials", Err: err, Hint: "look at the credentials file, and at what its user may do"}
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		return &scale.UnavailableError{Problem: "the NATS server cannot be reached", Detail: err.Error()}
	}
	return &scale.SetupError{Problem: "cannot connect to the NATS server", Err: err, Hint: "look at the URL, the credentials file and the certificates"}
}
