package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
)

// History reads the newest completed updates, newest first, or all of them if newest is 0. complete says whether there
// are no older ones.
func (s *Stack) History(ctx context.Context, rules scale.Rules, newest int) (updates []scale.Update, complete bool, err error) {
	entries, complete, err := s.readHistory(ctx, newest)
	if err != nil {
		return nil, false, err
	}
	updates, err = s.updates(entries, rules)
	return updates, complete, err
}

// pageSize is how many updates are read at first: enough for the last successful one and the cooldowns of most stacks.
// If they are not enough, the next reading asks for two to pageGrowth times as many. Each reading costs a process,
// whose start takes longer than reading hundreds of updates.
const (
	pageSize   = 20
	pageGrowth = 8
)

// larger returns how many updates to read if size is not enough. It estimates how many updates the longest cooldown
// would hold, if older updates are as close together as these, and adds half of that. The result is at least twice size
// and at most pageGrowth times size.
func larger(size int, updates []scale.Update, rules scale.Rules) int {
	growth := float64(pageGrowth)
	longest := longestCooldown(rules)
	if n := len(updates); n > 0 && time.Since(updates[n-1].End) < longest {
		growth = 1.5 * float64(longest) / float64(time.Since(updates[n-1].End)) //nolint:mnd // half as many again
	}
	return int(float64(size) * min(max(growth, 2), pageGrowth)) //nolint:mnd // twice
}

func longestCooldown(rules scale.Rules) (longest time.Duration) {
	for _, rule := range rules {
		longest = max(longest, rule.Cooldown.Up, rule.Cooldown.Down)
	}
	return longest
}

// from returns the newest known entry and all entries that are older. It leaves out newer entries, because they have
// been added since the state was read. If the newest known entry is not among the entries, it returns all of them.
func from(known, entries []entry) []entry {
	at := slices.IndexFunc(entries, func(e entry) bool { return head([]entry{e}) == head(known) })
	return entries[max(at, 0):]
}

const (
	// succeeded is the history's word for the result of a successful update.
	succeeded = "succeeded"
	// kindUpdate is the history's word for an update that applies the configuration.
	kindUpdate = "update"
)

// entry is one update as `pulumi stack history --json` shows it.
type entry struct {
	Version   int       `json:"version"`
	Kind      string    `json:"kind"`
	StartTime time.Time `json:"startTime"`
	EndTime   time.Time `json:"endTime"`
	Message   string    `json:"message"`
	Result    string    `json:"result"`
	// Changes counts resources by what the update did to them, in Pulumi's words, such as create.
	Changes     map[string]int `json:"resourceChanges"`
	Environment struct {
		// Agent is the `--exec-agent` of the update, by which we recognise our own.
		Agent  string `json:"exec.agent"`
		Author string `json:"git.author"`
		// Commit is the commit from which the update was run. Dirty is "true" if there were changes that were not
		// committed, else "false".
		Commit string `json:"git.head"`
		Dirty  string `json:"git.dirty"`
	} `json:"environment"`
	Config map[string]configValue `json:"config"`
}

// configValue is a value of the configuration that an update had. The history does not tell the value of a secret.
type configValue struct {
	Value  *string `json:"value"`
	Object any     `json:"objectValue"`
	Secret bool    `json:"secret"`
}

// isOver says that an update neither runs nor waits any more. Pulumi Cloud may also list updates that still run or
// wait.
func (e entry) isOver() bool { return e.Result != "in-progress" && e.Result != "not-started" }

// readHistory reads the newest updates, newest first, or all of them if newest is 0. complete says whether there are no
// older ones. Updates that still run, or wait to run, are left out.
func (s *Stack) readHistory(ctx context.Context, newest int) (entries []entry, complete bool, err error) {
	if entries, complete, ok := s.readStored(ctx, newest); ok {
		return entries, complete, nil
	}
	out, err := s.ask(ctx, "read the stack's history", "stack", "history", "--json", "--stack", s.name, "--page", "1", "--page-size", strconv.Itoa(newest))
	if err != nil {
		return nil, false, err
	}
	listed := 0
	decoder := json.NewDecoder(strings.NewReader(out)) // one entry after the other, because there may be thousands
	decoder.UseNumber()
	_, err = decoder.Token()
	for ; err == nil && decoder.More(); listed++ {
		var e entry
		if err = decoder.Decode(&e); err == nil && e.isOver() {
			entries = append(entries, e)
		}
	}
	if err == nil {
		_, err = decoder.Token() // the end of the list, without which it is not whole
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the output of `pulumi stack history`: %w", err)
	}
	return entries, newest == 0 || listed < newest, nil
}

// reachesBack says whether the updates reach back far enough: for every pool, they hold a successful update that is
// older than any running cooldown.
func reachesBack(updates []scale.Update, rules scale.Rules) bool {
	horizon := time.Now().Add(-longestCooldown(rules))
	for name := range rules {
		if !slices.ContainsFunc(updates, func(u scale.Update) bool {
			return u.Succeeded && u.Kind == kindUpdate && u.End.Before(horizon) && (!u.Overtaken || slices.Contains(u.Pools, name))
		}) {
			return false
		}
	}
	return true
}

