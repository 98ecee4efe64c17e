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
				"%s cannot be scaled: the program that is deployed cannot be had", plural(len(pending), "pool")).with(details...)
		}
	}
	update := "`pulumi up" + v.option() + "`"
	switch {
	case len(pending) > 0:
		return warn("bring this checkout to what was deployed, or bring its changes out with "+update+"; docs/recovery.md says more",
			"%s cannot be scaled from here: changes are pending that would come along", plural(len(pending), "pool")).with(details...)
	case len(details) > 0 && !known:
		return warn("--verify proves whether it keeps pools from being scaled; "+update+" brings out what is here", "not what is here").with(details...)
	case len(details) > 0:
		return warn("bring this checkout to what was deployed, or bring its changes out with "+update, "not what is here, though no pool is concerned").with(details...)
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
