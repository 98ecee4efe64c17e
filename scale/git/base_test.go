package git_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/git"
)

// parents are those of a commit of the remote.
func (r *rig) parents(revision string) []string {
	r.t.Helper()
	return strings.Fields(r.git(r.remote, "log", "-1", "--format=%P", revision))
}

func TestABranchOfTheStacksOwnFollowsItsBase(t *testing.T) {
	r := newRig(t)
	repository := r.open()
	push := func(key, value string) string {
		t.Helper()
		return mustPush(t, repository, git.Commit{Branch: "scale/dev", Base: "main", Edit: setKey(key, value)})
	}
	base := r.at("main")
	first := push("a", "2")
	if diff := cmp.Diff([]string{base}, r.parents("scale/dev")); diff != "" {
		t.Errorf("-want +got of the first commit's parents:\n%s", diff)
	}
	if got := push("a", "2"); got != "" {
		t.Errorf("the same again is commit %s", got)
	}
	second := push("a", "3")
	if diff := cmp.Diff([]string{first}, r.parents("scale/dev")); diff != "" {
		t.Errorf("-want +got of the second commit's parents:\n%s", diff)
	}

	r.write("README", "main goes on\n")
	moved := r.commit("main goes on")
	r.push()
	third := push("a", "4")
	if diff := cmp.Diff([]string{second, moved}, r.parents("scale/dev")); diff != "" {
		t.Errorf("-want +got of the parents once main has moved:\n%s", diff)
	}
	if r.show("scale/dev", "README") != "main goes on\n" {
		t.Error("the branch has not what main has")
	}
	fourth := push("a", "5")
	if diff := cmp.Diff([]string{third}, r.parents("scale/dev")); diff != "" {
		t.Errorf("-want +got of the parents while main rests:\n%s", diff)
	}

	r.git(r.checkout, "fetch", "--quiet", "origin")
	r.git(r.checkout, "merge", "--quiet", "--no-ff", "-m", "merge", "origin/scale/dev")
	r.push()
	merged := r.at("main")
	fifth := push("a", "6")
	if diff := cmp.Diff([]string{fourth, merged}, r.parents("scale/dev")); diff != "" {
		t.Errorf("-want +got of the parents after a merge:\n%s", diff)
	}

	r.git(r.checkout, "fetch", "--quiet", "origin")
	r.git(r.checkout, "merge", "--quiet", "--squash", "origin/scale/dev")
	r.commit("squashed")
	r.push()
	squashed := r.at("main")
	sixth := push("a", "7")
	if diff := cmp.Diff([]string{fifth, squashed}, r.parents("scale/dev")); diff != "" {
		t.Errorf("-want +got of the parents after a squash:\n%s", diff)
	}
	// What a merge would bring is the one key.
	if diff := cmp.Diff("M\t"+config, r.git(r.remote, "diff", "--name-status", "main...scale/dev")); diff != "" {
		t.Errorf("-want +got of what a merge brings:\n%s", diff)
	}
	if sixth == "" || r.git(r.remote, "merge-base", "main", "scale/dev") != squashed {
		t.Error("the branch has not all of main")
	}

	r.git(r.remote, "branch", "-D", "scale/dev")
	push("a", "8")
	if diff := cmp.Diff([]string{squashed}, r.parents("scale/dev")); diff != "" {
		t.Errorf("-want +got of the parents after the branch's end:\n%s", diff)
	}
	r.git(r.remote, "fsck", "--strict")
}

func TestABranchOfTheStacksOwnTakesBackWhatIsNotWantedAnyMore(t *testing.T) {
	r := newRig(t)
	repository := r.open()
	mustPush(t, repository, git.Commit{Branch: "scale/dev", Base: "main", Edit: setKey("a", "2")})
	as := func(_ context.Context, _ string, read func(string) ([]byte, error)) (string, []byte, string, error) {
		text, err := read(config)
		return config, text, "Set a to 1", err
	}
	if got := mustPush(t, repository, git.Commit{Branch: "scale/dev", Base: "main", Edit: as}); got == "" {
		t.Error("nothing was done")
	}
	if r.show("scale/dev", config) != r.show("main", config) {
		t.Error("a merge would still change the key")
	}
	if got := mustPush(t, repository, git.Commit{Branch: "scale/dev", Base: "main", Edit: as}); got != "" {
		t.Errorf("the same again is commit %s", got)
	}
}

func TestPushToABranchThatIsNotThere(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]git.Commit{
		"the branch itself": {Branch: "nowhere", Edit: setKey("a", "2")},
		"its base":          {Branch: "scale/dev", Base: "nowhere", Edit: setKey("a", "2")},
	} {
		if missing, is := errors.AsType[*git.BranchError](second(r.open().Push(t.Context(), c))); !is || missing.Branch != "nowhere" {
			t.Errorf("%s: %v", name, missing)
		}
	}
}

func TestPushIsMadeAgainOnABranchThatWasRewritten(t *testing.T) {
	r := newRig(t)
	repository := r.open()
	mustPush(t, repository, git.Commit{Branch: "main", Edit: setKey("a", "2")})
	r.write("README", "rewritten\n")
	rewritten := r.commit("rewritten")
	r.push("--force")
	mustPush(t, repository, git.Commit{Branch: "main", Edit: setKey("a", "3")})
	if diff := cmp.Diff([]string{rewritten}, r.parents("main")); diff != "" {
		t.Errorf("-want +got of the parents:\n%s", diff)
	}
}

// Somebody pushes while the edit is made.
func TestALostRaceMakesTheEditAgain(t *testing.T) {
	r := newRig(t)
	var tips []string
	edit := setKey("a", "2")
	commit := mustPush(t, r.open(), git.Commit{Branch: "main", Edit: func(ctx context.Context, tip string, read func(string) ([]byte, error)) (string, []byte, string, error) {
		tips = append(tips, tip)
		if len(tips) == 1 {
			r.write("README", "faster\n")
			r.commit("faster")
			r.push()
		}
		return edit(ctx, tip, read)
	}})
	if len(tips) != 2 || tips[0] == tips[1] || r.parents(commit)[0] != tips[1] {
		t.Errorf("edits were made on %v, and the commit is on %v", tips, r.parents(commit))
	}
	if r.show("main", "README") != "faster\n" {
		t.Error("what the faster one pushed is gone")
	}
}