// head returns a text that identifies the newest completed update; empty if there is none. For an update of ours, the
// text is the update's mark and result. For other updates on Pulumi Cloud, the text is the update's number, because the
// service may still add to their entries. Self-managed backends do not number updates. There the text is a digest of
// those fields that every reader of the history sees alike.
func head(entries []entry) string {
	if len(entries) == 0 {
		return ""
	}
	e := entries[0]
	if _, _, ours := e.decidedOn(); ours {
		return ownHead(e.id(), e.Result)
	}
	if e.Version > 0 {
		return "v" + strconv.Itoa(e.Version)
	}
	text, err := json.Marshal([]any{e.Kind, e.StartTime.UTC(), e.EndTime.UTC(), e.Message, e.Result, e.Environment.Agent, e.Config})
	if err != nil {
		return e.Environment.Agent // what was read from JSON can be written as JSON
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// ownHead returns the head after an update of ours: its mark and its result. The mark alone is not enough, because an
// update that is tried again has the same mark.
func ownHead(id, result string) string { return id + "." + result }

// broughtAlong ends the `--exec-agent` of an update that a rule allowed to bring along what was pending.
const broughtAlong = "pending=allow"

// agent returns the `--exec-agent` of an update: its mark, the head that it was decided on, its pools, and whether it
// may bring along what is pending.
func agent(id string, change scale.Change) string {
	fields := []string{id, "after=" + change.Head, "pools=" + strings.Join(change.Pools, ",")}
	if change.BringsAlong {
		fields = append(fields, broughtAlong)
	}
	return strings.Join(fields, " ")
}

// id is the mark of an update of ours; for other updates it is the first word of their `--exec-agent`.
func (e entry) id() string {
	id, _, _ := strings.Cut(e.Environment.Agent, " ")
	return id
}

// decidedOn returns the head that an update of ours was decided on, and the pools of that update. ok is false for other
// updates.
func (e entry) decidedOn() (head string, pools []string, ok bool) {
	fields := strings.Fields(e.Environment.Agent)
	if len(fields) < 3 || len(fields) > 4 {
		return "", nil, false
	}
	head, isHead := strings.CutPrefix(fields[1], "after=")
	list, isList := strings.CutPrefix(fields[2], "pools=")
	return head, strings.Split(list, ","), isHead && isList
}

func (s *Stack) updates(entries []entry, rules scale.Rules) ([]scale.Update, error) {
	keys := make(map[string]configfile.Key, len(rules))
	owner := map[string]string{}
	for _, name := range rules.Names() {
		rule := rules[name]
		key, err := configfile.ParseKey(string(s.project.Name), rule.ConfigKey, rule.ConfigPath)
		if err != nil {
			return nil, configfile.BadKey(rule, err)
		}
		full := key.Name + " " + key.Path.String()
		if first, taken := owner[full]; taken { // two spellings of one key, which the rules' own check does not see
			return nil, configfile.BadKey(rule, fmt.Errorf("must be the pool's own: it is also the key of %s", first))
		}
		keys[name], owner[full] = key, name
	}
	out := make([]scale.Update, len(entries))
	for i, e := range entries {
		values := make(map[string]*string, len(keys))
		for name, key := range keys {
			values[name] = e.value(key)
		}
		out[i] = scale.Update{
			Kind: e.Kind, Succeeded: e.Result == succeeded, Start: e.StartTime, End: e.EndTime,
			Message: e.Message, By: e.Environment.Author, ID: e.id(), Values: values, Head: head(entries[i:]),
			BroughtAlong: strings.HasSuffix(e.Environment.Agent, " "+broughtAlong),
		}
		if on, pools, ours := e.decidedOn(); ours {
			// If the entries are only a part of the history, nothing tells whether the oldest one was overtaken. It is
			// then taken for overtaken, which is the worse case.
			out[i].Pools, out[i].Overtaken = pools, on != head(entries[i+1:])
			// The author of the program's commit did not ask for a scaling of ours. The scaling's message says who did.
			out[i].By = ""
		}
	}
	return out, nil
}

func (e entry) value(key configfile.Key) *string {
	found, ok := e.Config[key.Name]
	switch {
	case !ok:
		return nil
	case found.Secret:
		return configfile.Text(configfile.SecretText)
	case found.Object != nil:
		return key.Lookup(found.Object)
	case found.Value != nil:
		return key.Lookup(*found.Value)
	}
	return nil
}

// deployedConfig returns the configuration of the last successful update among the entries, which are newest first. It
// has each value in JSON, by its full key. It is nil if there is no such update, or if the history does not tell its
// configuration. An overtaken update does not count.
func deployedConfig(entries []entry) map[string]string {
	for i, e := range entries {
		if e.Kind != kindUpdate || e.Result != succeeded {
			continue
		}
		if on, _, ours := e.decidedOn(); ours && i+1 < len(entries) && on != head(entries[i+1:]) {
			continue
		}
		if e.Config == nil {
			return nil
		}
		out := make(map[string]string, len(e.Config))
		for key, value := range e.Config {
			switch {
			case value.Secret:
				out[key] = configfile.SecretValue
			case value.Object != nil:
				out[key] = configfile.JSON(value.Object)
			case value.Value != nil:
				out[key] = configfile.JSON(*value.Value)
			}
		}
		return out
	}
	return nil
}

// deployOf returns the newest successful update that is no scaling of ours; nil if the entries have none. The entries
// are newest first.
func deployOf(entries []entry) *scale.Deploy {
	for i, e := range entries {
		if _, _, ours := e.decidedOn(); ours {
			continue
		}
		if e.Kind != kindUpdate || e.Result != succeeded {
			continue // a refresh, or an update that failed, deploys nothing
		}
		return &scale.Deploy{Head: head(entries[i:]), At: e.EndTime, Commit: e.Environment.Commit, Dirty: e.Environment.Dirty == "true"}
	}
	return nil
}
