//go:build !windows

package stack

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestIsPerpetual(t *testing.T) {
	type m = map[string]any
	for _, c := range []struct {
		name     string
		op       apitype.OpType
		old, new m
		diffs    []string
		detailed []string
		want     bool
	}{
		{"the same inputs, and the provider finds a difference", "update", m{"a": "x"}, m{"a": "x"}, []string{"a"}, nil, true},
		{"also in a property that is no input", "update", m{"a": "x"}, m{"a": "x"}, nil, []string{"etag"}, true},
		{"also if it does not say in which", "update", m{"a": "x"}, m{"a": "x"}, nil, nil, true},
		{"other inputs are a change", "update", m{"a": "x"}, m{"a": "y"}, []string{"a"}, nil, false},
		{"so is one more", "update", m{"a": "x"}, m{"a": "x", "b": nil}, []string{"b"}, nil, false},
		{"a replacement is never perpetual", "replace", m{"a": "x"}, m{"a": "x"}, []string{"a"}, nil, false},
		{"nor is a creation", "create", nil, m{"a": "x"}, nil, nil, false},
		{"of a secret that may have changed nothing is known", "update", m{"a": "[secret]"}, m{"a": "[secret]"}, []string{"a"}, nil, false},
		{"nor of one in the middle", "update", m{"a": m{"b": "u:[secret]@h"}}, m{"a": m{"b": "u:[secret]@h"}}, nil, []string{"a.b"}, false},
		{"nor of any, if it does not say in which property", "update", m{"a": "x", "b": "[secret]"}, m{"a": "x", "b": "[secret]"}, nil, nil, false},
		{"a secret elsewhere does not matter", "update", m{"a": "x", "b": "[secret]"}, m{"a": "x", "b": "[secret]"}, []string{"a"}, nil, true},
		{"nor does it beside the property within the same value", "update", m{"a": m{"b": "x", "c": "[secret]"}}, m{"a": m{"b": "x", "c": "[secret]"}}, nil, []string{"a.b"}, true},
		{"but if one of several is a secret, it does", "update", m{"a": "x", "b": "[secret]"}, m{"a": "x", "b": "[secret]"}, []string{"a", "b"}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			step := apitype.StepEventMetadata{Op: c.op, Diffs: c.diffs, New: &apitype.StepEventStateMetadata{Inputs: c.new}}
			if c.old != nil {
				step.Old = &apitype.StepEventStateMetadata{Inputs: c.old}
			}
			for _, path := range c.detailed {
				if step.DetailedDiff == nil {
					step.DetailedDiff = map[string]apitype.PropertyDiff{}
				}
				step.DetailedDiff[path] = apitype.PropertyDiff{Kind: apitype.DiffUpdate}
			}
			if got := isPerpetual(step); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestChangedOutputs(t *testing.T) {
	steps := []scale.ResourceStep{
		{Op: "create", URN: "urn:pulumi:dev::demo::x:index:Y::changed-1"}, {Op: "delete", URN: "urn:pulumi:dev::demo::x:index:Y::gone-1"},
	}
	for _, c := range []struct {
		name, before, after string
		want                string
	}{
		{"none", `{"url":"x"}`, `{"url":"x"}`, ""},
		{"another value, one that comes and one that goes, by name", `{"url":"x","old":1}`, `{"url":"y","new":1}`, "new old url"},
		{"one that comes as nothing", `{}`, `{"url":null}`, "url"},
		{"deep in a value", `{"a":{"b":[1,{"c":2}]}}`, `{"a":{"b":[1,{"c":3}]}}`, "a"},
		{"the current counts of the rules are none", `{"pulumiscale":{"w":{"max":9,"current":3},"v":{"current":1}}}`, `{"pulumiscale":{"w":{"max":9,"current":5},"v":{"current":1}}}`, ""},
		{"nor is one that comes or goes", `{"pulumiscale":{"w":{"max":9,"current":3}}}`, `{"pulumiscale":{"w":{"max":9}}}`, ""},
		{"what else the rules say is one", `{"pulumiscale":{"w":{"max":9,"current":3}}}`, `{"pulumiscale":{"w":{"max":8,"current":3}}}`, "pulumiscale"},
		{"so is a pool that comes", `{"pulumiscale":{"w":{"max":9}}}`, `{"pulumiscale":{"w":{"max":9},"v":{"current":1}}}`, "pulumiscale"},
		{"a current count that is not known any more is one", `{"pulumiscale":{"w":{"urn":"urn:w","current":3}}}`, `{"pulumiscale":{"w":{"urn":"urn:w","current":"04da6b54-80e4-46f7-96ec-b56ff0331ba9"}}}`, "pulumiscale"},
		{"or one of a pool with patterns", `{"pulumiscale":{"w":{"targets":["**::w-*"],"current":3}}}`, `{"pulumiscale":{"w":{"targets":["**::w-*"],"current":"04da6b54-80e4-46f7-96ec-b56ff0331ba9"}}}`, "pulumiscale"},
		{"but not that of a pool which is changed", `{"pulumiscale":{"w":{"targets":["**::changed-*"],"current":3}}}`, `{"pulumiscale":{"w":{"targets":["**::changed-*"],"current":"04da6b54-80e4-46f7-96ec-b56ff0331ba9"}}}`, ""},
		{"as that is not of which resources only go", `{"pulumiscale":{"w":{"targets":["**::gone-*"],"current":3}}}`, `{"pulumiscale":{"w":{"targets":["**::gone-*"],"current":"04da6b54-80e4-46f7-96ec-b56ff0331ba9"}}}`, "pulumiscale"},
		{"nor one that was not known before", `{"pulumiscale":{"w":{"urn":"urn:w","current":"04da6b54-80e4-46f7-96ec-b56ff0331ba9"}}}`, `{"pulumiscale":{"w":{"urn":"urn:w","current":"04da6b54-80e4-46f7-96ec-b56ff0331ba9"}}}`, ""},
		{"current in another output is like any other", `{"other":{"w":{"current":3}}}`, `{"other":{"w":{"current":5}}}`, "other"},
		{"rules that are none are compared as they are", `{"pulumiscale":"[secret]"}`, `{"pulumiscale":{"w":{}}}`, "pulumiscale"},
		{"so is a rule that is none", `{"pulumiscale":{"w":3}}`, `{"pulumiscale":{"w":4}}`, "pulumiscale"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after map[string]any
			if json.Unmarshal([]byte(c.before), &before) != nil || json.Unmarshal([]byte(c.after), &after) != nil {
				t.Fatal("no JSON")
			}
			if diff := cmp.Diff(c.want, strings.Join(changedOutputs(before, after, steps), " ")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			again, _ := json.Marshal(before)
			if diff := cmp.Diff(canonical(t, c.before), string(again)); diff != "" {
				t.Errorf("what was before has been changed: %s", diff)
			}
		})
	}
}

// stepLine is an event of a resource, with what it was and is.
func stepLine(op, before, after string) string {
	return `{"resourcePreEvent":{"metadata":{"op":"` + op + `","urn":"urn:pulumi:dev::demo::a:b:C::w","type":"a:b:C","old":` + before + `,"new":` + after + "}}}\n"
}

func TestChangedOptions(t *testing.T) {
	for _, c := range []struct {
		name, operation, op, old, new string
		want                          string
	}{
		{"none", "preview", "same", `{"protect":true,"parent":"p"}`, `{"protect":true,"parent":"p"}`, ""},
		{"protect", "preview", "same", `{}`, `{"protect":true}`, "protect"},
		{"several, by name", "preview", "same", `{"protect":true,"parent":"p"}`, `{"retainOnDelete":true,"parent":"q"}`, "parent protect retainOnDelete"},
		{"what the state has besides is none", "preview", "same", `{"inputs":{"a":1},"outputs":{"b":2}}`, `{"inputs":{"a":1},"outputs":{"b":3}}`, ""},
		{"a resource that is not there has none", "preview", "same", `null`, `{"protect":true}`, ""},
		{"of an update the step itself tells", "preview", "update", `{}`, `{"protect":true}`, ""},
		{"an update does not ask", "update", "same", `{}`, `{"protect":true}`, ""},
		{"what is no object has none", "preview", "same", `[]`, `{"protect":true}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _ := followed([]byte(stepLine(c.op, c.old, c.new)), c.operation)
			var got []string
			for _, change := range f.result.ChangedOptions {
				if change.Op != "update" || change.URN != "urn:pulumi:dev::demo::a:b:C::w" || change.Type != "a:b:C" || change.Name != "w" {
					t.Errorf("got %+v", change)
				}
				got = append(got, change.Properties...)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAPreviewTellsWhichOutputsChange(t *testing.T) {
	const line = `{"resOutputsEvent":{"metadata":{"op":"same","urn":"urn:s","type":"pulumi:pulumi:Stack","old":{"outputs":{"url":"x"}},"new":{"outputs":{"url":"y"}}}}}` + "\n"
	for operation, want := range map[string][]string{"preview": {"url"}, "update": nil} {
		f, _ := followed([]byte(line), operation)
		if diff := cmp.Diff(want, f.result.ChangedOutputs); diff != "" {
			t.Errorf("%s: -want +got:\n%s", operation, diff)
		}
	}
}

func TestAPreviewTellsWhatIsPerpetual(t *testing.T) {
	f, _ := followed([]byte(stepLine("update", `{"inputs":{"a":"x"}}`, `{"inputs":{"a":"x"}}`)), "preview")
	if len(f.result.Steps) != 1 || !f.result.Steps[0].Perpetual {
		t.Errorf("got %+v", f.result.Steps)
	}
}

// The mark of an update says what the next reading must know of it.
func TestTheMarkOfAnUpdate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change scale.Change
		mark   string
		along  bool
	}{
		{"has its head and its pools", scale.Change{Head: "h", Pools: []string{"api", "worker"}}, "pulumiscale/1 after=h pools=api,worker", false},
		{"says that something was allowed to come along", scale.Change{Head: "h", Pools: []string{"worker"}, BringsAlong: true}, "pulumiscale/1 after=h pools=worker pending=allow", true},
		{"of the first update of a stack", scale.Change{Pools: []string{"worker"}}, "pulumiscale/1 after= pools=worker", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			mark := agent("pulumiscale/1", c.change)
			if mark != c.mark {
				t.Errorf("got %q", mark)
			}
			e := entry{Kind: kindUpdate, Result: succeeded}
			e.Environment.Agent = mark
			on, pools, ours := e.decidedOn()
			if !ours || on != c.change.Head || !cmp.Equal(pools, c.change.Pools) || e.id() != "pulumiscale/1" {
				t.Errorf("it is read as %q, %v, %v", on, pools, ours)
			}
			updates, err := (&Stack{project: demoProject()}).updates([]entry{e}, leastRule("count", false))
			if err != nil || updates[0].BroughtAlong != c.along || updates[0].Head != ownHead("pulumiscale/1", succeeded) || !cmp.Equal(updates[0].Pools, c.change.Pools) {
				t.Errorf("got %+v, error %v", updates, err)
			}
		})
	}
	for _, foreign := range []string{"", "pulumi-kubernetes-operator", "a b c", "pulumiscale/1", "pulumiscale/1 after=h", "pulumiscale/1 after=h pools=w pending=allow more=x"} {
		e := entry{}
		e.Environment.Agent = foreign
		if _, _, ours := e.decidedOn(); ours {
			t.Errorf("%q is taken for ours", foreign)
		}
	}
}
