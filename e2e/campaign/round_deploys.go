//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// playDeploys has a team work with git: CI deploys commit after commit of a program that is a folder of a repository,
// people commit beside it, rewrite the branch and edit counts there, the remote goes away or refuses what is pushed, and
// servers and commands scale what is deployed and commit their counts. Whoever is at work may be killed.
func (r *round) playDeploys() {
	within := func() time.Duration { return time.Duration(r.rng.IntN(2500)) * time.Millisecond }
	if r.rng.IntN(2) == 0 {
		r.slowCloud()
	}
	for range 1 + r.rng.IntN(4) {
		r.send(r.draw(within()))
	}
	if r.rng.IntN(4) == 0 {
		r.scaleElsewhere(within())
	}
	if r.rng.IntN(5) == 0 {
		r.serveElsewhere(within())
	}
	r.ciWorks()
	for range r.rng.IntN(3) {
		r.colleague(within())
	}
	if r.rng.IntN(3) == 0 {
		r.remoteFails(within())
	}
	if r.rng.IntN(5) < 2 {
		for range 1 + r.rng.IntN(2) {
			r.gitBlow()
		}
	}
	if r.rng.IntN(3) == 0 {
		a := r.draw(within())
		a.alarm, a.count, a.event.delta = true, nil, 1
		r.count("alerts", 1)
		r.send(a)
	}
	r.actors.Wait()
	r.heal()
}

// drawTeam gathers the team that a round begins with, and deploys from its remote.
func (r *round) drawTeam() error {
	managed, old, next := r.rng.IntN(3) == 0, r.rng.IntN(3) > 0, r.edition
	for range 1 + r.rng.IntN(2) {
		r.drawEdition().do(&next)
	}
	team, err := r.gather(r.ctx, r.edition.deployable(next), managed, old)
	if err != nil {
		return fmt.Errorf("gather the team: %w", err)
	}
	r.team = team
	r.story.tell("the team: managed %t, old checkout %t, deployed %+v", managed, old, r.edition.deployable(next))
	text, err := os.ReadFile(filepath.Join(programIn(team.ci()), configName))
	if err != nil {
		return err
	}
	r.people.rest = countLine.ReplaceAllString(string(text), "${1}N$2")
	r.people.deployed = r.edition
	if !r.deployTip(false, 0) {
		return fmt.Errorf("the team's first deploy failed")
	}
	return nil
}

// drawEdition draws a change that can be taken back at any time.
func (r *round) drawEdition() change {
	return r.drawChange(func(c change) bool {
		switch c.name {
		case "protect", "retainOnDelete":
			return false
		case "the provider's setting", "the provider's version":
			return !r.edition.keeps()
		}
		return true
	})
}

// ciWorks has CI, and whoever works with it, do a few things one after another.
func (r *round) ciWorks() {
	type step struct {
		after time.Duration
		do    func()
	}
	var steps []step
	for range 1 + r.rng.IntN(3) {
		steps = append(steps, step{time.Duration(r.rng.IntN(1000)) * time.Millisecond, r.drawStep()})
	}
	r.actors.Go(func() {
		for _, s := range steps {
			r.pause(s.after)
			s.do()
		}
	})
}

// drawStep draws what CI does next.
func (r *round) drawStep() func() {
	restore, kill := r.rng.IntN(2) == 0, time.Duration(0)
	if r.rng.IntN(5) == 0 {
		kill = time.Duration(100+r.rng.IntN(1500)) * time.Millisecond
	}
	switch n := r.rng.IntN(10); {
	case n < 4:
		return r.commitEdition(r.rng.IntN(4) > 0, restore, kill)
	case n < 5:
		return func() { r.deployTip(restore, kill) }
	case n < 7:
		back := 1 + r.rng.IntN(3)
		return func() { r.deployOlder(back, restore, kill) }
	case n < 9:
		return r.editOnBranch(r.rng.IntN(2) == 0, restore, time.Duration(r.rng.IntN(800))*time.Millisecond)
	}
	return r.rewriteBranch(r.rng.IntN(3))
}

