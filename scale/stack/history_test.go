//go:build !windows

package stack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// entriesOf are entries of a history, newest first.
func entriesOf(t testing.TB, texts ...string) []entry {
	t.Helper()
	var out []entry
	decoder := json.NewDecoder(strings.NewReader(history(texts...)))
	decoder.UseNumber()
	if err := decoder.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// deployed is somebody's update with such a configuration.
func deployed(config string) string { return past("update", succeeded, time.Hour, config, "") }

func TestDeployedConfig(t *testing.T) {
	const (
		one = `{"demo:a":{"value":"1","secret":false}}`
		two = `{"demo:a":{"value":"2","secret":false}}`
	)
	first := deployed(one)
	headOfFirst := head(entriesOf(t, first))
	ours := func(on string) string {
		return past("update", succeeded, time.Minute, two, "pulumiscale/2 after="+on+" pools=worker")
	}
	for _, c := range []struct {
		name    string
		entries []string
		want    map[string]string
	}{
		{"without a history nothing is told", nil, nil},
		{"the newest update tells", []string{deployed(two), first}, map[string]string{"demo:a": `"2"`}},
		{"a failed one does not", []string{past("update", "failed", 0, two, ""), first}, map[string]string{"demo:a": `"1"`}},
		{"nor a refresh, which does nothing with it", []string{past("refresh", succeeded, 0, two, ""), first}, map[string]string{"demo:a": `"1"`}},
		{"nor a destroy", []string{past("destroy", succeeded, 0, two, ""), first}, map[string]string{"demo:a": `"1"`}},
		{"one of ours tells", []string{ours(headOfFirst), first}, map[string]string{"demo:a": `"2"`}},
		{"one of ours that ran on what was out of date does not", []string{ours("another"), first}, map[string]string{"demo:a": `"1"`}},
		{"the oldest that is known is taken for what it is", []string{ours("another")}, map[string]string{"demo:a": `"2"`}},
		{"only failures tell nothing", []string{past("update", "failed", 0, two, "")}, nil},
		{"where the backend tells no configuration, nothing is told", []string{deployed("null"), first}, nil},
		{"an empty configuration is one", []string{deployed("{}"), first}, map[string]string{}},
		{
			"a secret is not told, nor is an object that has one", []string{deployed(`{"demo:a":{"secret":true},"demo:b":{"value":"","secret":false}}`)},
			map[string]string{"demo:a": "", "demo:b": `""`},
		},
		{
			"an object is told as it is", []string{deployed(`{"demo:a":{"value":"{\"b\":[1,null]}","objectValue":{"b":[1,null,1.50,"x"]},"secret":false}}`)},
			map[string]string{"demo:a": `{"b":[1,null,1.50,"x"]}`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, deployedConfig(entriesOf(t, c.entries...))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The history knows who committed last, and not who scaled.
func TestAScalingOfOursIsNobodysCommit(t *testing.T) {
	for name, c := range map[string]struct{ entry, want string }{
		"ours":       {past("update", succeeded, 0, counted, "pulumiscale/2 after=x pools=worker"), ""},
		"somebody's": {past("update", succeeded, 0, counted, ""), "me"},
	} {
		updates, err := (&Stack{project: demoProject()}).updates(entriesOf(t, c.entry), nil)
		if err != nil || updates[0].By != c.want {
			t.Errorf("%s: by %q, want %q, error %v", name, updates[0].By, c.want, err)
		}
	}
}

func TestDeployOf(t *testing.T) {
	from := func(entry, commit, dirty string) string {
		return strings.Replace(entry, `"git.author":"me"`, fmt.Sprintf(`"git.author":"me","git.head":%q,"git.dirty":%q`, commit, dirty), 1)
	}
	ours := past("update", succeeded, 0, counted, "pulumiscale/2 after=x pools=worker")
	for _, c := range []struct {
		name    string
		entries []string
		want    string
	}{
		{"a stack without a history was never deployed", nil, "never"},
		{"the newest update", []string{from(deployed(counted), "abc", "false"), from(deployed(counted), "old", "false")}, "commit abc"},
		{"that is none of ours", []string{ours, from(deployed(counted), "abc", "false")}, "commit abc"},
		{"nor of ours with something along", []string{strings.Replace(ours, "pools=worker", "pools=worker pending=allow", 1), from(deployed(counted), "abc", "false")}, "commit abc"},
		{"with what was not committed", []string{from(deployed(counted), "abc", "true")}, "commit abc with changes that were not committed"},
		{"outside of a repository", []string{deployed(counted)}, "no known commit"},
		{"a refresh deploys nothing", []string{from(past("refresh", succeeded, 0, counted, ""), "new", "false"), from(deployed(counted), "abc", "false")}, "commit abc"},
		{"nor does what failed", []string{from(past("update", "failed", 0, counted, ""), "new", "false"), from(deployed(counted), "abc", "false")}, "commit abc"},
		{"only scalings of ours are known", []string{ours}, "never"},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries, got := entriesOf(t, c.entries...), "never"
			if deploy := deployOf(entries); deploy != nil {
				got = deploy.String()
				at := slices.IndexFunc(entries, func(e entry) bool { return head([]entry{e}) == deploy.Head })
				if at < 0 || !deploy.At.Equal(entries[at].EndTime) {
					t.Errorf("got %+v", deploy)
				}
			}
			if got != c.want {
				t.Errorf("got %s", got)
			}
		})
	}
}
