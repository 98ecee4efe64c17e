package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// sizeAlone holds every update of ours against the one before it.
func sizeAlone(e evidence) []string {
	var out []string
	for i, s := range e.steps {
		if was := e.stateAt(i); s.ours() {
			for _, what := range differ(was, s.left) {
				out = append(out, fmt.Sprintf("an update of ours (%s, %s) brought along: %s", s.Message, s.Result, what))
			}
			// If neither holds, the update was interrupted before it changed anything.
			if s.Result == "succeeded" || asText(was.sizes()) != asText(s.left.sizes()) {
				out = append(out, otherKeys(e.after.history, e.since+i, countKeys())...)
			}
		}
	}
	for _, what := range differ(e.stateAt(len(e.steps)), e.after.snapshot) {
		out = append(out, "an update of ours that was cut off brought along: "+what)
	}
	for _, glance := range e.glances {
		if glance.deploying {
			continue
		}
		n := min(max(len(glance.history)-e.since, 0), len(e.steps))
		for _, what := range differ(e.stateAt(n), glance.snapshot) {
			out = append(out, "an update of ours that was killed brought along: "+what)
		}
	}
	out = append(out, e.loop.loopAlone()...)
	return append(append(out, e.after.otherNeighbour("")...), e.final.otherNeighbour(" after a plain up")...)
}

// stateAt is what so many updates of the round left, or what an update of somebody's left that was killed after them.
func (e evidence) stateAt(n int) snapshot {
	if e.team != nil {
		for _, p := range slices.Backward(e.team.killed) {
			if len(p.history) == e.since+n {
				return p.snapshot
			}
		}
	}
	if n == 0 {
		return e.before.snapshot
	}
	return e.steps[n-1].left
}

// countKeys are the config keys of the pools' counts.
func countKeys() []string {
	var out []string
	for _, pool := range pools() {
		out = append(out, pool.key())
	}
	return out
}

// otherNeighbour says in what the neighbour's file is not what the checkpoint has of it.
func (p picture) otherNeighbour(when string) []string {
	for _, resource := range p.snapshot {
		outputs, ok := resource["outputs"].(map[string]any)
		if !ok || name(text(resource, "urn")) != neighbourName || resource["delete"] == true {
			continue
		}
		var is map[string]any
		if err := json.Unmarshal([]byte(p.neighbour), &is); err != nil {
			return []string{fmt.Sprintf("the neighbour's file%s: %v: %s", when, err, p.neighbour)}
		}
		for _, field := range []string{"tag", "updates"} {
			if asText(is[field]) != asText(outputs[field]) {
				return []string{fmt.Sprintf("the neighbour%s has %s %v in the cloud and %v in the checkpoint", when, field, is[field], outputs[field])}
			}
		}
	}
	return nil
}

func readable(e evidence) []string {
	var out []string
	for _, problem := range e.unreadable {
		out = append(out, strings.TrimSpace(problem))
	}
	for _, s := range e.steps {
		for _, hole := range s.left.holes() {
			out = append(out, fmt.Sprintf("the state after an update (%q by %q): %s", s.Message, s.Environment.Agent, hole))
		}
	}
	for _, s := range e.loop.steps {
		for _, hole := range s.left.holes() {
			out = append(out, fmt.Sprintf("the second stack's state after an update (%q by %q): %s", s.Message, s.Environment.Agent, hole))
		}
	}
	for _, hole := range e.after.snapshot.holes() {
		out = append(out, "the state: "+hole)
	}
	return out
}