// untilDone does something with git again and again, since the remote may be away, refuse it, or have another tip.
func (r *round) untilDone(what string, do func() error) {
	for r.ctx.Err() == nil {
		err := do()
		if err == nil {
			r.story.tell("%s", what)
			return
		}
		r.count("git failed", 1)
		r.pause(200 * time.Millisecond)
	}
	r.complain("%s: never done", what)
}

// commitEdition commits another edition of the program and may deploy it.
func (r *round) commitEdition(deploys, restore bool, kill time.Duration) func() {
	var changes []change
	for range 1 + r.rng.IntN(2) {
		changes = append(changes, r.drawEdition())
	}
	return func() {
		t := r.team
		r.count("commits", 1)
		r.untilDone("CI commits "+changes[0].name, func() error {
			if err := t.toTip(r.ctx, t.ci()); err != nil {
				return err
			}
			next, err := t.editionOf(r.ctx, t.ci(), "HEAD")
			if err != nil {
				return err
			}
			was := next
			for _, c := range changes {
				c.do(&next)
			}
			next = was.deployable(next)
			if err := t.writeEdition(t.ci(), next, nil); err != nil {
				return err
			}
			_, err = t.commitAll(r.ctx, t.ci(), "another edition", next)
			return err
		})
		if deploys {
			r.deployTip(restore, kill)
		}
	}
}

// deployTip deploys the branch's tip.
func (r *round) deployTip(restore bool, kill time.Duration) bool {
	t := r.team
	r.untilDone("CI fetches", func() error { return t.toTip(r.ctx, t.ci()) })
	commit, err := t.git(r.ctx, t.ci(), "rev-parse", "HEAD")
	return err == nil && r.deployCommit(commit, restore, kill)
}

// deployOlder deploys a commit before the branch's tip, if there is one that far back.
func (r *round) deployOlder(back int, restore bool, kill time.Duration) {
	t := r.team
	r.untilDone("CI fetches", func() error { return t.toTip(r.ctx, t.ci()) })
	out, err := t.git(r.ctx, t.ci(), "rev-list", "--first-parent", "HEAD")
	if commits := strings.Fields(out); err == nil && len(commits) > 0 {
		r.count("older commits deployed", 1)
		r.deployCommit(commits[min(back, len(commits)-1)], restore, kill)
	}
}

// deployCommit deploys a commit, with `pulumiscale restore` before it if asked to. If kill is not 0, the first try is
// killed after that time.
func (r *round) deployCommit(commit string, restore bool, kill time.Duration) bool {
	t := r.team
	e, err := t.editionOf(r.ctx, t.ci(), commit)
	if err != nil {
		r.complain("%v", err)
		return false
	}
	r.people.deploys.Lock()
	defer r.people.deploys.Unlock()
	r.count("deploys", 1)
	for r.ctx.Err() == nil {
		if err := t.gits(r.ctx, t.ci(), []string{"checkout", "-q", "-f", "--detach", commit}); err != nil {
			r.complain("check out %s: %v", commit, err)
			return false
		}
		switch {
		case restore && !r.restoreCounts():
		case kill > 0:
			if r.killUp(programIn(t.ci()), kill) {
				r.people.deployed = e
				return true
			}
			kill = 0
		case r.pulumiUp(programIn(t.ci()), "CI deploys "+commit[:8], "up", "--yes", "--skip-preview", "--stack", stackName) == nil:
			r.people.deployed = e
			return true
		}
		r.count("failed deploys", 1)
		r.pause(200 * time.Millisecond)
	}
	r.complain("CI's deploy never succeeded")
	return false
}

// restoreCounts runs `pulumiscale restore` in CI's clone.
func (r *round) restoreCounts() bool {
	dir := programIn(r.team.ci())
	out, err := r.run(r.ctx, dir, r.binary, "restore", "--state-dir", filepath.Join(dir, ".pulumiscale"))
	r.story.tell("CI restores: %s %s", result(err), short(out))
	r.lookAt("restore", err)
	r.count("restores", 1)
	return err == nil
}

