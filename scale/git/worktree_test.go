package git_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMoveGoesFromCommitToCommitAndKeepsWhatIsInstalled(t *testing.T) {
	r := newRig(t)
	r.write(".gitignore", "node_modules\n")
	first := r.commit("ignore")
	r.write("infra/Pulumi.yaml", "name: demo\ndescription: second\n")
	second := r.commit("second")
	r.push()
	w := r.open().Worktree(filepath.Join(r.dir, "worktree"))
	if got := w.Commit(); got != "" {
		t.Errorf("a worktree that is not there is at %q", got)
	}
	mustMove(t, w, second)
	writeFile(t, filepath.Join(w.Dir(), "node_modules", "left-pad"), "installed")
	mustMove(t, w, first)
	if diff := cmp.Diff("name: demo\n", readFile(t, filepath.Join(w.Dir(), "infra", "Pulumi.yaml"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	mustMove(t, w, second)
	if got := readFile(t, filepath.Join(w.Dir(), "node_modules", "left-pad")); got != "installed" {
		t.Error("what was installed is gone")
	}
	if edited, err := w.Edited(t.Context(), nil); err != nil || edited != nil {
		t.Errorf("edited: %v, error: %v", edited, err)
	}
}
