package queue

import (
	"context"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// MostWork is how many pieces of work that requests cause may be under way at once: previews, and readings of older
// history or of the stack's configuration. Each piece runs processes of the CLI, which take 100 MB and more. The
// readings of the stack that all callers share are not counted: at most two of them run at once. What the queue does by
// itself, such as its updates, is not counted either, and waits for none of these pieces.
const MostWork = 2

// workWait is how long a request waits for its turn.
const workWait = 10 * time.Second

// BusyError says that nothing was done, because requests already have [MostWork] pieces of work under way. Trying again
// later helps.
type BusyError struct{}

func (*BusyError) Error() string {
	return "the server is busy with other previews and readings; try again in a few seconds"
}

// Occupy waits for a turn to do work that a request causes. leave ends the turn and must be called. The error is a
// [*BusyError] if the turn does not come in time, or the error of ctx.
func (q *Queue) Occupy(ctx context.Context) (leave func(), err error) {
	timer := time.NewTimer(workWait)
	defer timer.Stop()
	select {
	case q.work <- struct{}{}:
		return func() { <-q.work }, nil
	case <-timer.C:
		return nil, &BusyError{}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Preview calls [scaler.Scaler.Preview] for a request, once the request has its turn and the engine has a place. The
// error may also be a [*BusyError].
func (q *Queue) Preview(ctx context.Context, intents []scale.Intent) (*scale.Plan, *scale.Result, error) {
	leave, err := q.Occupy(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	place, err := q.options.Room.Enter(ctx, true)
	if err != nil {
		return nil, nil, err
	}
	defer place.Leave()
	return q.scaler.Preview(ctx, intents)
}