// killUp runs a `pulumi up` and kills it after a while. It says whether that had succeeded by then. Its owner removes
// its lock.
func (r *round) killUp(dir string, after time.Duration) bool {
	r.setDeploying(true)
	defer r.setDeploying(false)
	cmd := exec.CommandContext(r.ctx, filepath.Join(r.bin, "pulumi"), "--non-interactive", "up", "--yes", "--skip-preview", "--stack", stackName)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, r.env(), time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.children.start(cmd); err != nil {
		r.complain("start pulumi up: %v", err)
		return false
	}
	kill := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	code := r.children.wait(cmd)
	kill.Stop()
	r.story.tell("CI's pulumi up (pid %d), to be killed after %s, has ended with %d", cmd.Process.Pid, after, code)
	if code == 0 {
		return true
	}
	r.count("deploys killed", 1)
	r.until(time.Second, func() bool {
		now, err := r.picture()
		if err == nil {
			r.team.mu.Lock()
			r.team.killed = append(r.team.killed, now)
			r.team.mu.Unlock()
		}
		return err == nil
	})
	locks, err := readLocks(r.store)
	for _, l := range locks {
		if l.PID == cmd.Process.Pid {
			err = r.store.Remove(l.key)
		}
	}
	if err != nil {
		r.complain("remove the lock of CI's update: %v", err)
	}
	return false
}

// editOnBranch has a person commit a count that no update ever had. Most of the time somebody then asks for a scaling of
// that pool. The edit may be deployed after a while.
func (r *round) editOnBranch(deploys, restore bool, after time.Duration) func() {
	var edited []poolSpec
	for _, pool := range pools() {
		if pool.exact {
			edited = append(edited, pool)
		}
	}
	pool, from := edited[r.rng.IntN(len(edited))], 45+r.rng.IntN(20)
	next, asks := ask{}, r.rng.IntN(3) > 0
	if asks {
		next = r.drawFor(pool, time.Duration(r.rng.IntN(300))*time.Millisecond)
	}
	return func() {
		t := r.team
		now, err := r.picture()
		if err != nil {
			r.complain("%v", err)
			return
		}
		count := now.unused(pool, from)
		r.count("counts edited on the branch", 1)
		r.untilDone(fmt.Sprintf("a person commits %s: %d", pool.name, count), func() error {
			if err := t.toTip(r.ctx, t.ci()); err != nil {
				return err
			}
			e, err := t.editionOf(r.ctx, t.ci(), "HEAD")
			if err != nil {
				return err
			}
			err = t.writeEdition(t.ci(), e, func(text string) string {
				return pool.line().ReplaceAllString(text, fmt.Sprintf("${1}\"%d\"$2", count))
			})
			if err == nil {
				_, err = t.commitAll(r.ctx, t.ci(), "more of "+pool.name, e)
			}
			return err
		})
		if asks {
			r.send(next)
		}
		if deploys {
			r.pause(after)
			r.deployTip(restore, 0)
		}
	}
}

// rewriteBranch has a person rewrite the branch and force it: with another message for its last commit, without its last
// commit, or with all commits of the round as one.
func (r *round) rewriteBranch(how int) func() {
	return func() {
		t := r.team
		r.count("branch rewritten", 1)
		r.untilDone(fmt.Sprintf("a person rewrites the branch (%d)", how), func() error {
			if err := t.toTip(r.ctx, t.ci()); err != nil {
				return err
			}
			old, err := t.git(r.ctx, t.ci(), "rev-parse", "HEAD")
			if err != nil || old == t.base {
				return err
			}
			e, err := t.editionOf(r.ctx, t.ci(), old)
			switch {
			case err != nil:
			case how == 0:
				err = t.gits(r.ctx, t.ci(), []string{"commit", "-q", "--amend", "--allow-empty", "-m", "said in other words"})
			case how == 1:
				if err = t.gits(r.ctx, t.ci(), []string{"reset", "-q", "--hard", "HEAD~1"}); err == nil {
					e, err = t.editionOf(r.ctx, t.ci(), "HEAD")
				}
			default:
				err = t.gits(r.ctx, t.ci(), []string{"reset", "-q", "--soft", t.base}, []string{"commit", "-q", "--allow-empty", "-m", "all in one"})
			}
			if err != nil {
				return err
			}
			return t.push(r.ctx, t.ci(), e, "--force")
		})
	}
}

