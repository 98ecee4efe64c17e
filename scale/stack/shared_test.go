package stack

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// stackOf is a stack of a program with its backend, in a state directory.
func stackOf(t *testing.T, stateDir, program, name, backend string) *Stack {
	t.Helper()
	t.Setenv("PULUMI_BACKEND_URL", "") // else it counts, and not the program's
	p := &project.Project{Dir: t.TempDir(), Project: &workspace.Project{
		Name: tokens.PackageName(program), Runtime: workspace.NewProjectRuntimeInfo("yaml", nil), Backend: &workspace.ProjectBackend{URL: backend},
	}}
	return &Stack{
		name: name, project: p, options: Options{StateDir: stateDir},
		dir:  statedir.Dir{Path: stateDir, Named: true, Stack: name, Program: p},
		file: configfile.File{Path: filepath.Join(p.Dir, "Pulumi."+name+".yaml"), Project: p.Project},
	}
}

func TestStacksThatShareAStateDirectoryDoNotMix(t *testing.T) {
	backends := []string{"file://" + t.TempDir(), "file://" + t.TempDir()}
	for name, c := range map[string][3]string{
		"another project":      {"other", "dev", backends[0]},
		"another stack":        {"demo", "prod", backends[0]},
		"another backend":      {"demo", "dev", backends[1]},
		"another storage":      {"demo", "dev", "s3://bucket?prefix=b/"},
		"another organization": {"demo", "org/demo/dev", backends[0]},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			one := stackOf(t, dir, "demo", "dev", backends[0])
			if name == "another organization" {
				one.setName("mine/demo/dev")
			}
			other := stackOf(t, dir, c[0], c[1], c[2])
			for _, s := range []*Stack{one, other} {
				if _, err := s.StateDir(); err != nil {
					t.Fatal(err)
				}
			}
			r, err := one.dir.NewRecord("id", []string{"worker"}, "worker")
			if err != nil {
				t.Fatal(err)
			}
			if err := one.ChangeHolds(func(h scale.Holds) scale.Holds {
				return h.With(scale.Hold{Pool: "worker", Until: time.Now().Add(time.Hour)})
			}); err != nil {
				t.Fatal(err)
			}
			one.remember(&scale.Snapshot{Output: []byte(`{"worker":{"urn":"urn:pulumi:dev::demo::a:b:C::w","configKey":"count","min":1,"max":9}}`)})
			rules := scale.Rules{"worker": {Pool: "worker"}}
			// It neither sees them nor takes them away: its own update has settled the pool of the same name.
			if ended, busy := other.left(); len(other.unsettled(ended, nil, rules))+len(busy) > 0 {
				t.Errorf("another one's doubt: %v", ended)
			}
			if holds, err := other.Holds(); err != nil || len(holds) > 0 {
				t.Errorf("another one's holds: %v, %v", holds, err)
			}
			if other.dir.Recall() != nil {
				t.Error("another one's memory")
			}
			other.Conclude("id", []scale.MoveResult{{Move: scale.Move{Pool: "worker"}}})
			other.settle(&statedir.Record{Stack: "dev", Pools: []string{"worker"}})
			other.dir.Forget()
			unlock, err := other.Lock(context.Background(), scale.Unobserved) // what is left behind is removed
			if err != nil {
				t.Fatal(err)
			}
			unlock()
			if err := other.ChangeHolds(func(scale.Holds) scale.Holds { return nil }); err != nil {
				t.Fatal(err)
			}
			if ended, _ := one.left(); len(ended) != 1 || ended[0].Dir != r.Dir || cmp.Diff([]string{"worker"}, one.unsettled(ended, nil, rules)) != "" {
				t.Errorf("the doubt is lost: %+v", ended)
			}
			if holds, err := one.Holds(); err != nil || len(holds) != 1 {
				t.Errorf("the hold is lost: %v, %v", holds, err)
			}
			if one.dir.Recall() == nil {
				t.Error("the memory is lost")
			}
		})
	}
}
