package doctor

import (
	"context"
	"maps"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
)

// lookAtDeployed compares the program in this directory, and its configuration, with what was deployed.
func (v *visit) lookAtDeployed(ctx context.Context) finding {
	if v.survey.FileErr != nil || v.survey.FileMissing {
		return unchecked("the config file cannot be read")
	}
	pending, known, err := v.Pending(ctx, v.Verify)
	if err != nil {
		return broken(err)
	}
	details := v.survey.Remarks(v.ConfigFile().Path)
	for _, pool := range slices.Sorted(maps.Keys(pending)) {
		details = append(details, pool+": not scaled while changes are pending: "+scale.DescribePending(pending[pool]))
	}
	for _, changes := range pending {
		if changes[0].Op == scale.OpProgram {
			return warn("deploy from a clean checkout of a commit that is pushed; docs/git.md says more",
				"%s cannot be scaled: the deployed program is not available", plural(len(pending), "pool")).with(details...)
		}
	}
	update := "`pulumi up" + v.option() + "`"
	switch {
	case len(pending) > 0:
		return warn("deploy them with "+update+", or check out the commit that is deployed; docs/recovery.md says more",
			"%s cannot be scaled from here: an update would also make pending changes", plural(len(pending), "pool")).with(details...)
	case len(details) > 0 && !known:
		return warn("run with --verify to see whether pools can be scaled; "+update+" deploys this checkout",
			"the deployed commit or configuration differs from this checkout").with(details...)
	case len(details) > 0:
		return warn(update+" deploys this checkout; or check out the commit that is deployed",
			"the deployed commit or configuration differs from this checkout, but no pool is affected").with(details...)
	}
	from := "deployed by an update that the history, as far as it was read, does not tell"
	if v.survey.Deploy != nil {
		from = "deployed from " + v.survey.Deploy.String()
	}
	if !known {
		return fine("%s; --verify proves whether changes are pending", from)
	}
	return fine("%s; no changes are pending", from)
}