// colleague commits what is none of the program's, from another clone.
func (r *round) colleague(after time.Duration) {
	word := fmt.Sprintf("%d\n", r.rng.IntN(100000))
	r.actors.Go(func() {
		r.pause(after)
		t := r.team
		r.untilDone("a colleague commits", func() error {
			t.writing.Lock()
			defer t.writing.Unlock()
			if err := t.toTip(r.ctx, t.colleague()); err != nil {
				return err
			}
			e, err := t.editionOf(r.ctx, t.colleague(), "HEAD")
			if err == nil {
				err = os.WriteFile(filepath.Join(t.colleague(), "README.md"), []byte("# The team's\n"+word), 0o644)
			}
			if err == nil {
				_, err = t.commitAll(r.ctx, t.colleague(), "words", e)
			}
			return err
		})
	})
}

// remoteFails has the remote away for a while, or refuse what is pushed.
func (r *round) remoteFails(after time.Duration) {
	away, lasts := r.rng.IntN(2) == 0, time.Duration(100+r.rng.IntN(1500))*time.Millisecond
	r.actors.Go(func() {
		r.pause(after)
		fail, what := r.team.refusePushes, "the remote refuses pushes"
		if away {
			fail, what = r.team.takeRemote, "the remote is away"
		}
		r.count(what, 1)
		r.story.tell("%s for %s: %v", what, lasts, fail())
		r.pause(lasts)
		r.team.giveRemote()
		r.story.tell("the remote is as it was")
	})
}

// gitBlow kills the server at any moment, with or without the gits and the engine that it has started.
func (r *round) gitBlow() {
	moment, v, gits := r.drawMoment(), r.drawVictims(), r.rng.IntN(2) == 0
	v.server, v.plugins = true, false
	atGit, spread := r.rng.IntN(3) > 0, time.Duration(r.rng.IntN(40))*time.Millisecond
	rest := time.Duration(r.rng.IntN(500)) * time.Millisecond
	r.actors.Go(func() {
		r.blows.Lock()
		defer r.blows.Unlock()
		s := r.running()
		if s == nil {
			return
		}
		var children []int
		look := func() bool {
			children = gitChildren(s.cmd.Process.Pid)
			return len(children) > 0
		}
		if atGit {
			r.until(3*time.Second, look)
		} else {
			moment()
		}
		if gits {
			look()
		} else {
			r.pause(spread)
		}
		r.strike(v)
		if gits {
			n := killGits(children)
			r.count("gits killed", n)
			r.story.tell("killed %d of %d gits", n, len(children))
		}
		r.pause(rest)
		r.restart(time.Now().Add(startTimeout))
	})
}

// elsewhereState is the folder for the files of another PulumiScale.
func (t *team) elsewhereState(name string) string { return filepath.Join(t.dir, name) }

// writeBackFlags are the flags of a PulumiScale with a checkout, or without one.
func (t *team) writeBackFlags(managed bool) []string {
	if managed {
		return []string{"--git", t.url(), "--path", programPrefix, "--stack", stackName, "--git-push", branchName}
	}
	return []string{"--git-sync", "--git-push", branchName}
}

// serving is the team's server.
func (t *team) serving() serving {
	out := serving{dir: programIn(t.checkout()), state: t.state(), log: t.w.logPath(), flags: t.writeBackFlags(t.managed)}
	if t.managed {
		out.dir = t.dir
	}
	return out
}

