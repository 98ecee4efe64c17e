package serving

import (
	"context"
	"log/slog"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/cluster"
	"github.com/pulumiscale/pulumiscale/scale/stack"
	"github.com/pulumiscale/pulumiscale/scale/writeback"
	"github.com/pulumiscale/pulumiscale/webhook/identity"
	"github.com/pulumiscale/pulumiscale/webhook/notify"
)

// Process is what all stacks that one process serves have in common.
type Process struct {
	// Listen is the address to listen on. TLSCert and TLSKey are the files of a certificate and of its key; empty
	// without TLS.
	Listen, TLSCert, TLSKey string
	Log                     *slog.Logger
	// Interrupt is closed to have engines interrupted gently. A value from Reload asks for tokens and rules to be read
	// again.
	Interrupt, Reload <-chan struct{}
	// Node is this replica of a cluster; nil if there is none.
	Node *cluster.Node
	Now  func() time.Time
}

// Options say how a stack is served.
type Options struct {
	// Stack says which stack is served, and Open opens it.
	Stack stack.Options
	Open  func(context.Context, stack.Options) (Stack, error)
	// Committer returns the committer of the counts of a stack; nil if counts are not to be committed.
	Committer func(Stack) *writeback.Committer
	// OnDrift, Retries and RetryDelay are the fields of [scaler.Scaler] with these names.
	OnDrift    scale.OnDrift
	Retries    uint
	RetryDelay time.Duration
	// Poll and GiveUpAfter are the fields of [queue.Options] with these names.
	Poll, GiveUpAfter time.Duration
	// SNSTopics are the topics of Amazon SNS that may send; if there are none, any topic may. PathToken says that
	// requests may bear a token in their paths.
	SNSTopics []string
	PathToken bool
	// Identities may send, and Listeners are told of what happens.
	Identities []identity.Setting
	Listeners  []notify.Setting
	Now        func() time.Time
}

// Stack is what serving needs of a stack. [stack.Stack] is one.
type Stack interface {
	scale.Stack
	scale.HeadStart
	scale.HoldKeeper
	scale.ProgramKeeper
	scale.CommitReader
	// StateDir is the stack's own folder in the state directory; it is made if it is missing. FormerStateDir is the
	// folder in which an earlier version of PulumiScale kept the stack's journal.
	StateDir() (string, error)
	FormerStateDir() string
	// ProjectName is the name of the program's project.
	ProjectName() string
	// Secrets reads values of the stack's configuration, by their full keys.
	Secrets(ctx context.Context, keys ...string) (map[string]string, error)
}

// ServeStack serves one stack until ctx ends.
func (p *Process) ServeStack(ctx context.Context, options Options) error {
	s, err := p.open(ctx, options, p.Log, nil, func(name string) *inCluster { return joinedAs(p.Node, name) })
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.readFirst(ctx); err != nil {
		return err
	}
	l, err := p.newListening(ctx, s.handler.Handler(), s.log)
	if err != nil {
		return err
	}
	l.tell("pools", s.queue.Rules().Names())
	s.warnOfUnknownPools()
	err = l.serve(ctx, s.handler, func(ctx context.Context) { s.work(ctx, p.Reload) })
	s.log.Info("stopped", "waiting", len(s.queue.Open()))
	return err
}
