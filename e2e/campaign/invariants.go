// Command campaign breaks things around PulumiScale at random moments, on the real engine and the example provider.
// After each round it checks that what must hold still holds. `make campaign` builds what it needs and runs it. The
// seed that it prints makes the same choices again, and `-round KIND:SEED` plays one round alone.
//
// What must hold is the table in this file, in words and in code. All of it is judged on files: the config file, the
// backend's history and checkpoint, the provider's folder, and what the senders were answered.
package main

import (
	"fmt"
	"slices"
	"strings"
)

// outcome is what somebody who asked for a scaling was told in the end.
type outcome string

const (
	// scaled is a success.
	scaled outcome = "scaled"
	// not is a refusal or a failure, or nothing to do.
	not outcome = "not scaled"
	// unknown is what only the history can tell: the asker was killed, or was told that it is not sure.
	unknown outcome = "unknown"
	// open has not ended.
	open outcome = "open"
)

// event is a scaling that somebody asked for.
type event struct {
	// key is unique. It stands in the message of the update that carries the event out.
	key, pool string
	// delta is what an exact pool is to be changed by.
	delta   int
	outcome outcome
	// told is the last word on the event. reason is why it came to nothing, if it did.
	told, reason string
	// failed says that it was tried and failed.
	failed bool
	// accepted is when a server accepted it, in Unix seconds. It is 0 if none did.
	accepted int64
}

// mark is how an event's key stands in a message.
func mark(key string) string { return "<" + key + ">" }

// evidence is what a round left behind.
type evidence struct {
	before, after picture
	// glances are pictures of the moments right after something was killed, before anything was started again.
	glances []picture
	// final is the picture after a plain `pulumi up` of somebody. upErr is how that failed, if it did.
	final  picture
	upErr  error
	events []event
	// since is how long the history was before the round.
	since int
	// clockStepped says that times in the history mean nothing.
	clockStepped bool
	// rulesChanged says that the guardrails were different during the round.
	rulesChanged bool
	// steps are all completed updates of the round, each with the checkpoint that it left.
	steps []step
	// resized are pools whose size somebody has changed behind the state. Their counts say nothing until somebody's
	// plain up.
	resized map[string]bool
	// loop is what the round left of the second stack, if it did anything to it.
	loop loopEvidence
	// team is what the round left of the branch and its clones; nil in a round without git.
	team *teamEvidence
	// unreadable is what the CLI said of a state that it could not read.
	unreadable []string
	// complaints are what was seen to be wrong while the round ran.
	complaints []string
}

// invariant is something that must hold after each round.
type invariant struct {
	name, words string
	broken      func(evidence) []string
}

// invariants are all that must hold.
func invariants() []invariant {
	return []invariant{
		{"agreement", "the count in the config file, in the last successful update, in the checkpoint, in `current` and in the cloud is one and the same", agreement},
		{"order", "the config file never gets a count before an update with it has succeeded", order},
		{"guardrails", "no update of ours leaves a pool outside [min, max], nor is one there in the end", guardrails},
		{"an end", "everything accepted comes to an end, and what fails says why", anEnd},
		{"once", "an event is carried out by exactly one update if its sender was told so, and by none if not", once},
		{"effect", "an update changes a pool by exactly what its events ask for", effect},
		{"account", "the count in the end is the one before plus what was scaled", account},
		{"cooldown", "two scalings of ours of a pool are a cooldown apart", cooldown},
		{"clean", "no lock and no pending operation is left", clean},
		{"plain up", "a plain `pulumi up` right after succeeds and changes nothing", plainUp},
		{"size alone", "an update of ours changes nothing but the pool's size: no resource's inputs, outputs or options, no provider, no output of the " +
			"stack, no other config key, no neighbour", sizeAlone},
		{"readable", "the CLI can read the state, and every state of the history holds together", readable},
		{"file", "of the config file, nothing but the counts has changed", fileKept},
		{"deployed", "an update of ours runs the commit of the last deploy before it", deployedProgram},
		{"commits", "a commit of ours changes counts in the config file and nothing else, each to one that a successful update had; all others are people's, " +
			"and none of theirs is lost", ourCommits},
		{"edits", "a count that somebody has edited on the branch and that was not deployed is not overwritten", editsKept},
		{"written back", "in the end the branch has the counts, except for edits and what people took back, and a deploy of its tip keeps them", writtenBack},
		{"clone", "the clones are whole and nothing of a killed process is left in them", cloneWhole},
		{"conduct", "no wrong answer, no crash, no data race, no lock of others broken, no silence about what was cut off", func(e evidence) []string { return e.complaints }},
	}
}

