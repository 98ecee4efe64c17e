package configfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale/snippet"
)

func TestWholeNumbersOfTheConfigurationAreNamedAsARuleNamesThem(t *testing.T) {
	f := tempFile(t, `config:
  demo:count: 3
  demo:text: "4"
  demo:zone: eu-1
  demo:less: -1
  demo:half: 1.5
  demo:secret: {secure: v1:abc}
  other:n: 5
  demo:config:old: 6
  demo:pools:
    worker: {count: 2, name: w}
    "a.b": [7, {n: 8}]
  sizes:more: {cache: 1}
`)
	got, err := f.WholeNumbers()
	if err != nil {
		t.Fatal(err)
	}
	want := []snippet.Key{
		{Key: "count", Value: 3}, {Key: "old", Value: 6}, {Key: "other:n", Value: 5},
		{Key: `pools.worker.count`, Path: true, Value: 2}, {Key: `pools["a.b"][0]`, Path: true, Value: 7}, {Key: `pools["a.b"][1].n`, Path: true, Value: 8},
		{Key: "sizes:more.cache", Path: true, Value: 1}, {Key: "text", Value: 4},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Each of them is one that a rule may have, and leads to the same value.
	for _, k := range got {
		if _, err := ParseKey("demo", k.Key, k.Path); err != nil {
			t.Errorf("%s: %v", k.Key, err)
		}
		values, err := f.Counts(leastRule(k.Key, k.Path))
		if err != nil || values["worker"] == nil || *values["worker"] != map[int]string{1: "1", 2: "2", 3: "3", 4: "4", 5: "5", 6: "6", 7: "7", 8: "8"}[k.Value] {
			t.Errorf("%s: %v, %v", k.Key, values, err)
		}
	}
}

func TestTheProjectsOwnNumbersCountWhereTheFileHasNone(t *testing.T) {
	f := tempFile(t, "config:\n  demo:a: 1\n")
	f.Project.Config = map[string]workspace.ProjectConfigType{"a": {Default: 9}, "b": {Default: 2}, "c": {}}
	got, err := f.WholeNumbers()
	if diff := cmp.Diff([]snippet.Key{{Key: "a", Value: 1}, {Key: "b", Value: 2}}, got); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s%v", diff, err)
	}
}
