package statedir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	fastjson "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

// remembered is what testdata/memory/format-5.json says.
func remembered(t *testing.T) *scale.Snapshot {
	t.Helper()
	output := []byte(`{"worker":{"urn":"urn:pulumi:dev::demo::a:b:C::w","configKey":"count","min":1,"max":9}}`)
	rules, err := parse.ProjectRules("demo", output)
	if err != nil {
		t.Fatal(err)
	}
	const urn = "urn:pulumi:dev::demo::a:b:C::w"
	deployed := time.Date(2026, 6, 1, 10, 1, 0, 0, time.UTC)
	return &scale.Snapshot{
		Rules: rules, Output: output, Resources: []string{urn}, Protected: []string{urn}, Complete: true, Head: "head2",
		Stamp:   scale.Stamp{State: "state", History: "history"},
		Program: scale.Program{Deploy: &scale.Deploy{Head: "head1", At: deployed, Commit: "c0ffee", Dirty: true}},
		Config:  map[string]string{"demo:count": `"5"`}, Dependencies: map[string][]string{urn: {"urn:pulumi:dev::demo::a:b:C::v"}},
		Updates: []scale.Update{
			{
				Kind: "update", Succeeded: true, Start: time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC), End: time.Date(2026, 7, 1, 10, 0, 9, 0, time.UTC),
				Message: "pulumiscale: worker 3 -> 5 (alert)", By: "me", ID: "pulumiscale/1", Pools: []string{"worker"},
				Overtaken: true, BroughtAlong: true, Head: "head2", Values: map[string]*string{"worker": new("5")},
			},
			{
				Kind: "update", Succeeded: true, Start: deployed.Add(-time.Minute), End: deployed, By: "me", Head: "head1",
				Values: map[string]*string{"worker": nil},
			},
		},
	}
}

func TestMemoryIsKeptInAFormOfItsOwn(t *testing.T) {
	d := dirOf(t, t.TempDir(), "dev", "file:///b")
	if err := d.makeFolders(); err != nil {
		t.Fatal(err)
	}
	d.Remember(remembered(t))
	var got bytes.Buffer
	if err := json.Indent(&got, []byte(filestest.Content(t, d.memoryFile())), "", "  "); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(filestest.Content(t, filepath.Join("testdata", "memory", "format-5.json"))), got.String()); diff != "" {
		t.Errorf("a change of the form needs another memoryFormat: -want +got:\n%s", diff)
	}
}

func TestMemoryOfAnotherFormIsNone(t *testing.T) {
	current := filestest.Content(t, filepath.Join("testdata", "memory", "format-5.json"))
	for name, c := range map[string]struct {
		text string
		want *scale.Snapshot
	}{
		"of this form":                                      {current, remembered(t)},
		"of this form, with another key":                    {strings.Replace(current, `"format"`, `"added": [1], "format"`, 1), remembered(t)},
		"of the version before":                             {filestest.Content(t, filepath.Join("testdata", "memory", "format-4.json")), nil},
		"of a newer version":                                {strings.Replace(current, `"format": 5`, `"format": 6`, 1), nil},
		"of a newer version, whose fields have other types": {`{"format":6,"stack":"dev","backend":"file:///b","output":{},"updates":{}}`, nil},
		"without a version":                                 {strings.Replace(current, `"format": 5,`, ``, 1), nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := dirOf(t, t.TempDir(), "dev", "file:///b")
			if err := d.makeFolders(); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(d.memoryFile(), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, d.Recall()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			d.Remember(remembered(t))
			if diff := cmp.Diff(remembered(t), d.Recall()); diff != "" {
				t.Errorf("after the next update: -want +got:\n%s", diff)
			}
		})
	}
}

// A field that the domain gets is kept, or stands in the list of those that are not.
func TestMemoryKeepsEveryField(t *testing.T) {
	want := &scale.Snapshot{}
	n := 0
	for field, value := range reflect.ValueOf(want).Elem().Fields() {
		if field.Name != "Rules" { // they are in the output
			fill(t, value, &n)
		}
	}
	text, err := json.Marshal(storeMemory(want))
	if err != nil {
		t.Fatal(err)
	}
	var stored storedMemory
	if err := fastjson.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	notKept := cmp.Options{
		cmpopts.IgnoreFields(scale.Snapshot{}, "Rules", "RulesErr", "Sizes", "DependsOn", "Pending", "File", "Forms", "Written",
			"Unsettled", "Holds", "Metrics", "Unverified", "Busy"),
		cmpopts.IgnoreFields(scale.Program{}, "Commit", "ConfigDiffers", "FileMissing", "Synced"),
	}
	if diff := cmp.Diff(want, stored.snapshot(), notKept); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// fill gives every field of a value, and all that it holds, something other than its zero value.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(int64(*n), 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Interface: // an error, which nobody keeps
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n))
	case reflect.Uint8:
		v.SetUint(uint64('a' + *n%26))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key, n)
		fill(t, value, n)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(t, field, n)
		}
	default:
		t.Fatalf("how is a %s filled?", v.Type())
	}
}
