package scaler

import (
	"context"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
)

// tryInPreview previews a plan if a rule's guard asks for it, if protected resources may be met, or if the pool's last
// update is not proved. It also does so if the engine might report success without doing what is asked. That happens
// with a target that matches nothing in the state (a pool at zero, or a mistake). It also happens with a scale-in of
// resources on which others depend: the engine keeps these without a word unless the others are targets too. Pools that
// fail are taken out of the plan.
func (s *Scaler) tryInPreview(ctx context.Context, snap *scale.Snapshot, p scale.Plan) (scale.Plan, error) {
	needed := slices.ContainsFunc(p.Moves, func(m scale.Move) bool {
		rule := snap.Rules[m.Pool]
		return len(rule.Guard) > 0 || len(scale.UnmatchedTargets(rule, snap.Resources)) > 0 || snap.MayKeep(rule, m) || snap.MayMeetProtected(rule, m) || snap.IsDoubtful(m.Pool)
	})
	if !needed {
		return p, nil
	}
	result, err := s.Stack.Preview(ctx, p.Change, s.Observe)
	if rest, refused := p.RefuseProtected(snap, err); refused {
		return s.tryInPreview(ctx, snap, rest)
	}
	if err != nil {
		return p, scale.NameTarget(snap, p, err)
	}
	return scale.Judge(snap, p, result), nil
}
