package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
)

// entry makes a successful update with the counts of batch, cool, edge, plain and web, and 30 zones.
func entry(agent, message string, end int64, counts ...int) update {
	u := update{Kind: "update", Result: "succeeded", Message: message, Start: end - 1, End: end, Config: map[string]any{}}
	u.Environment.Agent = agent
	for i, pool := range pools() {
		u.Config[pool.key()] = "30"
		if i < len(counts) {
			u.Config[pool.key()] = fmt.Sprint(counts[i])
		}
	}
	return u
}

// consistent is a picture in which everything says what its newest successful update says.
func consistent(history ...update) picture {
	p := picture{file: map[string]string{}, state: map[string]poolState{}, cloud: map[string]int{}, rest: "config:", touched: 9, history: history}
	last, _ := p.last()
	for _, pool := range pools() {
		n, _ := last.count(pool)
		p.file[pool.name], p.cloud[pool.name] = fmt.Sprint(n), n
		state := poolState{wanted: n, size: n, least: pool.least, most: pool.most}
		if pool.exported {
			state.current = &n
		}
		p.state[pool.name] = state
	}
	p.snapshot, p.neighbour = snapshotOf(last), `{"name":"front","tag":"blue-0","updates":2}`
	return p
}

// resource makes a resource of a checkpoint.
func resource(kind, name string, inputs, outputs map[string]any) map[string]any {
	return map[string]any{
		"urn": "urn:pulumi:dev::campaign::" + kind + "::" + name, "type": kind, "id": name, "inputs": inputs, "outputs": outputs,
		"parent": "urn:pulumi:dev::campaign::pulumi:pulumi:Stack::campaign-dev", "provider": "urn:pulumi:dev::campaign::pulumi:providers:localcloud::default::p1",
		"modified": fmt.Sprint(name, outputs),
	}
}

// snapshotOf is what an update leaves.
func snapshotOf(u update) snapshot {
	rules := map[string]any{}
	stack := map[string]any{
		"urn": "urn:pulumi:dev::campaign::pulumi:pulumi:Stack::campaign-dev", "type": "pulumi:pulumi:Stack", "outputs": map[string]any{"release": "r0", "pulumiscale": rules},
	}
	provider := map[string]any{"urn": "urn:pulumi:dev::campaign::pulumi:providers:localcloud::default", "id": "p1", "inputs": map[string]any{"folder": "cloud"}}
	out := snapshot{stack, provider}
	for _, pool := range pools() {
		n, _ := u.count(pool)
		rules[pool.name] = map[string]any{"min": pool.least, "current": n}
		size := map[string]any{"name": pool.name, pool.size(): n}
		out = append(out, resource("localcloud:index:Pool", pool.name, size, size))
	}
	return append(out, resource("localcloud:index:Balancer", "front", map[string]any{"tag": "blue-0"}, map[string]any{"tag": "blue-0", "updates": 2}))
}

// stepsOf are the steps of updates if all is well. Each has the checkpoint that its update leaves.
func stepsOf(history []update) []step {
	var out []step
	for _, u := range history {
		out = append(out, step{u, snapshotOf(u)})
	}
	return out
}

// resource is a resource of the snapshot, to be changed.
func (s snapshot) resource(t *testing.T, called string) map[string]any {
	i := slices.IndexFunc(s, func(r map[string]any) bool { return name(text(r, "urn")) == called })
	if i < 0 {
		t.Fatalf("no resource %s", called)
	}
	return s[i]
}

// sound is the evidence of a round in which all went well: an event scaled web, and batch's event failed.
func sound() evidence {
	first := entry("", "deployed", 100, 30, 30, 3, 30, 30)
	second := entry("pulumiscale/A", "pulumiscale: web 30 -> 32 (http: <k1>)", 200, 30, 30, 3, 30, 32)
	return evidence{
		before: consistent(first), glances: []picture{consistent(first), consistent(first, second)}, after: consistent(first, second), final: consistent(first, second, entry("", "", 300, 30, 30, 3, 30, 32)), since: 1, steps: stepsOf([]update{second}),
		events: []event{
			{key: "k1", pool: "web", delta: 2, outcome: scaled, told: "scaled", accepted: 190},
			{key: "k2", pool: "batch", delta: 1, outcome: not, told: "failed", reason: "quota", failed: true, accepted: 190},
		},
	}
}

