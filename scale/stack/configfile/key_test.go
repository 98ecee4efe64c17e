package configfile

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

func TestParseKey(t *testing.T) {
	for _, c := range []struct {
		key  string
		path bool
		want Key
	}{
		{"count", false, Key{Name: "demo:count"}},
		{"aws:count", false, Key{Name: "aws:count"}},
		{"aws:config:count", false, Key{Name: "aws:count"}},
		{"pools.count", false, Key{Name: "demo:pools.count"}},
		{"count", true, Key{Name: "demo:count", Path: resource.PropertyPath{}}},
		{"pools.worker.count", true, Key{Name: "demo:pools", Path: resource.PropertyPath{"worker", "count"}}},
		{"aws:pools[1].count", true, Key{Name: "aws:pools", Path: resource.PropertyPath{1, "count"}}},
		{"aws:config:pools.count", true, Key{Name: "aws:pools", Path: resource.PropertyPath{"count"}}},
		{`pools["my.worker"]`, true, Key{Name: "demo:pools", Path: resource.PropertyPath{"my.worker"}}},
		{`["my.pools"].count`, true, Key{Name: "demo:my.pools", Path: resource.PropertyPath{"count"}}},
	} {
		t.Run(c.key, func(t *testing.T) {
			got, err := ParseKey("demo", c.key, c.path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(Key{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	for _, key := range []string{"[0].a", `a["`, "a..b["} {
		if got, err := ParseKey("demo", key, true); err == nil {
			t.Errorf("%q: got %+v", key, got)
		}
	}
}

func TestLookup(t *testing.T) {
	value := func(text string) any {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		name  string
		path  resource.PropertyPath
		value any
		want  *string
	}{
		{"nothing", nil, nil, nil},
		{"a text", nil, "3", new("3")},
		{"a number of YAML", nil, 3, new("3")},
		{"a number of JSON", nil, json.Number("3"), new("3")},
		{"a large number", nil, 1e6, new("1000000")},
		{"a bool", nil, true, new("true")},
		{"a structure", nil, value(`{"a":[1,{"b":2}]}`), new(`{"a":[1,{"b":2}]}`)},
		{"a secret", nil, value(`{"secure":"v1:abc"}`), new("[secret]")},
		{"what only looks like a secret", nil, value(`{"secure":"a","b":1}`), new(`{"b":1,"secure":"a"}`)},
		{"a part", resource.PropertyPath{"a", 1, "b"}, value(`{"a":[1,{"b":2}]}`), new("2")},
		{"a secret part", resource.PropertyPath{"a"}, value(`{"a":{"secure":"v1:abc"}}`), new("[secret]")},
		{"a part that is not there", resource.PropertyPath{"b"}, value(`{"a":1}`), nil},
		{"a part of a part that is not there", resource.PropertyPath{"b", "c"}, value(`{"a":1}`), nil},
		{"a part of a text", resource.PropertyPath{"a"}, "text", nil},
		{"an item beyond the end", resource.PropertyPath{2}, value(`[1,2]`), nil},
		{"an item before the start", resource.PropertyPath{-1}, value(`[1,2]`), nil},
		{"a name in a list", resource.PropertyPath{"a"}, value(`[1,2]`), nil},
		{"an index in a structure", resource.PropertyPath{0}, value(`{"":"x"}`), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Key{Path: c.path}.Lookup(c.value)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestFileAgreesWithPulumi reads values as Pulumi hands them to a program.
func TestFileAgreesWithPulumi(t *testing.T) {
	for _, c := range []struct {
		key  string
		path bool
		doc  string
	}{
		{"count", false, "config:\n  demo:count: 3\n"},
		{"count", false, "config:\n  demo:count: \"3\"\n"},
		{"count", false, "config:\n  demo:count: 0x10\n"},
		{"count", false, "config:\n  demo:count: 010\n"},
		{"count", false, "config:\n  demo:count: 1_000\n"},
		{"count", false, "config:\n  demo:count: 3.0\n"},
		{"count", false, "config:\n  demo:count: 3.5\n"},
		{"count", false, "config:\n  demo:count: 1e3\n"},
		{"count", false, "config:\n  demo:count: true\n"},
		{"count", false, "config:\n  demo:count: yes\n"},
		{"count", false, "config:\n  count: 4\n"},
		{"count", false, "config:\n  demo:config:count: 4\n"},
		{"aws:count", false, "config:\n  aws:count: 4\n  demo:count: 5\n"},
		{"pools.a", true, "config:\n  demo:pools: {a: 3}\n"},
		{"pools.a", true, "config:\n  demo:pools: {a: '3'}\n"},
		{"pools[1].n", true, "config:\n  demo:pools: [{n: 1}, {n: 2}]\n"},
		{"pools.b", true, "config:\n  demo:pools: {a: 3}\n"},
		{"count", false, ""},
		{"count", false, "environment: [base]\n"},
		{"count", false, "a: &a 7\nconfig:\n  demo:count: *a\n"},
	} {
		t.Run(c.key+" in "+c.doc, func(t *testing.T) {
			rule := leastRule(c.key, c.path)
			file := tempFile(t, c.doc)
			got, err := file.Counts(rule)
			if err != nil {
				t.Fatal(err)
			}
			var want *string
			if text, ok := pulumiValue(t, c.doc, c.key, c.path); ok {
				want = &text
			}
			if diff := cmp.Diff(want, got["worker"]); diff != "" {
				t.Errorf("-Pulumi +ours:\n%s", diff)
			}
		})
	}
}

func TestProjectDefault(t *testing.T) {
	p := demoProject()
	p.Config = map[string]workspace.ProjectConfigType{
		"count": {Default: 3}, "other:count": {Value: 5}, "pools": {Value: map[string]any{"a": 7}}, "none": {},
	}
	for _, c := range []struct {
		key  string
		path bool
		doc  string
		want *string
	}{
		{"count", false, "", new("3")},
		{"demo:count", false, "", new("3")},
		{"other:count", false, "", new("5")},
		{"pools.a", true, "", new("7")},
		{"none", false, "", nil},
		{"missing", false, "", nil},
		{"count", false, "config:\n  demo:count: 4\n", new("4")},
	} {
		t.Run(c.key+" in "+c.doc, func(t *testing.T) {
			file := tempFile(t, c.doc)
			file.Project = p
			got, err := file.Counts(leastRule(c.key, c.path))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got["worker"]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
