package stack

import (
	"cmp"
	"context"
	"sync"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Preview runs the change in the engine without doing it.
func (s *Stack) Preview(ctx context.Context, change scale.Change, observe scale.Observe) (*scale.Result, error) {
	f, err := s.run(ctx, operation{name: "preview", args: []string{"preview"}, message: change.Message}, change, observe)
	if err != nil {
		return nil, err
	}
	return &f.result, nil
}

// Update does the change by one `pulumi up`. Once that runs, it is not ended with ctx but only by [Options.Interrupt].
func (s *Stack) Update(ctx context.Context, change scale.Change, observe scale.Observe) (*scale.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.file.writable(); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() {
		select {
		case <-s.options.Interrupt:
			stop()
		case <-running.Done():
		}
	}()
	id := cmp.Or(change.ID, scale.NewUpdateID())
	// The engine has the lock from its first event on: the newest completed update but this one is then the one it follows.
	var wait sync.WaitGroup
	var previous string
	var previousErr error
	began := func() {
		wait.Go(func() { previous, previousErr = s.newestBut(running, id) })
	}
	args := []string{"up", "--yes", "--skip-preview", "--message", change.Message, "--exec-agent", id}
	f, err := s.run(running, operation{name: "update", args: args, message: change.Message, began: began, dir: s.stateDir}, change, observe)
	wait.Wait()
	if err != nil {
		return nil, err
	}
	f.result.ID = id
	f.result.Overtaken = previousErr == nil && f.hasBegun && previous != change.Head
	return &f.result, nil
}

// newestBut identifies the newest completed update that is not the one with the id. Two entries are asked for, as that one may have
// been fast enough to be the newest.
func (s *Stack) newestBut(ctx context.Context, id string) (string, error) {
	entries, _, err := s.readPages(ctx, 1, 2)
	if len(entries) > 0 && entries[0].Environment[agentKey] == id {
		entries = entries[1:]
	}
	return head(entries), err
}