// withTeam makes the round one with git: people committed, then an update was committed.
func (e *evidence) withTeam() *teamEvidence {
	counts := func(web string) map[string]string {
		return map[string]string{"batch": "30", "cool": "30", "edge": "3", "plain": "30", "web": web, "zone": "30"}
	}
	e.before.history[0].Environment.Head, e.after.history[0].Environment.Head = "base", "base"
	e.after.history[1].Environment.Head, e.steps[0].Environment.Head = "base", "base"
	e.team = &teamEvidence{
		base: "base", tip: "ours", pushed: []tipPushed{{"base", 100}, {"theirs", 150}, {"ours", 201}}, baseCounts: counts("30"), same: true, fileRest: "N", fileWas: "N",
		commits: map[string]teamCommit{
			"theirs": {hash: "theirs", parent: "base", time: 150, people: true, files: []string{"README.md"}, counts: counts("30"), rest: "N"},
			"ours": {
				hash: "ours", parent: "theirs", time: 201, pools: []string{"web"}, files: []string{programPrefix + "/" + configName},
				counts: counts("32"), rest: "N",
			},
		},
	}
	return e.team
}

// change changes a commit.
func (t *teamEvidence) change(hash string, change func(*teamCommit)) {
	c := t.commits[hash]
	change(&c)
	t.commits[hash] = c
}

// scaledTo makes the round's evidence that of a history.
func (e *evidence) scaledTo(updates ...update) {
	e.after = consistent(append(slices.Clone(e.before.history), updates...)...)
	e.final, e.steps = e.after, stepsOf(updates)
}

func TestSoundRoundBreaksNothing(t *testing.T) {
	if broken := judge(sound()); len(broken) > 0 {
		t.Error(broken)
	}
}

// TestWhatIsNoneOfOursBreaksNothing holds the invariants against what people may do beside us.
func TestWhatIsNoneOfOursBreaksNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(e *evidence)
	}{
		{"a deploy changes everything", func(e *evidence) {
			deploy := entry("", "", 150, 30, 30, 3, 30, 30)
			ours := entry("pulumiscale/A", "<k1>", 200, 30, 30, 3, 30, 32)
			e.scaledTo(deploy, ours)
			e.glances = nil
			for _, left := range []snapshot{e.steps[0].left, e.steps[1].left, e.after.snapshot, e.final.snapshot} {
				left.resource(t, "zone")["inputs"] = map[string]any{"name": "zone", "count": 30, "tag": "red"}
			}
			e.after.history[1].Config["campaign:note"], e.after.history[2].Config["campaign:note"] = "deployed", "deployed"
		}},
		{"an update of ours with an outdated configuration was interrupted before it changed anything", func(e *evidence) {
			deploy := entry("", "", 150, 30, 30, 3, 30, 30)
			interrupted := entry("pulumiscale/A", "<k1>", 160, 30, 30, 3, 30, 32)
			interrupted.Result = "failed"
			ours := entry("pulumiscale/A", "<k1>", 200, 30, 30, 3, 30, 32)
			e.scaledTo(deploy, interrupted, ours)
			e.steps[1].left = e.steps[0].left
			e.after.history[1].Config["campaign:note"], e.after.history[3].Config["campaign:note"] = "deployed", "deployed"
		}},
		{"somebody changed a size behind the state", func(e *evidence) {
			e.resized = map[string]bool{"web": true}
			e.after.cloud["web"]++
		}},
		{"a pool is left half scaled", func(e *evidence) {
			size := map[string]any{"name": "batch", "size": 31}
			e.steps[0].left.resource(t, "batch")["outputs"], e.steps[0].left.resource(t, "batch")["initErrors"] = size, []any{"quota"}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := sound()
			c.change(&e)
			if broken := judge(e); len(broken) > 0 {
				t.Error(broken)
			}
		})
	}
}

