package cluster

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// atOnce is how many messages are asked for at the same time.
const atOnce = 32

// getAll gets operations, several at a time. Those that are not there any more are left out.
func (j *Journal) getAll(ctx context.Context, ids []string) ([]queue.Operation, error) {
	found := make([]*queue.Operation, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, id := range ids {
		group.Go(func() error {
			op, err := j.get(ctx, id)
			if scale.IsA[*queue.UnknownOperationError](err) {
				return nil
			}
			found[i] = &op
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []queue.Operation
	for _, op := range found {
		if op != nil {
			out = append(out, *op)
		}
	}
	return out, nil
}

// isUnknown says that nothing is known of an operation.
func (v *view) isUnknown(stack, id string) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.lookUp(stack, id) == nil
}
