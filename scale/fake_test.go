package scale

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

const apiURN = "urn:pulumi:dev::demo::pkg:index:Balancer::api"

// outputOf is the stack output of the rules with these current counts.
func outputOf(rules Rules, current map[string]int) []byte {
	pools := map[string]map[string]any{}
	for name, rule := range rules {
		pools[name] = map[string]any{"targets": rule.Targets, "configKey": rule.ConfigKey, "min": rule.Min, "max": rule.Max}
		if n, ok := current[name]; ok {
			pools[name]["current"] = n
		}
	}
	out, _ := json.Marshal(pools)
	return out
}

// texts maps pools to texts, which it takes in pairs; the text "-" is none.
func texts(pairs ...string) map[string]*string {
	out := map[string]*string{}
	for pair := range slices.Chunk(pairs, 2) {
		out[pair[0]] = nil
		if pair[1] != "-" {
			out[pair[0]] = &pair[1]
		}
	}
	return out
}

// update is a successful update that ended so long ago, with these values.
func update(age time.Duration, pairs ...string) Update {
	return Update{Kind: KindUpdate, Succeeded: true, End: ago(age), Values: texts(pairs...)}
}

func failed(u Update) Update              { u.Succeeded = false; return u }
func ofKind(u Update, kind string) Update { u.Kind = kind; return u }
func ourUpdate(u Update, message string, pools ...string) Update {
	u.Message, u.Pools = message, pools
	return u
}

// twoPools are the rules of a worker pool and of an api pool.
func twoPools() Rules {
	api := leastRule()
	api.Pool, api.Targets, api.ConfigKey = "api", []string{apiURN}, "apiCount"
	return Rules{"api": api, "worker": leastRule()}
}

// snapshot is a stack of two pools with 3 workers and 2 apis, in the file as well.
func snapshot(edits ...func(*Snapshot)) *Snapshot {
	s := &Snapshot{
		Rules: twoPools(), Resources: []string{stackURN, workerURN, apiURN},
		Updates: []Update{update(time.Hour, "worker", "3", "api", "2")}, Complete: true,
		File: texts("worker", "3", "api", "2"), Head: "head",
	}
	for _, edit := range edits {
		edit(s)
	}
	return s
}

func withRule(pool string, edit ruleEdit) func(*Snapshot) {
	return func(s *Snapshot) {
		rule := s.Rules[pool]
		edit(&rule)
		s.Rules[pool] = rule
	}
}

func withFile(pairs ...string) func(*Snapshot) {
	return func(s *Snapshot) { maps.Copy(s.File, texts(pairs...)) }
}

func withUpdates(updates ...Update) func(*Snapshot) {
	return func(s *Snapshot) { s.Updates = updates }
}

// settingsOf are settings of keys, in pairs; the text "-" takes a key away.
func settingsOf(pairs ...string) []Setting {
	var out []Setting
	for pair := range slices.Chunk(pairs, 2) {
		out = append(out, Setting{Key: pair[0], Value: texts(pair...)[pair[0]]})
	}
	return out
}
