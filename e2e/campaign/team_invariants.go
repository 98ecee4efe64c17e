package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	// programPrefix is the program's folder in the repository.
	programPrefix = "deploy/infra"
	configName    = "Pulumi." + stackName + ".yaml"
)

// teamEvidence is what a round with git left behind.
type teamEvidence struct {
	// commits are those since the round began, on the branch or rewritten away, by their hashes. base is the one before
	// them, and tip is the branch's.
	commits   map[string]teamCommit
	base, tip string
	// pushed are the branch's tips one after another, oldest first.
	pushed []tipPushed
	// baseCounts are the counts in the base, by pool.
	baseCounts map[string]string
	// reported are the pools of which the server says that the branch has somebody's edit.
	reported []string
	// killed are the pictures right after an update of somebody's was killed.
	killed []picture
	// same says that the tip's program is what is deployed.
	same bool
	// fileRest is the server's config file without the counts, and fileWas what that was; both are empty without a
	// checkout.
	fileRest, fileWas string
	// leftovers are what is wrong with the clones.
	leftovers []string
}

// tipPushed is a commit that became the branch's tip at a moment, in Unix seconds.
type tipPushed struct {
	commit string
	at     int64
}

// teamCommit is a commit.
type teamCommit struct {
	hash, parent string
	// time is when it was made, in Unix seconds.
	time int64
	// people says that people made it. pools are those of its trailers.
	people bool
	pools  []string
	// files are those that it changes.
	files []string
	// counts are those in its config file, by pool, and rest is that file without them.
	counts map[string]string
	rest   string
}

// chain are a commit and those before it, newest first, without the base.
func (t teamEvidence) chain(commit string) []teamCommit {
	var out []teamCommit
	for c, known := t.commits[commit]; known; c, known = t.commits[c.parent] {
		out = append(out, c)
	}
	return out
}

// countsOf are the counts in a commit.
func (t teamEvidence) countsOf(commit string) map[string]string {
	if commit == t.base {
		return t.baseCounts
	}
	return t.commits[commit].counts
}

// setter is the commit that brought a pool's value in another commit. ok is false if the base has it.
func (t teamEvidence) setter(commit, pool string) (c teamCommit, ok bool) {
	for _, c := range t.chain(commit) {
		if c.counts[pool] != t.countsOf(c.parent)[pool] {
			return c, true
		}
	}
	return teamCommit{}, false
}

// hadCount says whether a successful update that ended before a moment had a pool's count.
func (e evidence) hadCount(pool poolSpec, value string, moment int64) bool {
	return slices.ContainsFunc(e.after.history, func(u update) bool {
		n, has := u.count(pool)
		return u.succeeded() && u.End <= moment+1 && has && strconv.Itoa(n) == value
	})
}

// isEdit says whether a pool's value in a commit is a person's, and was not deployed before a moment.
func (e evidence) isEdit(commit string, pool poolSpec, moment int64) bool {
	c, ok := e.team.setter(commit, pool.name)
	return ok && c.people && !e.hadCount(pool, c.counts[pool.name], moment)
}

// hadEffect says whether an update of the round succeeded or changed a pool. One that others have overtaken ends before
// it changes anything, and the history has it as failed.
func (e evidence) hadEffect(n int) bool {
	return n < len(e.steps) && (e.steps[n].succeeded() || asText(e.stateAt(n).sizes()) != asText(e.steps[n].left.sizes()))
}

// deployedProgram wants every update of ours to run the commit of the last deploy before it, if it changed anything.
func deployedProgram(e evidence) []string {
	if e.team == nil {
		return nil
	}
	var out []string
	deployed := ""
	for i, u := range e.after.history {
		if !u.ours() && u.succeeded() {
			deployed = u.Environment.Head
		}
		if i >= e.since && u.ours() && u.Environment.Head != deployed && e.hadEffect(i-e.since) {
			out = append(out, fmt.Sprintf("an update of ours (%s, %s) ran commit %s, and %s was deployed", u.Message, u.Result, u.Environment.Head, deployed))
		}
	}
	return out
}

// ourCommits holds the commits of ours against what they may change, and the others against the branch.
func ourCommits(e evidence) []string {
	if e.team == nil {
		return nil
	}
	var out []string
	for _, hash := range slices.Sorted(maps.Keys(e.team.commits)) {
		c := e.team.commits[hash]
		switch {
		case c.people:
		case len(c.pools) == 0:
			out = append(out, fmt.Sprintf("nobody's commit %s is on the branch", c.hash))
		default:
			out = append(out, e.wrongIn(c)...)
		}
	}
	return append(out, e.team.lost()...)
}

// wrongIn is what is wrong in a commit of ours.
func (e evidence) wrongIn(c teamCommit) []string {
	var out []string
	wrong := func(format string, args ...any) {
		out = append(out, fmt.Sprintf("our commit %s ", c.hash)+fmt.Sprintf(format, args...))
	}
	if !slices.Equal(c.files, []string{programPrefix + "/" + configName}) {
		wrong("changes %v", c.files)
	}
	if parent, known := e.team.commits[c.parent]; known && parent.rest != c.rest {
		wrong("changes more than counts:\n%s\n%s", parent.rest, c.rest)
	}
	var changed []string
	for _, pool := range pools() {
		if c.counts[pool.name] == e.team.countsOf(c.parent)[pool.name] {
			continue
		}
		changed = append(changed, pool.name)
		if !e.hadCount(pool, c.counts[pool.name], c.time) {
			wrong("brings %s: %s, which no successful update had", pool.name, c.counts[pool.name])
		}
	}
	if !slices.Equal(changed, c.pools) {
		wrong("changes %v, and says %v", changed, c.pools)
	}
	return out
}

