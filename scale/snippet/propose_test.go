package snippet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/snippet"
)

const (
	groupURN = "urn:pulumi:dev::p::aws:autoscaling/group:Group::group"
	zoneURN  = "urn:pulumi:dev::p::aws:route53/zone:Zone::zone"
	bigURN   = "urn:pulumi:dev::p::aws:eks/nodeGroup:NodeGroup::big"
	loop     = "**::aws:ec2/instance:Instance::w-*"
)

func instance(n string) snippet.Resource {
	return snippet.Resource{URN: "urn:pulumi:dev::p::aws:ec2/instance:Instance::w-" + n, Type: "aws:ec2/instance:Instance", Name: "w-" + n}
}

func inventory() snippet.Inventory {
	return snippet.Inventory{
		Resources: []snippet.Resource{
			{URN: zoneURN, Type: "aws:route53/zone:Zone", Name: "zone", Numbers: map[string]int{"ttl": 4}},
			{URN: bigURN, Type: "aws:eks/nodeGroup:NodeGroup", Name: "big", Numbers: map[string]int{"diskSize": 20}},
			instance("0"), instance("1"),
			{URN: groupURN, Type: "aws:autoscaling/group:Group", Name: "group", Numbers: map[string]int{"minSize": 2, "maxSize": 4, "desiredCapacity": 4, "capacity": 4}},
		},
		Keys: []snippet.Key{{Key: "a", Value: 7}, {Key: "b", Value: 4}, {Key: "pools.c", Path: true, Value: 2}},
	}
}

func TestTheLikelyTargetsComeFirst(t *testing.T) {
	var got []string
	for _, target := range inventory().Targets() {
		got = append(got, target.URN)
	}
	want := []string{
		loop, groupURN, // they have what a key says
		bigURN, // it has a size, of whatever
		instance("0").URN, instance("1").URN, zoneURN,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestATargetIsMeantByItsURNOrItsName(t *testing.T) {
	i := inventory()
	i.Resources = append(i.Resources, snippet.Resource{URN: "urn:pulumi:dev::p::other:Type::zone", Type: "other:Type", Name: "zone"})
	for text, want := range map[string]string{
		groupURN: groupURN, "group": groupURN, loop: loop, "**::x*": "**::x*",
		"zone": "", "w": "", "": "", "urn:pulumi:dev::p::gone": "",
	} {
		got, ok := i.Find(text)
		if got.URN != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", text, got.URN, ok)
		}
	}
}

func TestTheKeyWithTheTargetsNumberComesFirst(t *testing.T) {
	i := inventory()
	for text, want := range map[string][]string{groupURN: {"b", "a", "pools.c"}, loop: {"pools.c", "a", "b"}, zoneURN: {"a", "b", "pools.c"}} {
		target, _ := i.Find(text)
		var got []string
		for _, k := range i.KeysFor(target) {
			got = append(got, k.Key)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	i.Taken = []string{"b"}
	target, _ := i.Find("group")
	if keys := i.KeysFor(target); len(keys) != 2 {
		t.Errorf("a key of another pool is proposed: %v", keys)
	}
}

func TestCurrentIsThePropertyThatHoldsWhatTheKeyDoes(t *testing.T) {
	i := inventory()
	group, _ := i.Find("group")
	many, _ := i.Find(loop)
	zone, _ := i.Find("zone")
	for _, c := range []struct {
		target    snippet.Target
		key, want string
	}{
		{group, "b", "desiredCapacity"}, // and neither maxSize, which only bounds it, nor another name for it
		{group, "a", ""}, {group, "unknown", ""}, {group, "pools.c", ""},
		{many, "pools.c", ""}, // no property tells of many
		{zone, "b", ""},       // a time to live is no size
	} {
		if got := i.CurrentFor(c.target, c.key); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.target.URN, c.key, got, c.want)
		}
	}
}

func TestAPoolIsNamedForItsTarget(t *testing.T) {
	i := inventory()
	i.Pools = []string{"group", "w", "w2"}
	for text, want := range map[string]string{groupURN: "group2", loop: "w3", "**": "pool", zoneURN: "zone"} {
		target, _ := i.Find(text)
		if got := i.PoolFor(target); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	odd := snippet.Resource{Name: "a b/c ü"}
	if got := i.PoolFor(snippet.Target{Resource: &odd}); got != "a-b-c" {
		t.Errorf("got %q", got)
	}
}
