package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

func (v *visit) lookAtRules(context.Context) finding {
	rules, invalid := errors.AsType[*scale.RulesError](v.survey.RulesErr)
	switch {
	case invalid:
		details := make([]string, len(rules.Problems))
		for i, p := range rules.Problems {
			details[i] = p.String()
		}
		return problem("fix the output \""+scale.OutputName+"\" in the program, then run `pulumi up"+v.option()+"`; `pulumiscale init` prints one",
			"%s in the stack output %q", plural(len(details), "mistake"), scale.OutputName).with(details...)
	case v.survey.RulesErr != nil:
		return broken(v.survey.RulesErr)
	case len(v.survey.Rules) == 0:
		return warn("`pulumiscale init` prints a rule for the program", "the output %q has no pools", scale.OutputName)
	}
	return fine("%s: %s", plural(len(v.survey.Rules), "pool"), strings.Join(v.survey.Rules.Names(), ", "))
}

// lookAtSchedules warns of the windows that will never be in force again.
func (v *visit) lookAtSchedules(context.Context) finding {
	f := fine("no rule has any")
	for _, name := range v.survey.Rules.Names() {
		rule := v.survey.Rules[name]
		if len(rule.Schedules) > 0 && f.result == OK {
			f.found = "each window will hold"
		}
		for _, w := range rule.UselessWindows(v.Now()) {
			f.result, f.found, f.hint = Warning, "some windows never hold", "take them out of the program, or put them in another order: the first window that holds counts"
			f.details = append(f.details, fmt.Sprintf("%s: %s: %s", name, w.Window, w.Reason))
		}
	}
	return f
}

// lookAtMetrics looks once at each metric that a rule names, and warns if a metric has no value.
func (v *visit) lookAtMetrics(ctx context.Context) finding {
	f := fine("no rule has any")
	for _, name := range v.survey.Rules.Names() {
		rule := v.survey.Rules[name]
		if len(rule.Metrics) == 0 {
			continue
		}
		if f.result == OK {
			f.found = "each has a value"
		}
		for _, sample := range v.Metrics(ctx, rule) {
			if sample.Problem == "" {
				f.details = append(f.details, fmt.Sprintf("%s: %s", name, sample))
				continue
			}
			f.result, f.found, f.hint = Warning, "some have no value, so nothing is scaled because of them", "docs/metric-scaling.md says what is a value, and how a server is asked with credentials"
			f.details = append(f.details, fmt.Sprintf("%s: %s has no value: %s", name, sample.Metric, sample.Problem))
		}
	}
	return f
}

func (v *visit) lookAtTargets(ctx context.Context) finding {
	if v.Verify {
		return v.proveTargets(ctx)
	}
	f := fine("each stands for a resource of the state; --verify proves more")
	hint := "compare it with `pulumi stack --show-urns" + v.option() + "`; --verify asks the engine"
	for _, name := range v.survey.Rules.Names() {
		rule := v.survey.Rules[name]
		pool, err := v.survey.Pool(rule)
		for _, target := range rule.Unmatched(v.survey.Resources) {
			// A pattern that matches nothing may be right: the pool may have no resources at the moment.
			empty := scale.IsPattern(target) && err == nil && (pool.Count == nil || *pool.Count == 0)
			if !empty {
				f.result = Problem
			} else if f.result == OK {
				f.result = Warning
			}
			f.found, f.hint = "some stand for no resource of the state", hint
			line := fmt.Sprintf("%s: %s matches nothing", name, target)
			if empty {
				line += ", which may be right for a pool that is empty"
			}
			f.details = append(f.details, line)
		}
	}
	return f
}

// proveTargets lets the engine prove the rules by previews, and finds a problem if a rule is not proved.
func (v *visit) proveTargets(ctx context.Context) finding {
	checks, err := v.CheckRules(ctx)
	if err != nil {
		return broken(err)
	}
	f := fine("proved by a preview of each pool: its targets exist, and its key changes them")
	refused := true
	for _, p := range checks {
		if p.Problem != "" {
			f.result, f.found, f.hint = Problem, "a preview does not confirm every rule", "fix the rules in the program, then run `pulumi up"+v.option()+"`"
			f.details = append(f.details, p.Pool+": "+p.Problem)
			refused = refused && len(p.Owners) > 0
		}
	}
	if f.result == Problem && refused {
		f.hint = "others have set the field: docs/recovery.md says what to do if Kubernetes refuses the apply"
	}
	return f
}

