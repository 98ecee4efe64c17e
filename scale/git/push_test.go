package git_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/git"
)

func TestPushChangesOneFileOnTheTipOfTheBranch(t *testing.T) {
	r := newRig(t)
	before := r.at("main")
	commit := mustPush(t, r.open(), git.Commit{Branch: "main", Edit: setKey("a", "7")})
	if got := r.at("main"); got != commit || r.at("main^") != before {
		t.Errorf("main is at %s, after %s; the commit is %s, on %s", got, r.at("main^"), commit, before)
	}
	if diff := cmp.Diff("M\t"+config, r.git(r.remote, "diff", "--name-status", before, commit)); diff != "" {
		t.Errorf("-want +got of what changed:\n%s", diff)
	}
	if diff := cmp.Diff("config:\n  demo:a: 7\n  demo:b: 1\n  demo:c: 1\n  demo:d: 1\n  demo:e: 1\n", r.show("main", config)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want := who + "\n" + who + "\nSet a to 7\n"
	if diff := cmp.Diff(want, r.git(r.remote, "log", "-1", "--format=%an <%ae>%n%cn <%ce>%n%B", "main")); diff != "" {
		t.Errorf("-want +got of who says what:\n%s", diff)
	}
	r.git(r.remote, "fsck", "--strict")
}

func TestPushDoesNothingIfThereIsNothingToDo(t *testing.T) {
	r := newRig(t)
	before := r.at("main")
	if got := mustPush(t, r.open(), git.Commit{Branch: "main", Edit: setKey("a", "1")}); got != "" || r.at("main") != before {
		t.Errorf("commit %q, and main is at %s, not %s", got, r.at("main"), before)
	}
}

func TestFivePushersLoseNoEdit(t *testing.T) {
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprintf("shared clone %v", shared), func(t *testing.T) {
			r := newRig(t)
			before := r.at("main")
			var all sync.WaitGroup
			errs := make([]error, 5)
			for i, key := range []string{"a", "b", "c", "d", "e"} {
				clone := "clone"
				if !shared {
					clone += key
				}
				repository := r.open(func(o *git.Options) { o.Dir = r.dir + "/" + clone })
				all.Go(func() {
					_, errs[i] = repository.Push(t.Context(), git.Commit{Branch: "main", Edit: setKey(key, "9")})
				})
			}
			all.Wait()
			for _, err := range errs {
				if err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff("config:\n  demo:a: 9\n  demo:b: 9\n  demo:c: 9\n  demo:d: 9\n  demo:e: 9\n", r.show("main", config)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got := r.git(r.remote, "rev-list", "--count", "--no-merges", before+"..main"); got != "5" {
				t.Errorf("%s commits, want 5 in a line", got)
			}
		})
	}
}

func TestPushKeepsBytesAndMode(t *testing.T) {
	r := newRig(t)
	r.git(r.checkout, "config", "core.autocrlf", "false")
	r.write(config, "config:\r\n  demo:a: 1\r\n")
	r.git(r.checkout, "add", "--", config)
	r.git(r.checkout, "update-index", "--chmod=+x", config)
	r.git(r.checkout, "commit", "--quiet", "-m", "CRLF")
	r.write(".gitattributes", "* text=auto eol=lf\n")
	r.git(r.checkout, "add", ".gitattributes")
	r.git(r.checkout, "commit", "--quiet", "-m", "attributes")
	r.push()
	r.git(r.dir, "config", "--global", "core.autocrlf", "input")
	mustPush(t, r.open(), git.Commit{Branch: "main", Edit: setKey("a", "2")})
	if diff := cmp.Diff("config:\r\n  demo:a: 2\r\n", r.show("main", config)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if mode, _, _ := strings.Cut(r.git(r.remote, "ls-tree", "main", config), " "); mode != "100755" {
		t.Errorf("mode %s, want that of before", mode)
	}
}