// lost are commits that are not on the branch any more, though people have not rewritten it so.
func (t teamEvidence) lost() []string {
	var out []string
	for i := 1; i < len(t.pushed); i++ {
		was, is := t.pushed[i-1].commit, t.pushed[i].commit
		on := slices.ContainsFunc(t.chain(is), func(c teamCommit) bool { return c.hash == was || c.parent == was })
		if !on && !t.commits[is].people && is != t.base {
			out = append(out, fmt.Sprintf("our push of %s took %s off the branch", is, was))
		}
	}
	if n := len(t.pushed); n > 0 && t.pushed[n-1].commit != t.tip {
		out = append(out, fmt.Sprintf("the branch is at %s, and was last brought to %s", t.tip, t.pushed[n-1].commit))
	}
	return out
}

// editsKept wants every edit to be on the branch until it is deployed.
func editsKept(e evidence) []string {
	if e.team == nil {
		return nil
	}
	var out []string
	for _, hash := range slices.Sorted(maps.Keys(e.team.commits)) {
		c := e.team.commits[hash]
		if c.people {
			continue
		}
		for _, pool := range pools() {
			was := e.team.countsOf(c.parent)[pool.name]
			if was != c.counts[pool.name] && e.isEdit(c.parent, pool, c.time) {
				out = append(out, fmt.Sprintf("our commit %s overwrites somebody's edit of %s: %s -> %s", hash, pool.name, was, c.counts[pool.name]))
			}
		}
	}
	return out
}

// writtenBack wants each count on the branch in the end, and a deploy of the tip to keep it.
func writtenBack(e evidence) []string {
	if e.team == nil {
		return nil
	}
	var out []string
	for _, pool := range pools() {
		count, _ := e.after.count(pool)
		tip := e.team.countsOf(e.team.tip)[pool.name]
		if why := e.excused(pool); why == "" && tip != strconv.Itoa(count) {
			out = append(out, fmt.Sprintf("%s: the branch has %s, and the last successful update %d", pool.name, tip, count))
		}
		if n, _ := e.final.count(pool); strconv.Itoa(n) != tip {
			out = append(out, fmt.Sprintf("%s: the branch had %s, and its deploy left %d", pool.name, tip, n))
		}
	}
	return out
}

// excused says why the branch may have another value for a pool than the last successful update; it is empty if it may
// not.
func (e evidence) excused(pool poolSpec) string {
	switch tip := e.team.tip; {
	case e.isEdit(tip, pool, e.after.now()):
		return "an edit"
	case e.rewroteAfter(pool):
		return "rewritten"
	case !e.lastMoveIsOurs(pool):
		return "a deploy took it back"
	case slices.Contains(e.team.reported, pool.name):
		if c, ok := e.team.setter(tip, pool.name); ok && c.people {
			return "a person's way back"
		}
	}
	return ""
}

// now is when the last update ended.
func (p picture) now() int64 {
	u, _ := p.last()
	return u.End
}

// rewroteAfter says whether people rewrote the branch so that a pool's value changed, after the last update that moved
// the pool.
func (e evidence) rewroteAfter(pool poolSpec) bool {
	moved := e.lastMove(pool).End
	for i := 1; i < len(e.team.pushed); i++ {
		was, is := e.team.pushed[i-1].commit, e.team.pushed[i].commit
		ahead := slices.ContainsFunc(e.team.chain(is), func(c teamCommit) bool { return c.parent == was })
		if !ahead && e.team.countsOf(was)[pool.name] != e.team.countsOf(is)[pool.name] && e.team.pushed[i].at >= moved-1 {
			return true
		}
	}
	return false
}

// lastMove is the last successful update that changed a pool's count; the first one if none did.
func (e evidence) lastMove(pool poolSpec) update {
	var out update
	last := -1
	for _, u := range e.after.history {
		if n, has := u.count(pool); u.succeeded() && u.means(pool) && has && n != last {
			out, last = u, n
		}
	}
	return out
}

func (e evidence) lastMoveIsOurs(pool poolSpec) bool { return e.lastMove(pool).ours() }

// settled says that nobody's values were left to be deployed, so that a deploy of the tip changes nothing.
func (e evidence) settled() bool {
	if e.team == nil {
		return true
	}
	return e.team.same && !slices.ContainsFunc(pools(), func(pool poolSpec) bool {
		count, _ := e.after.count(pool)
		return e.team.countsOf(e.team.tip)[pool.name] != strconv.Itoa(count) && e.excused(pool) != ""
	})
}

// cloneWhole wants the clones to be whole, without what a killed process leaves.
func cloneWhole(e evidence) []string {
	if e.team == nil {
		return nil
	}
	out := slices.Clone(e.team.leftovers)
	if e.team.fileRest != e.team.fileWas {
		out = append(out, fmt.Sprintf("the server's config file was\n%s\nand is\n%s", e.team.fileWas, e.team.fileRest))
	}
	return out
}

// poolsOf are the pools that a commit's message names, sorted.
func poolsOf(message string) []string {
	var out []string
	for line := range strings.Lines(message) {
		if pool, is := strings.CutPrefix(strings.TrimSpace(line), "PulumiScale-Pool: "); is {
			out = append(out, pool)
		}
	}
	slices.Sort(out)
	return out
}
