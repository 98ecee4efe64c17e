package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// loopEvidence is what a round left of the stack with one resource for each worker.
type loopEvidence struct {
	// history is all of it. steps are the updates of the round, after the one before it.
	history []update
	steps   []step
	after   snapshot
}

// loopKeys are the config keys of its counts.
func loopKeys() []string { return []string{"worker-loop:count", "worker-loop:cacheCount"} }

// loopAlone holds every update of ours of that stack against the one before it. Workers of the pools that the update
// names come and go, and nothing else changes.
func (e loopEvidence) loopAlone() []string {
	var out []string
	for i := 1; i < len(e.steps); i++ {
		was, s := e.steps[i-1].left, e.steps[i]
		if !s.ours() {
			continue
		}
		for _, what := range differ(was.withoutWorkers(s.update), s.left.withoutWorkers(s.update)) {
			out = append(out, fmt.Sprintf("an update of ours of the second stack (%s, %s) brought along: %s", s.Message, s.Result, what))
		}
		if s.succeeded() {
			out = append(out, otherKeys(e.history, len(e.history)-len(e.steps)+i, loopKeys())...)
		}
	}
	if n := len(e.steps); n > 0 {
		for _, what := range differ(e.steps[n-1].left, e.after) {
			out = append(out, "the second stack was changed and the history does not say by whom: "+what)
		}
	}
	return out
}

// withoutWorkers leaves out the workers of the pools that an update names.
func (s snapshot) withoutWorkers(u update) snapshot {
	_, list, _ := strings.Cut(u.Environment.Agent, " pools=")
	pools := strings.Split(list, ",")
	return slices.DeleteFunc(slices.Clone(s), func(resource map[string]any) bool {
		called := name(text(resource, "urn"))
		return slices.Contains(pools, "workers") && strings.HasPrefix(called, "worker-") || slices.Contains(pools, "cache") && strings.HasPrefix(called, "cache-")
	})
}

// otherKeys are the plain config keys, without some, that an update had with another value than the last successful
// update before it.
func otherKeys(history []update, at int, counts []string) []string {
	if at >= len(history) {
		return nil
	}
	for i := at - 1; i >= 0; i-- {
		if !history[i].succeeded() {
			continue
		}
		was, is := history[i].plain(counts), history[at].plain(counts)
		if !maps.Equal(was, is) {
			return []string{fmt.Sprintf("an update of ours (%s) had the configuration %v, and the last successful one %v", history[at].Message, is, was)}
		}
		return nil
	}
	return nil
}

// plain is an update's configuration without counts and secrets.
func (u update) plain(counts []string) map[string]string {
	out := map[string]string{}
	for key, value := range u.Config {
		object, isObject := value.(map[string]any)
		if (!isObject || object["secure"] == nil) && !slices.Contains(counts, key) {
			out[key] = asText(value)
		}
	}
	return out
}
