package snippet_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
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
		groupURN: groupURN, "group": groupURN, loop: loop, "**::w*": "**::w*",
		"**::x*": "", "zone": "", "w": "", "": "", "urn:pulumi:dev::p::gone": "",
	} {
		got, ok := i.Find(text)
		if ok != (want != "") || ok && got.URN != want {
			t.Errorf("%q: %q, %v", text, got.URN, ok)
		}
	}
}

func TestTheKeyWithTheTargetsNumberComesFirst(t *testing.T) {
	i := inventory()
	for text, want := range map[string][]string{groupURN: {"b", "a", "pools.c"}, loop: {"pools.c", "a", "b"}, zoneURN: {"a", "b", "pools.c"}} {
		target, _ := i.Find(text)
		var got []string
		keys, _ := i.KeysFor(target, "")
		for _, k := range keys {
			got = append(got, k.Key)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	i.Taken = []string{"b"}
	target, _ := i.Find("group")
	if keys, _ := i.KeysFor(target, ""); len(keys) != 2 {
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

const (
	inside  = "**::my:comp:Workers$kubernetes:apps/v1:Deployment::workers-*"
	outside = "**::kubernetes:apps/v1:Deployment::workers-*"
)

// inComponent is a stack whose pool is in a component, which the URNs of its children tell.
func inComponent() snippet.Inventory {
	deployment := func(parent, name string) snippet.Resource {
		return snippet.Resource{
			URN: "urn:pulumi:dev::p::" + parent + "kubernetes:apps/v1:Deployment::" + name, Type: "kubernetes:apps/v1:Deployment", Name: name,
			Numbers: map[string]int{snippet.Replicas: 1},
		}
	}
	return snippet.Inventory{
		Resources: []snippet.Resource{
			deployment("my:comp:Workers$", "workers-0"), deployment("my:comp:Workers$", "workers-1"), deployment("", "web"),
			{URN: "urn:pulumi:dev::p::my:comp:Workers$kubernetes:apps/v1:Deployment::workers-main", Type: "kubernetes:apps/v1:Deployment", Name: "workers-main"},
		},
		Keys: []snippet.Key{{Key: "dbPort", Value: 5432}, {Key: "workerCount", Value: 3}},
	}
}

func TestEveryPatternThatIsProposedMatchesWhatItSays(t *testing.T) {
	for name, i := range map[string]snippet.Inventory{"at the top": inventory(), "in a component": inComponent()} {
		for _, target := range i.Targets() {
			match, n := scale.MatchTargets(target.URN), 0
			for _, r := range i.Resources {
				if match(r.URN) {
					n++
				}
			}
			if n == 0 || target.Resource == nil && n != target.Count {
				t.Errorf("%s: %s matches %d", name, target, n)
			}
		}
	}
	if got := inComponent().Targets()[0]; got.URN != inside || got.Count != 3 {
		t.Errorf("the first is %s", got)
	}
}

func TestWhatWouldDoIsNamedForAPatternThatMatchesNothing(t *testing.T) {
	i := inComponent()
	if _, ok := i.Find(outside); ok {
		t.Error("a pattern that matches nothing is one")
	}
	for text, want := range map[string]string{outside: inside, "**::nothing": i.Targets()[0].URN, "": i.Targets()[0].URN, "web": i.Resources[2].URN} {
		if got := i.Near(text); len(got) == 0 || got[0].URN != want {
			t.Errorf("%q: %v, want %s", text, got, want)
		}
	}
}

func TestTheKeyIsOneOfThatSizeThenOneOfThatNameThenOneThatSoundsLikeASize(t *testing.T) {
	i := inventory()
	for name, c := range map[string]struct {
		keys   []string
		pool   string
		likely bool
		want   []string
	}{
		"the alphabet proposes nothing":            {[]string{"a", "port"}, "", false, []string{"a", "port"}},
		"a word of the resource's name":            {[]string{"apiReplicas", "groupReplicas"}, "", true, []string{"groupReplicas", "apiReplicas"}},
		"a word of the pool's name":                {[]string{"apiReplicas", "web_replicas"}, "web-pool", true, []string{"web_replicas", "apiReplicas"}},
		"a size before none":                       {[]string{"aPort", "workerCount"}, "", true, []string{"workerCount", "aPort"}},
		"the size that it has now before a name":   {[]string{"group", "x=4"}, "", true, []string{"x", "group"}},
		"of those with the size, that of the name": {[]string{"a=4", "groups=4"}, "", true, []string{"groups", "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			i.Keys = nil
			for _, key := range c.keys {
				name, same := strings.CutSuffix(key, "=4")
				k := snippet.Key{Key: name, Value: 99}
				if same {
					k.Value = 4
				}
				i.Keys = append(i.Keys, k)
			}
			group, _ := i.Find("group")
			keys, likely := i.KeysFor(group, c.pool)
			var got []string
			for _, k := range keys {
				got = append(got, k.Key)
			}
			if diff := cmp.Diff(c.want, got); diff != "" || likely != c.likely {
				t.Errorf("likely %v (-want +got):\n%s", likely, diff)
			}
		})
	}
}

func TestAKeyIsAName(t *testing.T) {
	i := inventory()
	i.Keys, i.Taken = append(i.Keys, snippet.Key{Key: "odd?"}), []string{"b"}
	for key, want := range map[string]bool{"workerCount": true, "ns:key-1.x": true, "odd?": true, "pools.c": true, "?": false, "": false, "a b": false, "7": false, "b": false} {
		if problem := i.CheckKey(key, false); (problem == "") != want {
			t.Errorf("%q: %q", key, problem)
		}
	}
	if problem := i.CheckKey(`pools["a"][0]`, true); problem != "" {
		t.Error(problem)
	}
	if i.CheckKey("?", true) == "" {
		t.Error("it takes a question for a path")
	}
}

func TestTheSizeOfAWorkloadIsItsReplicas(t *testing.T) {
	i := inComponent()
	web, _ := i.Find("web")
	if got := i.CurrentFor(web, "unknown"); got != snippet.Replicas {
		t.Errorf("got %q", got)
	}
	many, _ := i.Find(inside)
	if got := i.ListFor(many); got != "workers" {
		t.Errorf("got %q", got)
	}
	if got := i.ListFor(web); got != "" {
		t.Errorf("got %q", got)
	}
}
