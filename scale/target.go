package scale

import (
	"regexp"
	"slices"
	"strings"
)

// IsPattern says whether a target has wildcards, as `pulumi up --target` decides it: by an asterisk.
func IsPattern(target string) bool { return strings.Contains(target, "*") }

// MatchTargets reports whether a URN is one that the targets stand for, by the rules of `pulumi up --target`: `*`
// stands for anything without a colon, `**` for anything on one line.
func MatchTargets(targets ...string) func(urn string) bool {
	patterns := make([]*regexp.Regexp, len(targets))
	for i, target := range targets {
		parts := strings.Split(regexp.QuoteMeta(target), `\*\*`)
		for j, part := range parts {
			parts[j] = strings.ReplaceAll(part, `\*`, `[^:]*`)
		}
		patterns[i] = regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
	}
	return func(urn string) bool {
		return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(urn) })
	}
}

// UnmatchedTargets are the targets of a rule that stand for none of the resources.
func UnmatchedTargets(rule Rule, resources ...[]string) []string {
	var out []string
	for _, target := range rule.Targets {
		match := MatchTargets(target)
		if !slices.ContainsFunc(resources, func(urns []string) bool { return slices.ContainsFunc(urns, match) }) {
			out = append(out, target)
		}
	}
	return out
}

// Unmatched are the targets of the rule that stand for none of the resources.
func (r Rule) Unmatched(resources []string) []string { return UnmatchedTargets(r, resources) }