// judge returns what is broken, each with the name of the invariant.
func judge(e evidence) []string {
	var out []string
	for _, inv := range invariants() {
		for _, what := range inv.broken(e) {
			out = append(out, inv.name+": "+what)
		}
	}
	return out
}

func agreement(e evidence) []string {
	after := slices.DeleteFunc(agree(e.after, ""), func(what string) bool {
		pool, _, _ := strings.Cut(what, ":")
		return e.resized[pool]
	})
	return append(after, agree(e.final, " after a plain up")...)
}

// agree says which of the places that hold a pool's count differ.
func agree(p picture, when string) []string {
	last, ok := p.last()
	if !ok {
		return []string{"there is no successful update" + when}
	}
	var out []string
	for _, pool := range pools() {
		count, _ := last.count(pool)
		state := p.state[pool.name]
		current := count
		if state.current != nil {
			current = *state.current
		}
		same := p.file[pool.name] == fmt.Sprint(count) && state.wanted == count && state.size == count && current == count && p.cloud[pool.name] == count
		if !same || pool.exported && state.current == nil {
			out = append(out, fmt.Sprintf("%s%s: config file %s, history %d, checkpoint %d/%d, current %s, cloud %d",
				pool.name, when, p.file[pool.name], count, state.wanted, state.size, pointed(state.current), p.cloud[pool.name]))
		}
	}
	return out
}

func order(e evidence) []string {
	var out []string
	for _, glance := range e.glances {
		if len(glance.file) == 0 { // somebody has taken the file away
			continue
		}
		for _, pool := range pools() {
			is := glance.file[pool.name]
			earned := is == e.before.file[pool.name] || slices.ContainsFunc(glance.history[min(e.since, len(glance.history)):], func(u update) bool {
				n, ok := u.count(pool)
				return u.succeeded() && ok && is == fmt.Sprint(n)
			})
			if !earned {
				out = append(out, fmt.Sprintf("%s: right after a kill the config file had %q, with which no update had succeeded", pool.name, is))
			}
		}
	}
	return out
}

func pointed(n *int) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprint(*n)
}

func guardrails(e evidence) []string {
	var out []string
	for _, pool := range pools() {
		least, most := pool.least, pool.most
		if state := e.after.state[pool.name]; e.rulesChanged && state.most > 0 {
			least, most = min(least, state.least), max(most, state.most)
		}
		for _, u := range e.during() {
			if n, ok := u.count(pool); ok && u.ours() && u.means(pool) && (n < least || n > most) {
				out = append(out, fmt.Sprintf("%s: an update of ours left it at %d, outside [%d, %d]: %s", pool.name, n, least, most, u.Message))
			}
		}
		if n := e.after.cloud[pool.name]; !e.resized[pool.name] && (n < least || n > most) {
			out = append(out, fmt.Sprintf("%s: the cloud has %d, outside [%d, %d]", pool.name, n, least, most))
		}
	}
	return out
}

// judged are the pools whose counts say how large they are.
func (e evidence) judged() []poolSpec {
	return slices.DeleteFunc(pools(), func(pool poolSpec) bool { return e.resized[pool.name] })
}

// during are the successful updates of the round.
func (e evidence) during() []update {
	if e.since > len(e.after.history) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(e.after.history[e.since:]), func(u update) bool { return !u.succeeded() })
}

