//go:build linux

package main

import (
	"fmt"
	"strings"
)

// token is the token of every world's server.
const token = "campaign-0123456789abcdef"

// programText is the Pulumi program of an edition: a pool for each spec, and a neighbour. change may edit a rule's text
// before it is put in; nil changes nothing.
func programText(e edition, change func(pool, rule string) string) string {
	var config, resources, rules strings.Builder
	for _, p := range pools() {
		fmt.Fprintf(&config, "  %sCount: {type: integer}\n", p.name)
		kind, properties := "Pool", fmt.Sprintf(`size: "${%sCount}"`, p.name)
		if p.single {
			kind, properties = "Balancer", fmt.Sprintf(`count: "${%sCount}", tag: "${zoneTag}-%d"`, p.name, e.zone)
		}
		fmt.Fprintf(&resources, "  %s:\n    type: localcloud:index:%s\n    properties: {name: %s, %s}\n    options: %s\n",
			p.name, kind, p.name, properties, e.options(p.name))
		rule := fmt.Sprintf("%s: {urn: %q, configKey: %sCount, min: %d, max: %d, cooldown: %ds}", p.name, p.urn(), p.name, p.least, p.most, p.cooldown)
		if p.exported {
			rule = strings.TrimSuffix(rule, "}") + fmt.Sprintf(", current: \"${%s.%s}\"}", p.name, p.size())
		}
		if change != nil {
			rule = change(p.name, rule)
		}
		if rule != "" {
			fmt.Fprintf(&rules, "    %s\n", rule)
		}
	}
	outputs := fmt.Sprintf("outputs:\n  release: r%d\n", e.release)
	if e.needs {
		config.WriteString("  extra: {type: string}\n")
		outputs += "  extra: \"${extra}\"\n"
	}
	return fmt.Sprintf("# Revision %d.\n", e.comment) + "name: " + projectName + "\nruntime: yaml\nconfig:\n" + config.String() +
		"  zoneTag: {type: string}\n  frontTag: {type: string}\nresources:\n" + resources.String() +
		fmt.Sprintf("  front:\n    type: localcloud:index:Balancer\n    properties: {name: front, tag: \"${frontTag}-%d\"}\n    options: %s\n", e.front, e.options("front")) +
		outputs + "  pulumiscale:\n" + rules.String()
}

// urn is the rule's target.
func (p poolSpec) urn() string {
	if p.target != "" {
		return p.target
	}
	return "${" + p.name + ".urn}"
}

// configText is the stack's config file before the first update.
func configText() string {
	var b strings.Builder
	b.WriteString("# The stack of the fault campaign.\nconfig:\n")
	for _, p := range pools() {
		fmt.Fprintf(&b, "  %s: \"%d\" # the size of %s\n", p.key(), p.start, p.name)
	}
	b.WriteString("  # Not of any rule.\n  campaign:note: leave me alone\n")
	return firstEdition().config(b.String())
}