// TestWhatPeopleDoOnTheBranchBreaksNothing holds the invariants of a round with git against what people may do there.
func TestWhatPeopleDoOnTheBranchBreaksNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(e *evidence)
	}{
		{"all went well", func(*evidence) {}},
		{"an edit is on its way", func(e *evidence) {
			e.team.change("theirs", func(c *teamCommit) { c.counts["batch"] = "50" })
			e.team.change("ours", func(c *teamCommit) { c.counts["batch"] = "50" })
			e.final = consistent(append(slices.Clone(e.after.history), entry("", "", 300, 50, 30, 3, 30, 32))...)
			e.final.touched++
		}},
		{"the branch was rewritten without our commit", func(e *evidence) {
			e.team.pushed, e.team.tip = append(e.team.pushed, tipPushed{"again", 210}), "again"
			e.team.commits["again"] = teamCommit{
				hash: "again", parent: "base", time: 210, people: true, counts: e.team.commits["theirs"].counts, rest: "N",
			}
			e.final = consistent(append(slices.Clone(e.after.history), entry("", "", 300, 30, 30, 3, 30, 30))...)
		}},
		{"an older commit was deployed", func(e *evidence) {
			back := entry("", "", 210, 30, 30, 3, 30, 30)
			back.Environment.Head = "theirs"
			e.scaledTo(e.after.history[1], back)
			e.final = consistent(append(slices.Clone(e.after.history), entry("", "", 300, 30, 30, 3, 30, 32))...)
			e.final.touched++
		}},
		{"an update of ours was overtaken and changed nothing", func(e *evidence) {
			failed := entry("pulumiscale/B", "", 199, 30, 30, 3, 30, 33)
			failed.Result, failed.Environment.Head = "failed", "older"
			ours := e.after.history[1]
			e.after.history = []update{e.after.history[0], failed, ours}
			e.steps = []step{{failed, e.before.snapshot}, {ours, snapshotOf(ours)}}
			e.final = e.after
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := sound()
			e.withTeam()
			c.change(&e)
			if broken := judge(e); len(broken) > 0 {
				t.Error(broken)
			}
		})
	}
}

func TestMendedScalingBreaksNothing(t *testing.T) {
	e := sound()
	e.events = append(e.events, event{key: "k3", pool: "web", delta: -1, outcome: scaled})
	e.scaledTo(
		entry("pulumiscale/A", "pulumiscale: web 30 -> 32 (http: <k1>)", 200, 30, 30, 3, 30, 32),
		entry("pulumiscale/B", "pulumiscale: web 30 -> 29 (cli: <k3>)", 202, 30, 30, 3, 30, 29), // it did not know of A
		entry("pulumiscale/B+", "pulumiscale: web 32 -> 31 (cli: <k3>)", 204, 30, 30, 3, 30, 31),
	)
	if broken := judge(e); len(broken) > 0 {
		t.Error(broken)
	}
}

