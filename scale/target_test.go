package scale_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// The cases are the semantics of `pulumi up --target`: UrnTargets in pkg/resource/deploy of Pulumi v3.250.0.
func TestMatcher(t *testing.T) {
	const urn = "urn:pulumi:dev::demo::my:mod:Component$pkg:index:Worker::worker-1"
	for _, c := range []struct {
		name, target, urn string
		want              bool
	}{
		{"a literal is itself", urn, urn, true},
		{"a literal is nothing longer", urn, urn + "0", false},
		{"a literal is nothing shorter", urn, urn[:len(urn)-1], false},
		{"case counts", "**::Worker-1", urn, false},
		{"an asterisk stands for a name", "urn:pulumi:dev::demo::my:mod:Component$pkg:index:Worker::*", urn, true},
		{"an asterisk stands for a part of a name", "urn:pulumi:dev::demo::my:mod:Component$pkg:index:Worker::w*-1", urn, true},
		{"an asterisk stands for nothing at all", urn + "*", urn, true},
		{"an asterisk stands for no colon", "urn:pulumi:dev::demo::*::worker-1", urn, false},
		{"one asterisk for each part between colons", "urn:*:*::*::*:*:*:*:*::*", urn, true},
		{"too few asterisks do not do", "urn:*:*::*::*:*:*:*::*", urn, false},
		{"an asterisk stands for a dollar", "urn:pulumi:dev::demo::my:mod:*:index:Worker::worker-1", urn, true},
		{"two stand for anything", "**", urn, true},
		{"two stand for colons", "**::worker-1", urn, true},
		{"two in the middle", "urn:**:Worker::worker-1", urn, true},
		{"two stand for nothing at all", "**" + urn + "**", urn, true},
		{"two do not make the rest a part", "**worker", urn, false},
		{"three are two and one", "***::worker-1", urn, true},
		{"one and two", "**:Worker::*", urn, true},
		{"one and two, another type", "**:Workers::*", urn, false},
		{"a dot is a dot", "**::worker.1", urn, false},
		{"a dot is a dot that is there", "**::a.b", "urn:pulumi:dev::demo::p:i:T::a.b", true},
		{"a dollar is a dollar", "**$pkg:index:Worker::*", urn, true},
		{"signs of expressions are themselves", "**::w[0](x)+?|^{1}\\*", "urn:pulumi:dev::demo::p:i:T::w[0](x)+?|^{1}\\d", true},
		{"a backslash quotes no asterisk", `**::\*`, `urn:pulumi:dev::demo::p:i:T::\a`, true},
		{"an asterisk stands for a line's end", "**::a*b", "urn:pulumi:dev::demo::p:i:T::a\nb", true},
		{"two asterisks stand for no line's end", "**::a**b", "urn:pulumi:dev::demo::p:i:T::a\nb", false},
		{"a target ends where the URN does", "**::a", "urn:pulumi:dev::demo::p:i:T::a\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := scale.MatchTargets(c.target)(c.urn); got != c.want {
				t.Errorf("%q for %q: %v, want %v", c.target, c.urn, got, c.want)
			}
		})
	}
}

func TestMatcherOfSeveral(t *testing.T) {
	match := scale.MatchTargets("a", "b*")
	for urn, want := range map[string]bool{"a": true, "bc": true, "ab": false} {
		if match(urn) != want {
			t.Errorf("%q: %v, want %v", urn, !want, want)
		}
	}
	if scale.MatchTargets()("a") {
		t.Error("no target matches something")
	}
}

func TestUnmatched(t *testing.T) {
	rule := scale.Rule{Targets: []string{"**::a", "**::b-*", "urn:x::c"}}
	for _, c := range []struct {
		name      string
		resources [][]string
		want      []string
	}{
		{"every target that stands for nothing is one", [][]string{{"urn:x::other"}}, rule.Targets},
		{"one that stands for something is none", [][]string{{"urn:x::a", "urn:x::b-1"}}, []string{"urn:x::c"}},
		{"it may stand in any of the lists", [][]string{{"urn:x::a"}, {"urn:x::c", "urn:x::b-2"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, scale.UnmatchedTargets(rule, c.resources...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
