package serving

import (
	"slices"

	"github.com/pulumiscale/pulumiscale/scale/journal"
	"github.com/pulumiscale/pulumiscale/scale/notice"
	"github.com/pulumiscale/pulumiscale/webhook"
	"github.com/pulumiscale/pulumiscale/webhook/notify"
)

// newTeller returns the teller, which tells the listeners of the settings what happens.
func (s *stackServer) newTeller(kept *journal.Journal) *notify.Teller {
	return notify.New(notify.Options{
		Listeners: s.options.Listeners, Outbox: kept, Secrets: s.stack.Secrets, Log: s.log, Now: s.options.Now,
		Origin: notice.Origin{Project: s.stack.ProjectName(), Stack: s.stack.Name(), Veil: webhook.NewVeil(s.directories)},
	})
}

// warnOfUnknownPools warns of pools that a listener names and no rule has. This is no error, because a later deploy may
// bring the pools.
func (s *stackServer) warnOfUnknownPools() {
	for _, l := range s.options.Listeners {
		if unknown := l.UnknownPools(s.queue.Rules()); len(unknown) > 0 {
			slices.Sort(unknown)
			s.log.Warn("a listener names pools that no rule has", "listener", l.Name, "pools", unknown)
		}
	}
}