// TestEachBreachIsSeen breaks one thing at a time, and wants the invariant that forbids it to say so.
func TestEachBreachIsSeen(t *testing.T) {
	web := func(agent, message string, end int64, n int) update {
		return entry(agent, message, end, 30, 30, 3, 30, n)
	}
	cool := func(agent, message string, end int64, n int) update {
		return entry(agent, message, end, 30, n, 3, 30, 30)
	}
	state := func(p picture, pool string, change func(*poolState)) {
		s := p.state[pool]
		change(&s)
		p.state[pool] = s
	}
	for _, c := range []struct {
		name, invariant string
		breach          func(*evidence)
	}{
		{"the config file has another count", "agreement", func(e *evidence) { e.after.file["web"] = "30" }},
		{"the config file has none", "agreement", func(e *evidence) { delete(e.after.file, "web") }},
		{"the checkpoint's input is another", "agreement", func(e *evidence) { state(e.after, "web", func(s *poolState) { s.wanted = 30 }) }},
		{"the checkpoint's output is another", "agreement", func(e *evidence) { state(e.after, "plain", func(s *poolState) { s.size = 29 }) }},
		{"`current` is another", "agreement", func(e *evidence) { n := 30; state(e.after, "web", func(s *poolState) { s.current = &n }) }},
		{"`current` is gone", "agreement", func(e *evidence) { state(e.after, "web", func(s *poolState) { s.current = nil }) }},
		{"the cloud has another count", "agreement", func(e *evidence) { e.after.cloud["batch"] = 31 }},
		{"the cloud has another count after a plain up", "agreement", func(e *evidence) { e.final.cloud["batch"] = 31 }},
		{"a killed scaling had already written its count", "order", func(e *evidence) {
			glance := consistent(e.before.history...)
			glance.file["web"] = "32"
			e.glances = []picture{consistent(e.after.history...), glance}
		}},
		{"an update left the guardrails", "guardrails", func(e *evidence) {
			e.scaledTo(entry("pulumiscale/A", "<k1>", 200, 30, 30, 6, 30, 32))
		}},
		{"the cloud has more than max", "guardrails", func(e *evidence) { e.after.cloud["edge"] = 6 }},
		{"an operation has not ended", "an end", func(e *evidence) { e.events[0].outcome = open }},
		{"a failure without a reason", "an end", func(e *evidence) { e.events[1].reason = "" }},
		{"the history is shorter than before", "an end", func(e *evidence) { e.since = 3 }},
		{"an event was carried out twice", "once", func(e *evidence) {
			e.scaledTo(web("pulumiscale/A", "<k1>", 200, 32), web("pulumiscale/B", "<k1>", 210, 34))
		}},
		{"an event that was told to have scaled was not carried out", "once", func(e *evidence) { e.scaledTo(web("", "", 200, 30)) }},
		{"an event that was told to have failed was carried out", "once", func(e *evidence) { e.events[0].outcome, e.events[0].reason = not, "no" }},
		{"nobody asked for an update", "once", func(e *evidence) { e.events = e.events[1:] }},
		{"an update did more than was asked for", "effect", func(e *evidence) { e.scaledTo(web("pulumiscale/A", "<k1>", 200, 33)) }},
		{"an update moved a pool that was not asked for", "effect", func(e *evidence) {
			e.scaledTo(entry("pulumiscale/A", "<k1>", 200, 31, 30, 3, 30, 32))
		}},
		{"a mended scaling counts twice", "account", func(e *evidence) {
			e.scaledTo(web("pulumiscale/A", "<k1>", 200, 32), web("pulumiscale/A+", "<k1>", 203, 34))
		}},
		{"a scaling was lost", "account", func(e *evidence) {
			e.scaledTo(web("pulumiscale/A", "<k1>", 200, 32), web("pulumiscale/B", "<k0>", 203, 30))
		}},
		{"a killed scaling counts by half", "account", func(e *evidence) {
			e.events[0].outcome = unknown
			e.scaledTo(web("pulumiscale/A", "<k1>", 200, 31))
		}},
		{"two scalings within the cooldown", "cooldown", func(e *evidence) {
			e.events = append(e.events, event{key: "c1", pool: "cool", delta: 1, outcome: scaled}, event{key: "c2", pool: "cool", delta: 1, outcome: scaled})
			e.scaledTo(cool("pulumiscale/A", "<c1>", 200, 31), cool("pulumiscale/B", "<c2>", 202, 32))
		}},
		{"a lock is left", "clean", func(e *evidence) { e.after.locks = []lock{{PID: 7}} }},
		{"an operation is pending", "clean", func(e *evidence) { e.after.pending = []string{"updating web"} }},
		{"a plain up fails", "plain up", func(e *evidence) { e.upErr = os.ErrInvalid }},
		{"a plain up changes something", "plain up", func(e *evidence) { e.final.touched++ }},
		{"a target's property came along", "size alone", func(e *evidence) {
			e.steps[0].left.resource(t, "zone")["inputs"] = map[string]any{"name": "zone", "count": 30, "tag": "red"}
		}},
		{"a property came along with an update that failed", "size alone", func(e *evidence) {
			e.steps[0].Result = "failed"
			e.steps[0].left.resource(t, "zone")["outputs"] = map[string]any{"name": "zone", "count": 30, "tag": "red"}
		}},
		{"the neighbour came along", "size alone", func(e *evidence) {
			e.steps[0].left.resource(t, "front")["outputs"] = map[string]any{"tag": "red-0", "updates": 3}
		}},
		{"a provider's setting came along", "size alone", func(e *evidence) {
			e.steps[0].left.resource(t, "default")["inputs"] = map[string]any{"folder": "other"}
		}},
		{"a pool has another provider", "size alone", func(e *evidence) { e.steps[0].left.resource(t, "web")["provider"] = "urn::p2" }},
		{"a pool is protected", "size alone", func(e *evidence) { e.steps[0].left.resource(t, "web")["protect"] = true }},
		{"an output came along", "size alone", func(e *evidence) {
			e.steps[0].left.resource(t, "campaign-dev")["outputs"].(map[string]any)["release"] = "r1"
		}},
		{"a rule came along", "size alone", func(e *evidence) {
			rules := e.steps[0].left.resource(t, "campaign-dev")["outputs"].(map[string]any)["pulumiscale"].(map[string]any)
			rules["web"] = map[string]any{"min": 7, "current": 32}
		}},
		{"a resource came along", "size alone", func(e *evidence) {
			e.steps[0].left = append(e.steps[0].left, resource("localcloud:index:Balancer", "more", nil, nil))
		}},
		{"a resource is gone", "size alone", func(e *evidence) { e.steps[0].left = e.steps[0].left[:len(e.steps[0].left)-1] }},
		{"a resource waits to be deleted", "size alone", func(e *evidence) { e.steps[0].left.resource(t, "web")["delete"] = true }},
		{"a config key came along", "size alone", func(e *evidence) { e.after.history[1].Config["campaign:note"] = "changed" }},
		{"a config key was taken back", "size alone", func(e *evidence) { e.after.history[0].Config["campaign:note"] = "deployed" }},
		{"a property came along with an update that was cut off", "size alone", func(e *evidence) {
			e.after.snapshot.resource(t, "zone")["inputs"] = map[string]any{"name": "zone", "count": 30, "tag": "red"}
		}},
		{"a property came along with an update that was killed", "size alone", func(e *evidence) {
			e.glances[0].snapshot.resource(t, "zone")["inputs"] = map[string]any{"name": "zone", "count": 30, "tag": "red"}
		}},
		{"the neighbour was updated and the state does not say so", "size alone", func(e *evidence) {
			e.after.neighbour = `{"name":"front","tag":"blue-0","updates":3}`
		}},
		{"the CLI cannot read the state", "readable", func(e *evidence) { e.unreadable = []string{"snapshot integrity failure"} }},
		{"a resource's provider is gone from the state", "readable", func(e *evidence) { e.after.snapshot = slices.Delete(e.after.snapshot, 1, 2) }},
		{"a dependency is gone from a state of the history", "readable", func(e *evidence) {
			e.steps[0].left.resource(t, "web")["dependencies"] = []any{"urn:pulumi:dev::campaign::localcloud:index:Balancer::back"}
		}},
		{"an update of ours ran another commit", "deployed", func(e *evidence) { e.withTeam(); e.after.history[1].Environment.Head = "older" }},
		{"a commit of ours changes another file", "commits", func(e *evidence) {
			e.withTeam().change("ours", func(c *teamCommit) { c.files = append(c.files, "README.md") })
		}},
		{"a commit of ours changes another key", "commits", func(e *evidence) { e.withTeam().change("ours", func(c *teamCommit) { c.rest = "note: N" }) }},
		{"a commit of ours brings a count that no update had", "commits", func(e *evidence) {
			e.withTeam().change("ours", func(c *teamCommit) { c.counts["web"] = "77" })
		}},
		{"a commit of ours changes a pool that it does not name", "commits", func(e *evidence) {
			e.withTeam().change("ours", func(c *teamCommit) { c.pools = nil; c.pools = []string{"batch"} })
		}},
		{"a commit is nobody's", "commits", func(e *evidence) { e.withTeam().change("theirs", func(c *teamCommit) { c.people = false }) }},
		{"a push of ours takes a commit off the branch", "commits", func(e *evidence) { e.withTeam().change("ours", func(c *teamCommit) { c.parent = "base" }) }},
		{"an edit is overwritten", "edits", func(e *evidence) { e.withTeam().change("theirs", func(c *teamCommit) { c.counts["web"] = "50" }) }},
		{"a count is not on the branch", "written back", func(e *evidence) { e.withTeam().tip = "theirs" }},
		{"a deploy of the tip takes a count back", "written back", func(e *evidence) {
			e.withTeam()
			e.final = consistent(append(e.after.history, web("", "", 300, 30))...)
		}},
		{"a lock file is left", "clone", func(e *evidence) { e.withTeam().leftovers = []string{"HEAD.lock"} }},
		{"the server's config file lost a comment", "clone", func(e *evidence) { e.withTeam().fileRest = "" }},
		{"a comment is gone", "file", func(e *evidence) { e.final.rest = "" }},
		{"something was seen to be wrong", "conduct", func(e *evidence) { e.complaints = []string{"data race"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := sound()
			c.breach(&e)
			broken := judge(e)
			if !slices.ContainsFunc(broken, func(what string) bool { return strings.HasPrefix(what, c.invariant+":") }) {
				t.Errorf("%s is not broken: %q", c.invariant, broken)
			}
		})
	}
}

func TestEveryInvariantHasABreach(t *testing.T) {
	source, err := os.ReadFile("invariants_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, inv := range invariants() {
		if !strings.Contains(string(source), fmt.Sprintf(`", %q, func(e *evidence)`, inv.name)) {
			t.Errorf("no test breaks %q", inv.name)
		}
	}
}

func TestPictureReadsTheBackendsFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("dev.yaml", "config:\n  campaign:webCount: \"32\" # the size\n  campaign:note: kept\n")
	history := "backend/.pulumi/history/campaign/dev/dev-%s.history.json"
	write(fmt.Sprintf(history, "1000000000000000002"), `{"kind":"update","result":"failed","config":{"campaign:webCount":"40"},"endTime":2}`)
	write(fmt.Sprintf(history, "999999999999999999"), `{"kind":"update","result":"succeeded","environment":{"exec.agent":"pulumiscale/A+"},"config":{"campaign:webCount":"32"}}`)
	write("backend/.pulumi/stacks/campaign/dev.json", `{"checkpoint":{"latest":{
		"resources":[
			{"type":"pulumi:pulumi:Stack","outputs":{"pulumiscale":{"web":{"min":1,"max":90,"current":32}}}},
			{"type":"localcloud:index:Pool","inputs":{"name":"web","size":33},"outputs":{"size":32}}],
		"pending_operations":[{"resource":{"urn":"urn:web"},"type":"updating"}]}}}`)
	write("backend/.pulumi/locks/organization/campaign/dev/x.json", `{"pid":7,"username":"me","hostname":"here"}`)
	write("cloud/web/worker-0001", "")
	write("cloud/operations.log", "create web/worker-0001\n")

	p, err := take(places{config: filepath.Join(dir, "dev.yaml"), store: backend.Folder(filepath.Join(dir, "backend")), cloud: filepath.Join(dir, "cloud")})
	if err != nil {
		t.Fatal(err)
	}
	last, ok := p.last()
	web := p.state["web"]
	got := []any{maps.Collect(maps.All(p.file)), p.rest, len(p.history), ok, last.ours(), last.group(), web.wanted, web.size, *web.current, web.most, p.pending, p.locks[0].PID, p.cloud["web"], p.touched}
	want := []any{map[string]string{"web": "32"}, "config:\n  campaign:webCount: N # the size\n  campaign:note: kept\n", 2, true, true, "pulumiscale/A", 33, 32, 32, 90, []string{"updating urn:web"}, 7, 1, 1}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("have %v\nwant %v", got, want)
	}
	if _, err := take(places{config: filepath.Join(dir, "dev.yaml"), store: backend.Folder(dir + "/none"), cloud: dir + "/none"}); err != nil {
		t.Errorf("what is missing is no error: %v", err)
	}
}
