package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
)

// The names of what every world has one of.
const (
	projectName = "campaign"
	stackName   = "dev"
)

// poolSpec is a pool of the program.
type poolSpec struct {
	name string
	// exact pools get deltas that stay inside the guardrails, so that each event's effect is known. Other pools get
	// anything.
	exact bool
	// exported pools have `current` in their rule.
	exported           bool
	start, least, most int
	// cooldown is in seconds.
	cooldown int
	// target is the rule's target. If it is empty, the target is the resource's URN.
	target string
	// single says that the pool is one resource, with a property that is its size and another property beside that.
	single bool
}

// pools are those of the program, by name.
func pools() []poolSpec {
	return []poolSpec{
		{name: "batch", exact: true, exported: true, start: 33, least: 1, most: 90},
		{name: "cool", exact: true, exported: true, start: 33, least: 1, most: 90, cooldown: 4},
		{name: "edge", exported: true, start: 3, least: 2, most: 5},
		{name: "plain", exact: true, start: 33, least: 1, most: 90, target: "**localcloud:index:Pool::plain"},
		{name: "web", exact: true, exported: true, start: 33, least: 1, most: 90},
		{name: "zone", exact: true, exported: true, start: 33, least: 1, most: 90, single: true},
	}
}

// key is the config key that holds the pool's count.
func (p poolSpec) key() string { return projectName + ":" + p.name + "Count" }

