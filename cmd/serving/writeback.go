package serving

import (
	"context"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/journal"
	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/writeback"
)

// openBacklog opens the backlog of counts to commit. It does nothing if counts are not to be committed.
func (s *stackServer) openBacklog(kept *journal.Journal, observe scale.Observe) {
	commits := s.options.Committer(s.stack)
	if commits == nil {
		return
	}
	s.backlog = &writeback.Backlog{
		Committer: commits, Branch: commits.BranchName(), Read: s.stack.Read, Outbox: kept, Observe: observe, Log: s.log, Now: s.options.Now,
	}
	commits.Memory = s.backlog
	s.backlog.Open()
}

// commitCounts commits counts until ctx ends. It does nothing if there is no backlog.
func (s *stackServer) commitCounts(ctx context.Context) {
	if s.backlog != nil {
		s.backlog.Run(ctx)
	}
}

// addToBacklog takes from a batch the pools that were scaled, and adds them to the backlog, which commits their counts.
// Operations that failed, or whose effect is not verified, are left out. When this replica takes over the stack, it has
// all counts looked at: whoever worked on the stack before may be gone, with commits that it had still to make.
func (s *stackServer) addToBacklog(event scale.Event) {
	if duty, ok := event.(queue.DutyChanged); ok && duty.OnDuty && s.backlog != nil {
		s.backlog.LookAtAll()
	}
	done, ok := event.(queue.BatchDone)
	if !ok || s.backlog == nil || done.Postponed {
		return
	}
	var pools, operations []string
	for _, op := range done.Operations {
		if op.State == queue.Done && op.Result == queue.FinalScaled {
			operations = append(operations, op.ID)
			if !slices.Contains(pools, op.Intent.Pool) {
				pools = append(pools, op.Intent.Pool)
			}
		}
	}
	s.backlog.Add(pools, operations)
}
