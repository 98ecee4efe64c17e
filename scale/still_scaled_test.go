package scale_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestStillScaled(t *testing.T) {
	values := func(worker, web string) map[string]*string { return map[string]*string{"worker": &worker, "web": &web} }
	ours := func(worker, web string, pools ...string) scale.Update {
		return scale.Update{Kind: scale.UpdateUpdate, Succeeded: true, ID: "pulumiscale/A", Pools: pools, Values: values(worker, web)}
	}
	deploy := func(worker, web string) scale.Update {
		return scale.Update{Kind: scale.UpdateUpdate, Succeeded: true, Values: values(worker, web)}
	}
	failed := ours("9", "9", "worker", "web")
	failed.Succeeded = false
	for _, c := range []struct {
		name    string
		updates []scale.Update
		want    []string
	}{
		{"what was scaled since the last deploy", []scale.Update{ours("3", "2", "worker"), deploy("2", "2")}, []string{"worker"}},
		{"a deploy has kept the count, and the branch may lack it", []scale.Update{deploy("3", "2"), ours("3", "2", "worker")}, []string{"worker"}},
		{"a deploy has taken it back, which is its own count", []scale.Update{deploy("2", "2"), ours("3", "2", "worker")}, nil},
		{"the last scaling counts", []scale.Update{deploy("3", "2"), ours("4", "2", "worker"), ours("3", "2", "worker")}, nil},
		{"an update that failed has scaled nothing", []scale.Update{failed, ours("3", "4", "web"), deploy("3", "2")}, []string{"web"}},
		{"several, by name", []scale.Update{ours("3", "4", "worker", "web")}, []string{"web", "worker"}},
		{"nothing is known", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, (&scale.Snapshot{Updates: c.updates}).StillScaled()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