func anEnd(e evidence) []string {
	var out []string
	if e.since > len(e.after.history) {
		out = append(out, fmt.Sprintf("the history had %d updates, and now has %d", e.since, len(e.after.history)))
	}
	for _, event := range e.events {
		switch {
		case event.outcome == open:
			out = append(out, fmt.Sprintf("%s %s has not ended: %s", event.pool, event.key, event.told))
		case event.outcome == not && event.reason == "":
			out = append(out, fmt.Sprintf("%s %s came to nothing and nobody said why: %s", event.pool, event.key, event.told))
		}
	}
	return out
}

// group is an update of ours, with the updates that mended it, as far as one pool is concerned.
type group struct {
	id       string
	messages string
	// moved is by how much the group's updates changed the pool, all together.
	moved int
	// mixed says that others changed the stack between the group's updates. Then nobody can tell what was whose, and
	// the sum must do.
	mixed bool
	// last is the place of the group's last update among those of the round.
	last int
}

// groups are the updates of ours that changed a pool.
func (e evidence) groups(pool poolSpec) []group {
	var out []group
	count, known := e.base(pool)
	moves := map[int]bool{} // the places of other people's changes
	for i, u := range e.during() {
		if !u.means(pool) {
			continue
		}
		before, was := count, known
		count, known = u.count(pool)
		moved := 0
		if was && known {
			moved = count - before
		}
		if !u.ours() {
			moves[i] = moved != 0
			continue
		}
		at := slices.IndexFunc(out, func(g group) bool { return g.id == u.group() })
		if at < 0 {
			at = len(out)
			out = append(out, group{id: u.group(), last: i})
		}
		g := &out[at]
		for between := g.last; between < i; between++ {
			g.mixed = g.mixed || moves[between]
		}
		g.messages, g.moved, g.last = g.messages+" "+u.Message, g.moved+moved, i
	}
	mended := e.mended()
	for i := range out {
		out[i].mixed = out[i].mixed || mended
	}
	return slices.DeleteFunc(out, func(g group) bool { return g.moved == 0 && !g.mixed })
}

// base is a pool's count in the last successful update before the round.
func (e evidence) base(pool poolSpec) (int, bool) { return e.before.count(pool) }

func once(e evidence) []string {
	var out []string
	for _, pool := range e.judged() {
		groups := e.groups(pool)
		for _, event := range e.events {
			if event.pool != pool.name {
				continue
			}
			var by []string
			mixed := false
			for _, g := range groups {
				if strings.Contains(g.messages, mark(event.key)) {
					by, mixed = append(by, g.id), mixed || g.mixed
				}
			}
			wrong := event.outcome == scaled && len(by) != 1 || !mixed && event.outcome == not && len(by) != 0 || len(by) > 1
			if wrong {
				out = append(out, fmt.Sprintf("%s %s (%+d), of which was told %q (%s), was carried out %d times %v",
					pool.name, event.key, event.delta, event.outcome, event.told, len(by), by))
			}
		}
		for _, g := range groups {
			if !g.mixed && !slices.ContainsFunc(e.events, func(event event) bool { return strings.Contains(g.messages, mark(event.key)) }) {
				out = append(out, fmt.Sprintf("%s: the update %s moved it by %+d, and nobody had asked for it: %s", pool.name, g.id, g.moved, g.messages))
			}
		}
	}
	return out
}

func effect(e evidence) []string {
	var out []string
	for _, pool := range e.judged() {
		for _, g := range e.groups(pool) {
			wanted, sure, keys := 0, pool.exact && !g.mixed, []string{}
			for _, event := range e.events {
				if event.pool == pool.name && strings.Contains(g.messages, mark(event.key)) {
					wanted += event.delta
					keys = append(keys, event.key)
					sure = sure && event.told != unverified
				}
			}
			if sure && wanted != g.moved {
				out = append(out, fmt.Sprintf("%s: the update %s moved it by %+d, and its events %v ask for %+d", pool.name, g.id, g.moved, keys, wanted))
			}
		}
	}
	return out
}