// line is the line of the pool's count in the config file: what comes before the count, and after it.
func (p poolSpec) line() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^(\s*` + p.key() + `:\s*).*?(\s*(?:#.*)?)$`)
}

// size is the property that holds the pool's size.
func (p poolSpec) size() string {
	if p.single {
		return "count"
	}
	return "size"
}

// picture is all that there is to know of a stack. It is read from the files themselves: no engine and no pulumiscale
// had a say in it.
type picture struct {
	// file is what the config file says of each pool's count. A pool that it does not name is missing.
	file map[string]string
	// rest is the config file with the counts blanked out.
	rest string
	// history are the completed updates, oldest first.
	history []update
	// state is what the checkpoint has of each pool: its resource, and its rule's `current`.
	state map[string]poolState
	// pending are the resources that the checkpoint says an update left in the middle of an operation.
	pending []string
	// locks are the stack's locks.
	locks []lock
	// cloud is how many workers each pool really has. touched is how many lines the provider's log has.
	cloud   map[string]int
	touched int
	// snapshot is the checkpoint as it is. neighbour is the neighbour's file in the cloud.
	snapshot  snapshot
	neighbour string
	// deploying says that somebody else's update was running.
	deploying bool
}

// update is an entry of the history.
type update struct {
	Kind        string `json:"kind"`
	Message     string `json:"message"`
	Result      string `json:"result"`
	Environment struct {
		Agent string `json:"exec.agent"`
		// Head is the commit that the program was at.
		Head string `json:"git.head"`
	} `json:"environment"`
	Config map[string]any `json:"config"`
	Start  int64          `json:"startTime"`
	End    int64          `json:"endTime"`
	// at is the entry's key in the backend without its ending, which it shares with the checkpoint that the update left.
	at string
}

// ours says whether pulumiscale made the update.
func (u update) ours() bool { return strings.HasPrefix(u.Environment.Agent, "pulumiscale/") }

// id is the mark of an update of ours.
func (u update) id() string {
	id, _, _ := strings.Cut(u.Environment.Agent, " ")
	return id
}

// group is the mark of the update and of those that mended it.
func (u update) group() string { return strings.TrimRight(u.id(), "+") }

// means says whether the update's value for a pool is what somebody wanted. An update of ours names the pools that it
// scales, and may have out-of-date values of others.
func (u update) means(pool poolSpec) bool {
	_, list, named := strings.Cut(u.Environment.Agent, " pools=")
	return !u.ours() || !named || slices.Contains(strings.Split(list, ","), pool.name)
}

func (u update) succeeded() bool { return u.Result == "succeeded" && u.Kind == "update" }

// count is a pool's count in the update's configuration.
func (u update) count(pool poolSpec) (int, bool) {
	n, err := strconv.Atoi(fmt.Sprint(u.Config[pool.key()]))
	return n, err == nil
}

// poolState is what the checkpoint says of a pool.
type poolState struct {
	// wanted is the resource's input, and size is its output. Both are -1 if there is no such resource.
	wanted, size int
	// current is the rule's, in the stack's output. It is nil if the rule has none.
	current *int
	// least and most are the guardrails in force.
	least, most int
}

// lock is a lock of the backend.
type lock struct {
	PID  int    `json:"pid"`
	User string `json:"username"`
	Host string `json:"hostname"`
	key  string
}

// places are where a stack's files are.
type places struct {
	config, cloud string
	store         backend.Objects
}

// take reads the picture. It leaves out what is missing; what cannot be read is an error.
func take(at places) (picture, error) {
	p := picture{cloud: map[string]int{}}
	var err error
	if p.file, p.rest, err = readConfig(at.config); err != nil {
		return p, err
	}
	if p.history, err = readHistory(at.store, projectName); err != nil {
		return p, err
	}
	if err := p.readState(at.store); err != nil {
		return p, err
	}
	if p.locks, err = readLocks(at.store); err != nil {
		return p, err
	}
	for _, pool := range pools() {
		if p.cloud[pool.name], err = countWorkers(at.cloud, pool); err != nil {
			return p, err
		}
	}
	text, err := os.ReadFile(filepath.Join(at.cloud, neighbourName+".json"))
	if missing(err) != nil {
		return p, err
	}
	p.neighbour = string(text)
	log, err := os.ReadFile(filepath.Join(at.cloud, "operations.log"))
	p.touched = strings.Count(string(log), "\n")
	return p, missing(err)
}

// neighbourName is the resource beside the pools.
const neighbourName = "front"

// countWorkers counts what a pool really has.
func countWorkers(cloud string, pool poolSpec) (int, error) {
	if !pool.single {
		workers, err := filepath.Glob(filepath.Join(cloud, pool.name, "worker-*"))
		return len(workers), err
	}
	text, err := os.ReadFile(filepath.Join(cloud, pool.name+".json"))
	if err != nil {
		return 0, missing(err)
	}
	var doc struct {
		Count int `json:"count"`
	}
	_ = json.Unmarshal(text, &doc) // it is just being written: then nothing is known
	return doc.Count, nil
}

// missing is err, unless it says that a file is not there.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// countLine is the line of a count in the config file.
var countLine = regexp.MustCompile(`(?m)^(\s*` + projectName + `:\w+Count:\s*).*?(\s*(#.*)?)$`)

func readConfig(path string) (counts map[string]string, rest string, err error) {
	text, err := os.ReadFile(path)
	if err := missing(err); err != nil {
		return nil, "", err
	}
	var doc struct {
		Config map[string]any `yaml:"config"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, "", fmt.Errorf("read %s: %w", path, err)
	}
	counts = map[string]string{}
	for _, pool := range pools() {
		if value, ok := doc.Config[pool.key()]; ok {
			counts[pool.name] = fmt.Sprint(value)
		}
	}
	return counts, countLine.ReplaceAllString(string(text), "${1}N$2"), nil
}

// stamp is the time in the name of a history file, by which the backend sorts them.
var stamp = regexp.MustCompile(`-(\d+)\.history\.json$`)

// The endings of an entry of the history, and of the checkpoint beside it.
const (
	historySuffix    = ".history.json"
	checkpointSuffix = ".checkpoint.json"
)

func readHistory(s backend.Objects, project string) ([]update, error) {
	entries, err := s.List(historyPrefix(project), historySuffix)
	if err != nil {
		return nil, err
	}
	when := func(o backend.Object) string {
		if found := stamp.FindStringSubmatch(o.Key); found != nil {
			return found[1]
		}
		return ""
	}
	slices.SortFunc(entries, func(a, b backend.Object) int { return cmp.Compare(when(a), when(b)) })
	var out []update
	for _, entry := range entries {
		var u update
		if err := json.Unmarshal(entry.Text, &u); err != nil {
			return nil, fmt.Errorf("read %s: %w", entry.Key, err)
		}
		u.at = strings.TrimSuffix(entry.Key, historySuffix)
		out = append(out, u)
	}
	return out, nil
}

// checkpoint is the part of a state's file that matters here.
type checkpoint struct {
	Checkpoint struct {
		Latest struct {
			Resources []struct {
				Type   string `json:"type"`
				Inputs struct {
					Name  string `json:"name"`
					Size  int    `json:"size"`
					Count int    `json:"count"`
				} `json:"inputs"`
				Outputs struct {
					Size  int             `json:"size"`
					Count int             `json:"count"`
					Rules json.RawMessage `json:"pulumiscale"`
				} `json:"outputs"`
			} `json:"resources"`
			Pending []struct {
				Resource struct {
					URN string `json:"urn"`
				} `json:"resource"`
				Type string `json:"type"`
			} `json:"pending_operations"`
		} `json:"latest"`
	} `json:"checkpoint"`
}

func (p *picture) readState(s backend.Objects) error {
	p.state = map[string]poolState{}
	for _, pool := range pools() {
		p.state[pool.name] = poolState{wanted: -1, size: -1, most: pool.most}
	}
	text, err := s.Read(stateKey(projectName))
	if err != nil {
		return missing(err)
	}
	var doc checkpoint
	if err := json.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	if p.snapshot, err = parseSnapshot(text); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	var rules map[string]struct {
		Current *int `json:"current"`
		Min     int  `json:"min"`
		Max     int  `json:"max"`
	}
	for _, r := range doc.Checkpoint.Latest.Resources {
		if r.Type == "pulumi:pulumi:Stack" && len(r.Outputs.Rules) > 0 && r.Outputs.Rules[0] == '{' {
			if err := json.Unmarshal(r.Outputs.Rules, &rules); err != nil {
				rules = nil // malformed on purpose
			}
		}
	}
	for _, r := range doc.Checkpoint.Latest.Resources {
		if _, known := p.state[r.Inputs.Name]; known && strings.HasPrefix(r.Type, "localcloud:index:") {
			rule := rules[r.Inputs.Name]
			p.state[r.Inputs.Name] = poolState{ // a resource has only one of the two
				wanted: r.Inputs.Size + r.Inputs.Count, size: r.Outputs.Size + r.Outputs.Count, current: rule.Current, least: rule.Min, most: rule.Max,
			}
		}
	}
	for _, op := range doc.Checkpoint.Latest.Pending {
		p.pending = append(p.pending, op.Type+" "+op.Resource.URN)
	}
	return nil
}

func readLocks(s backend.Objects) ([]lock, error) {
	held, err := s.List(lockPrefix(), ".json")
	if err != nil {
		return nil, err
	}
	var out []lock
	for _, o := range held {
		l := lock{key: o.Key}
		if json.Unmarshal(o.Text, &l) == nil || len(o.Text) > 0 {
			out = append(out, l)
		}
	}
	return out, nil
}

// count is a pool's count in the newest successful update that means it.
func (p picture) count(pool poolSpec) (int, bool) {
	for _, u := range slices.Backward(p.history) {
		if u.succeeded() && u.means(pool) {
			return u.count(pool)
		}
	}
	return 0, false
}

// last is the newest successful update. ok is false if there is none.
func (p picture) last() (u update, ok bool) {
	for _, u := range slices.Backward(p.history) {
		if u.succeeded() {
			return u, true
		}
	}
	return update{}, false
}

// unused is a count that no update ever had for a pool, from one on.
func (p picture) unused(pool poolSpec, from int) int {
	for n := from; ; n++ {
		used := slices.ContainsFunc(p.history, func(u update) bool {
			count, has := u.count(pool)
			return has && count == n
		})
		if !used {
			return n
		}
	}
}