func (v *visit) lookAtCurrent(context.Context) finding {
	f := fine("as configured")
	without := 0
	for _, name := range v.survey.Rules.Names() {
		rule := v.survey.Rules[name]
		status, bounds := v.survey.Standing(rule, v.Now()), rule.Bounds(v.Now())
		switch count, configured := rule.Current, status.Configured; {
		case status.Unverified != nil:
			f.details = append(f.details, fmt.Sprintf("%s: %d was configured, and is not proved: %s", name, status.Unverified.To, status.Unverified.Reason))
			f.hint = "`pulumiscale rules --verify" + v.option() + "` shows whether the rule is right; docs/recovery.md has more under \"Done but not verified\""
		case status.Err != nil:
			f.result = Problem
			f.details = append(f.details, status.Err.Error())
			f.hint = "put a count there with `pulumi config set`, then run `pulumi up" + v.option() + "`"
		case configured == nil && v.survey.File[name] == nil:
			f.details = append(f.details, fmt.Sprintf("%s: neither the config file nor the last successful update has config %q", name, rule.ConfigKey))
			f.hint = "if the key is misspelt, fix the rule; `pulumiscale rules --verify` proves whether it changes the targets"
		case count == nil:
			without++
		case configured != nil && *count != *configured:
			f.details = append(f.details, fmt.Sprintf("%s: the real size is %d, and the last successful update was configured for %d", name, *count, *configured))
		case bounds.Clamp(*count) != *count:
			f.details = append(f.details, fmt.Sprintf("%s: the real size is %d, outside of %d to %d", name, *count, bounds.Min, bounds.Max))
		}
	}
	switch {
	case len(f.details) > 0:
		f.found = "some are not as configured"
		if f.result == OK {
			f.result = Warning
			f.hint = cmp.Or(f.hint, "`pulumi refresh"+v.option()+"` reads the real sizes; a scaling, or `pulumi up`, brings them to what is configured")
		}
	case without == len(v.survey.Rules):
		f.found = "no rule exports \"current\", so a scaling is not held against the real size"
	}
	return f
}

func (v *visit) lookAtDrift(ctx context.Context) finding {
	if v.survey.FileErr != nil {
		return unchecked("the config file cannot be read")
	}
	drifts, err := v.Drifts(ctx)
	if err != nil {
		return broken(err)
	}
	f := fine("those of the last successful update")
	for _, d := range drifts {
		f.result, f.found = Warning, "not those of the last successful update"
		line := d.String()
		if d.Edit {
			line += "; no update ever had that value: it is taken for an edit on its way to `pulumi up`"
		} else {
			f.hint = "`pulumiscale restore" + v.option() + "`, or the next scaling, puts the file right"
		}
		f.details = append(f.details, line)
	}
	return f
}

func (v *visit) lookAtPending(context.Context) finding {
	if len(v.survey.Pending) == 0 {
		return fine("none")
	}
	return warn("let the update end if it still runs; else `pulumi refresh"+v.option()+"` clears them up, and asks about resources that may have been made",
		"%s, of an update that still runs or was cut off", plural(len(v.survey.Pending), "pending operation")).with(v.survey.Pending...)
}

func (v *visit) lookAtUnsettled(context.Context) finding {
	var pools []string
	for _, name := range v.survey.Rules.Names() {
		if v.survey.Standing(v.survey.Rules[name], v.Now()).Unsettled {
			pools = append(pools, name)
		}
	}
	if len(pools) == 0 {
		return fine("none")
	}
	return warn("the next scaling, or a running `pulumiscale serve`, brings them back to their count; docs/recovery.md says what else can be done",
		"half scaled, by an update that failed or was cut off: %s", strings.Join(pools, ", "))
}

func (v *visit) lookAtHolds(context.Context) finding {
	holds, err := v.Holds()
	if err != nil {
		return broken(err)
	}
	holds = holds.InForce(v.Now())
	if len(holds) == 0 {
		return fine("none")
	}
	details := make([]string, len(holds))
	for i, h := range holds {
		details[i] = h.String()
	}
	return warn("they end by themselves; `pulumiscale hold --end`, or `pulumiscale hold POOL --end`, ends one now", "nothing is scaled that is held").with(details...)
}