// unverified is what an event is told that may not have had its effect.
const unverified = "unverified"

func account(e evidence) []string {
	var out []string
	for _, pool := range e.judged() {
		before, ok := e.base(pool)
		after, has := e.after.count(pool)
		if !ok || !has || !pool.exact || e.othersMoved(pool) {
			continue
		}
		sum, unsure := 0, []int{}
		for _, event := range e.events {
			switch {
			case event.pool != pool.name:
			case event.outcome == scaled:
				sum += event.delta
			case event.outcome == unknown:
				unsure = append(unsure, event.delta)
			}
		}
		if !slices.Contains(sums(unsure), after-before-sum) {
			out = append(out, fmt.Sprintf("%s: it was %d, %+d was scaled, %v may have been, and it is %d", pool.name, before, sum, unsure, after))
		}
	}
	return out
}

// sums are all that some of the numbers may add up to.
func sums(numbers []int) []int {
	out := []int{0}
	for _, n := range numbers {
		for _, sum := range slices.Clone(out) {
			out = append(out, sum+n)
		}
	}
	return out
}

// othersMoved says whether an update of somebody else changed the pool.
func (e evidence) othersMoved(pool poolSpec) bool {
	last, ok := e.base(pool)
	for _, u := range e.during() {
		if !u.means(pool) {
			continue
		}
		n, has := u.count(pool)
		if !u.ours() && has && ok && n != last {
			return true
		}
		last, ok = n, has
	}
	return false
}

func cooldown(e evidence) []string {
	var out []string
	for _, pool := range pools() {
		if pool.cooldown == 0 || e.clockStepped || e.rulesChanged || e.mended() {
			continue
		}
		last, ok := e.base(pool)
		var ended int64
		for _, u := range e.during() {
			if !u.means(pool) {
				continue
			}
			n, has := u.count(pool)
			moved := ok && has && n != last
			last, ok = n, has
			// The history has whole seconds. What was accepted while the pool was being scaled is no longer held off.
			if moved && u.ours() && ended > 0 && u.End < ended+int64(pool.cooldown) && !e.acceptedBefore(u, ended+2) {
				out = append(out, fmt.Sprintf("%s: scaled %d s after the last time: %s", pool.name, u.End-ended, u.Message))
			}
			if moved {
				ended = u.End
			}
		}
	}
	return out
}

// acceptedBefore says whether all events of an update that a server accepted were accepted before a moment.
func (e evidence) acceptedBefore(u update, moment int64) bool {
	return !slices.ContainsFunc(e.events, func(event event) bool {
		return strings.Contains(u.Message, mark(event.key)) && (event.accepted == 0 || event.accepted > moment)
	})
}

// mended says that updates of ours came after others that they had not known of, and were mended. Then only the sum
// tells what is whose.
func (e evidence) mended() bool {
	return slices.ContainsFunc(e.during(), func(u update) bool { return u.ours() && u.group() != u.id() })
}

func clean(e evidence) []string {
	var out []string
	for _, l := range e.after.locks {
		out = append(out, fmt.Sprintf("a lock of %s@%s (pid %d) is left", l.User, l.Host, l.PID))
	}
	for _, p := range e.after.pending {
		out = append(out, "left in the middle: "+p)
	}
	return out
}

func plainUp(e evidence) []string {
	var out []string
	if e.upErr != nil {
		out = append(out, e.upErr.Error())
	}
	if e.final.touched != e.after.touched && len(e.resized) == 0 && e.settled() {
		out = append(out, fmt.Sprintf("it made %d changes in the cloud", e.final.touched-e.after.touched))
	}
	return out
}

func fileKept(e evidence) []string {
	if e.final.rest != e.before.rest {
		return []string{fmt.Sprintf("it was\n%s\nand is\n%s", e.before.rest, e.final.rest)}
	}
	return nil
}
