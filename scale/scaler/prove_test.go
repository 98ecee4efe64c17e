package scaler

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestProve(t *testing.T) {
	wildcard := func(r *scale.Rule) { r.Targets = []string{"**::worker-*"} }
	several := scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{"**::worker*"} })
	doubtful := func(s *scale.Snapshot) {
		s.Unverified = map[string]scale.Doubt{"worker": {From: new(3), To: 3, Reason: "r"}}
	}
	changed := scale.Result{Seen: []string{scaletest.WorkerURN}, Steps: []scale.ResourceStep{{Op: "update", URN: scaletest.WorkerURN}}}
	const made = "urn:pulumi:dev::demo::pkg:index:Worker::worker-0"
	for _, c := range []struct {
		name    string
		snap    *scale.Snapshot
		preview scale.Result
		calls   []string
		want    []scale.Outcome
	}{
		{"a plain rule is not previewed", scaletest.Snapshot(), scale.Result{}, nil, []scale.Outcome{scale.Scale}},
		{"a guard asks for a preview", scaletest.Snapshot(scaletest.WithRule("worker", scaletest.Guarded(scale.GuardDelete))), changed, []string{"preview"}, []scale.Outcome{scale.Scale}},
		{"another pool's guard does not", scaletest.Snapshot(scaletest.WithRule("api", scaletest.Guarded(scale.GuardDelete))), scale.Result{}, nil, []scale.Outcome{scale.Scale}},
		{"a wildcard that matches something is not previewed", scaletest.Snapshot(scaletest.WithRule("worker", func(r *scale.Rule) { r.Targets = []string{"**::worker*"} })), scale.Result{}, nil, []scale.Outcome{scale.Scale}},
		{"a wildcard that matches nothing is previewed", scaletest.Snapshot(scaletest.WithRule("worker", wildcard)), scale.Result{}, []string{"preview"}, []scale.Outcome{scale.Refused}},
		{"a wildcard that will match is let through", scaletest.Snapshot(scaletest.WithRule("worker", wildcard)), scale.Result{Seen: []string{made}, Steps: []scale.ResourceStep{{Op: "create", URN: made}}}, []string{"preview"}, []scale.Outcome{scale.Scale}},
		{"a pool whose last update is not proved is previewed", scaletest.Snapshot(doubtful), changed, []string{"preview"}, []scale.Outcome{scale.Scale}},
		{"and refused where the preview changes none of its targets", scaletest.Snapshot(doubtful), scale.Result{Seen: []string{scaletest.WorkerURN}}, []string{"preview"}, []scale.Outcome{scale.Refused}},
		{"a protected target is previewed", scaletest.Snapshot(withProtected(scaletest.WorkerURN), several), changed, []string{"preview"}, []scale.Outcome{scale.Scale}},
		{"the only one is not, on the way out", scaletest.Snapshot(withProtected(scaletest.WorkerURN)), scale.Result{}, nil, []scale.Outcome{scale.Scale}},
		{"nor are others", scaletest.Snapshot(withProtected(scaletest.APIURN), several), scale.Result{}, nil, []scale.Outcome{scale.Scale}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := scaletest.NewStack(t, c.snap)
			fake.OnPreview = func(int, scale.Change) (*scale.Result, error) { return &c.preview, nil }
			p, err := scalerOf(fake).tryInPreview(context.Background(), c.snap, scale.MakePlan(c.snap, []scale.Intent{scaletest.ToCount(5)}, scaletest.Noon))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, scaletest.Outcomes(p)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.calls, fake.Calls); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func withProtected(urns ...string) func(*scale.Snapshot) {
	return func(s *scale.Snapshot) { s.Protected = urns }
}

func TestAProtectedResourceRefusesItsPoolAndNoOther(t *testing.T) {
	for _, c := range []struct {
		name string
		urn  string
		want []scale.Outcome
	}{
		{"its own", scaletest.WorkerURN, []scale.Outcome{scale.Refused, scale.Scale}},
		{"nobody's", "urn:pulumi:dev::demo::pkg:index:Pool::other", []scale.Outcome{scale.Refused, scale.Refused}},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := scaletest.Snapshot(withProtected(scaletest.WorkerURN), scaletest.WithRule("api", scaletest.Guarded(scale.GuardDelete)))
			fake := scaletest.NewStack(t, snap)
			otherwise := fake.OnPreview
			fake.OnPreview = func(n int, c2 scale.Change) (*scale.Result, error) {
				if slices.Contains(c2.Pools, "worker") {
					return nil, &scale.ProtectedError{URN: c.urn}
				}
				return otherwise(n, c2)
			}
			p, err := scalerOf(fake).tryInPreview(context.Background(), snap, scale.MakePlan(snap, []scale.Intent{scaletest.ToCount(2), {Pool: "api", Count: new(4)}}, scaletest.Noon))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, scaletest.Outcomes(p)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var found *scale.ProtectedError
			if d := p.Decisions[0]; !errors.As(d.Err, &found) || found.Pool != "worker" || found.URN != c.urn {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestProveNamesThePoolOfATarget(t *testing.T) {
	snap := scaletest.Snapshot(scaletest.WithRule("worker", scaletest.Guarded(scale.GuardDelete)))
	fake := scaletest.NewStack(t, snap)
	fake.OnPreview = func(int, scale.Change) (*scale.Result, error) {
		return nil, &scale.TargetError{Target: scaletest.WorkerURN}
	}
	_, err := scalerOf(fake).tryInPreview(context.Background(), snap, scale.MakePlan(snap, []scale.Intent{scaletest.ToCount(5)}, scaletest.Noon))
	var target *scale.TargetError
	if !errors.As(err, &target) || target.Pool != "worker" {
		t.Errorf("got %#v", err)
	}
}
