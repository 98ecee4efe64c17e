package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// sizeAlone holds every update of ours against the one before it.
func sizeAlone(e evidence) []string {
	var out []string
	was := e.before.snapshot
	for i, s := range e.steps {
		if s.ours() {
			for _, what := range differ(was, s.left) {
				out = append(out, fmt.Sprintf("an update of ours (%s, %s) brought along: %s", s.Message, s.Result, what))
			}
			// If neither holds, the update was interrupted before it changed anything.
			if s.Result == "succeeded" || asText(was.sizes()) != asText(s.left.sizes()) {
				out = append(out, otherKeys(e.after.history, e.since+i, countKeys())...)
			}
		}
		was = s.left
	}
	for _, what := range differ(was, e.after.snapshot) {
		out = append(out, "an update of ours that was cut off brought along: "+what)
	}
	for _, glance := range e.glances {
		if glance.deploying {
			continue
		}
		was := e.before.snapshot
		if n := len(glance.history) - e.since; n > 0 && n <= len(e.steps) {
			was = e.steps[n-1].left
		}
		for _, what := range differ(was, glance.snapshot) {
			out = append(out, "an update of ours that was killed brought along: "+what)
		}
	}
	out = append(out, e.loop.loopAlone()...)
	return append(append(out, e.after.otherNeighbour("")...), e.final.otherNeighbour(" after a plain up")...)
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
