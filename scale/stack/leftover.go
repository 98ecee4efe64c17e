package stack

import (
	"context"
	"os/user"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// left are the records of updates of the stack whose engine has ended, and the engines of the others. Only engines that
// have their configuration are among those: others, which are prepared, do nothing.
func (s *Stack) left() (ended []*statedir.Record, busy []scale.LockHolder) {
	for _, r := range s.dir.Records() {
		switch {
		case r.HasEnded():
			ended = append(ended, r)
		case !process.IsGate(s.file.CopyIn(r.Dir)):
			busy = append(busy, scale.LockHolder{User: userName(), Host: r.Host, PID: r.PID, Since: r.Started})
		}
	}
	return ended, busy
}

func userName() string {
	who, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return who.Username
}

// lingerTime is how long after the last sign of life of an engine its plugins may go on with what they were doing.
// lingerInterval is how often they are looked at.
const (
	lingerTime     = 5 * time.Second
	lingerInterval = 50 * time.Millisecond
)

// outlast waits for the plugins of dead engines and then ends them. Nobody listens to them any more, but they run on
// for ever, and one that still changed resources would get in the way of the next update.
func (s *Stack) outlast(ctx context.Context) error {
	for _, r := range s.dir.Records() {
		for deadline := r.LastSign().Add(lingerTime); r.Lingers() && time.Until(deadline) > 0; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(min(lingerInterval, time.Until(deadline))):
			}
		}
		if r.Lingers() {
			process.EndPlugins(r.Tie())
		}
	}
	return nil
}
