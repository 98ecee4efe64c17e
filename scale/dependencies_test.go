package scale_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestChangedDependencies(t *testing.T) {
	const web, front, back = "urn:pulumi:dev::p::c:i:Pool::web", "urn:pulumi:dev::p::c:i:Group$c:i:Balancer::front", "urn:pulumi:dev::p::c:i:Balancer::back"
	changed := func(urn, kind, name string) []scale.PendingChange {
		return []scale.PendingChange{{Op: "update", URN: urn, Type: kind, Name: name, Properties: []string{"dependencies"}}}
	}
	type on = map[string][]string
	for _, c := range []struct {
		name           string
		state, program on
		own, shared    []scale.PendingChange
	}{
		{"what depends on the same is not pending, in whatever order", on{front: {web, back}}, on{web: nil, front: {back, web}, back: nil}, nil, nil},
		{"a dependency of a neighbour that the program does not know is pending for all", on{front: {back}}, on{web: nil, front: nil, back: nil}, nil, changed(front, "c:i:Balancer", "front")},
		{"another dependency of a neighbour is pending for all", on{front: {back}}, on{front: {web}}, nil, changed(front, "c:i:Balancer", "front")},
		{"a neighbour keeps what it has of a dependency that is new", on{}, on{front: {back}}, nil, nil},
		{"a dependency of a target that the program does not know is pending for all, other pools' updates do not target it", on{web: {back}}, on{web: nil}, nil, changed(web, "c:i:Pool", "web")},
		{"a target would gain a dependency", on{}, on{web: {back}}, changed(web, "c:i:Pool", "web"), nil},
		{"a resource that the program does not have stays as it is", on{back: {front}}, on{web: nil, front: nil}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := &scale.Snapshot{Resources: []string{web, front, back}, Dependencies: c.state, Rules: scale.Rules{"web": {Targets: []string{web}}}}
			own, shared := scale.ChangedDependencies(snap, []string{"web"}, &scale.Result{Dependencies: c.program})
			if diff := cmp.Diff(c.own, own["web"]); diff != "" {
				t.Errorf("-want +got of the pool:\n%s", diff)
			}
			if diff := cmp.Diff(c.shared, shared); diff != "" {
				t.Errorf("-want +got of all:\n%s", diff)
			}
		})
	}
}

func TestLostDependencies(t *testing.T) {
	const front, back = "urn:pulumi:dev::p::c:i:Balancer::front", "urn:pulumi:dev::p::c:i:Balancer::back"
	snap := &scale.Snapshot{Resources: []string{back, front}, Dependencies: map[string][]string{front: {back}}}
	for _, c := range []struct {
		name string
		err  error
		want []scale.PendingChange
	}{
		{"what depends on a resource over which the preview failed has lost that", &scale.EngineError{Misplaced: []string{back}}, []scale.PendingChange{scale.OtherDependencies(front)}},
		{"a resource on which nothing depends is the program's own mistake", &scale.EngineError{Misplaced: []string{front}}, nil},
		{"another failure says nothing", &scale.EngineError{}, nil},
		{"neither does an error before the engine", &scale.SetupError{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, snap.LostDependencies(c.err)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
