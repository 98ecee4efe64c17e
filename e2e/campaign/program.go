//go:build linux

package main

import (
	"fmt"
	"strings"
)

// token is the token of every world's server.
const token = "campaign-0123456789abcdef"

// programText is the Pulumi program: a pool for each spec. change may edit a rule's text before it is put in.
func programText(change func(pool, rule string) string) string {
	var config, resources, rules strings.Builder
	for _, p := range pools() {
		fmt.Fprintf(&config, "  %sCount: {type: integer}\n", p.name)
		fmt.Fprintf(&resources, "  %s:\n    type: localcloud:index:Pool\n    properties: {name: %s, size: \"${%sCount}\"}\n    options: {version: 0.1.0}\n",
			p.name, p.name, p.name)
		rule := fmt.Sprintf("%s: {urn: %q, configKey: %sCount, min: %d, max: %d, cooldown: %ds}", p.name, p.urn(), p.name, p.least, p.most, p.cooldown)
		if p.exported {
			rule = strings.TrimSuffix(rule, "}") + fmt.Sprintf(", current: \"${%s.size}\"}", p.name)
		}
		if change != nil {
			rule = change(p.name, rule)
		}
		if rule != "" {
			fmt.Fprintf(&rules, "    %s\n", rule)
		}
	}
	return "name: " + projectName + "\nruntime: yaml\nconfig:\n" + config.String() + "resources:\n" + resources.String() +
		"outputs:\n  pulumiscale:\n" + rules.String()
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
	return b.String()
}
