package board

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestAFailureIsMendedByALaterScalingOfItsPool(t *testing.T) {
	at := func(d time.Duration) *time.Time { return new(noon.Add(d)) }
	scaled := func(start time.Duration) *Scaling {
		return &Scaling{Pool: "api", Succeeded: true, Start: at(start), End: at(start)}
	}
	failed := Operation{Pool: "api", Result: "failed", Ended: at(0)}
	for name, c := range map[string]struct {
		pool Pool
		want bool
	}{
		"it was scaled later":                 {Pool{Pool: "api", Last: scaled(time.Second)}, true},
		"it was scaled before":                {Pool{Pool: "api", Last: scaled(-time.Second)}, false},
		"its own update, which did not do it": {Pool{Pool: "api", Last: scaled(0)}, false},
		"it was never scaled":                 {Pool{Pool: "api"}, false},
		"another pool was scaled":             {Pool{Pool: "worker", Last: scaled(time.Second)}, false},
		"it is half scaled again":             {Pool{Pool: "api", Last: scaled(time.Second), Unsettled: true}, false},
		"the later scaling is in doubt too":   {Pool{Pool: "api", Last: scaled(time.Second), Unverified: "x"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := (&Status{Pools: []Pool{c.pool}, Failures: []Operation{failed}}).View(noon)
			if v.Mended(failed) != c.want || v.AllMended() != c.want {
				t.Errorf("mended: %v, all: %v, want %v", v.Mended(failed), v.AllMended(), c.want)
			}
			if got := v.Outdone(Scaling{Pool: "api", End: at(0)}); got != c.want {
				t.Errorf("as a scaling: %v, want %v", got, c.want)
			}
		})
	}
	if v := (&Status{}).View(noon); v.Mended(failed) || !v.AllMended() {
		t.Error("a failure of a pool that is gone counts as mended, or none as one")
	}
}

func TestTheStackIsNamedWithItsProject(t *testing.T) {
	for want, of := range map[string]Name{
		"shop/dev": {"shop", "dev"}, "acme/shop/dev": {"shop", "acme/dev"}, "acme/other/dev": {"shop", "acme/other/dev"}, "dev": {"", "dev"},
	} {
		v := (&Status{Project: of.Project, Stack: of.Stack}).View(noon)
		if got := v.FullName(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Fifteen resources with one trouble do not fill the screen.
func TestWhatARunSaysIsSaidOnce(t *testing.T) {
	of := func(urn, message string) scale.Diagnostic {
		return scale.Diagnostic{Severity: "error", URN: urn, Message: message}
	}
	const urn = "urn:pulumi:dev::shop::t:x:Y::"
	got := View{}.Said(Run{Said: []scale.Diagnostic{of(urn+"w-0", "quota"), of(urn+"w-1", "quota"), of("", "x")}})
	want := []Saying{{"error", "w-0, w-1", "quota"}, {"error", "", "x"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
