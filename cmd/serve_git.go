package cmd

import (
	"context"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/git"
	"github.com/pulumiscale/pulumiscale/scale/journal"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// openBacklog opens what has the counts committed, if that is asked for.
func (s *servedStack) openBacklog(kept *journal.Journal, observe scale.Observe) {
	commits := s.app.settings.writeBack(s.stack)
	if commits == nil {
		return
	}
	s.backlog = &git.Backlog{
		Committer: commits, Branch: commits.BranchName(), Read: s.stack.Read, Outbox: kept, Observe: observe, Log: s.log, Now: s.app.now,
	}
	commits.Memory = s.backlog
	s.backlog.Open()
}

// commitCounts commits counts until ctx ends, if that is asked for.
func (s *servedStack) commitCounts(ctx context.Context) {
	if s.backlog != nil {
		s.backlog.Run(ctx)
	}
}

// addToBacklog has the counts committed that a batch has scaled to, as far as they are verified.
func (s *servedStack) addToBacklog(event scale.Event) {
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