// scaleElsewhere has somebody scale from another place, which may be killed.
func (r *round) scaleElsewhere(after time.Duration) {
	a, kill := r.draw(after), time.Duration(0)
	if r.rng.IntN(3) == 0 {
		kill = time.Duration(500+r.rng.IntN(2000)) * time.Millisecond
	}
	r.actors.Go(func() {
		r.pause(a.after)
		t := r.team
		flags := append(t.writeBackFlags(true), "--state-dir", t.elsewhereState("scale"))
		s := r.scaleWith(a, t.dir, nil, flags...)
		if kill > 0 {
			select {
			case <-s.done:
			case <-time.After(kill):
				if syscall.Kill(s.cmd.Process.Pid, syscall.SIGKILL) == nil {
					r.count("kills", 1)
					r.story.tell("killed scale")
					r.glance(false)
				}
			}
		}
		<-s.done
	})
}

// serveElsewhere has a second server for the stack, with a request or two.
func (r *round) serveElsewhere(after time.Duration) {
	asks := []ask{r.draw(after), r.draw(after + time.Second)}
	t := r.team
	how := serving{dir: t.dir, state: t.elsewhereState("second"), log: filepath.Join(r.dir, "second.log"), flags: t.writeBackFlags(true)}
	r.count("second servers", 1)
	r.actors.Go(func() {
		for r.ctx.Err() == nil {
			s, err := r.launch(how)
			if err == nil {
				err = r.awaitListening(s)
			}
			if err == nil {
				r.mu.Lock()
				r.second = s
				r.mu.Unlock()
				return
			}
			r.story.tell("the second server: %v", err)
			if s != nil {
				s.kill()
			}
			r.pause(300 * time.Millisecond)
		}
	})
	for _, a := range asks {
		r.mu.Lock()
		r.elsewhere[a.event] = true
		r.mu.Unlock()
		r.sendTo(r.secondServer, a)
	}
}

// secondServer is the second server once it listens.
func (r *round) secondServer() *server {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.second
}

// serverOf is the server that an event was sent to.
func (r *round) serverOf(e *event) *server {
	r.mu.Lock()
	elsewhere := r.elsewhere[e]
	r.mu.Unlock()
	if elsewhere {
		return r.secondServer()
	}
	return r.running()
}

// awaitBranch waits until no server has a count left to push. What a command that was killed had left is found by a
// server at its start.
func (r *round) awaitBranch(deadline time.Time) {
	r.mu.Lock()
	scaled := r.counts["scale runs"] > 0
	r.mu.Unlock()
	if scaled {
		r.stopServer()
		if !r.restart(deadline) {
			return
		}
	}
	servers := []*server{r.running()}
	if s := r.secondServer(); s != nil {
		servers = append(servers, s)
	}
	for _, s := range servers {
		pushed := r.untilEach(100*time.Millisecond, time.Until(deadline), func() bool {
			b, err := s.branch(r.ctx)
			return err == nil && len(b.Unpushed) == 0 && b.Problem == ""
		})
		if !pushed {
			b, err := s.branch(r.ctx)
			r.complain("a server has not pushed what it was to push: %+v: %v", b, err)
		}
	}
}

// leaveTeam ends a round with git: the world's own checkouts are brought to what is deployed.
func (r *round) leaveTeam() {
	if s := r.secondServer(); s != nil {
		if code := s.stop(20 * time.Second); code != 0 {
			r.complain("the second server ended with %d after SIGTERM: %s", code, lastLines(s.text(), 10))
		}
		r.look("the second server", s.code, s.text())
	}
	if s := r.running(); s != nil {
		if code := s.stop(20 * time.Second); code != 0 {
			r.complain("serve ended with %d after SIGTERM: %s", code, lastLines(s.text(), 10))
		}
	}
	r.server, r.serving, r.team = nil, nil, nil
	r.comeHome()
}
