package parse

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// poolsWithKeys is an output of the pools "a", "b" and so on, with these keys. One that begins with "path " is a path.
func poolsWithKeys(t testing.TB, keys ...string) []byte {
	t.Helper()
	document := map[string]any{}
	for i, key := range keys {
		key, path := strings.CutPrefix(key, "path ")
		document[string(rune('a'+i))] = map[string]any{"urn": workerURN, "configKey": key, "configPath": path, "min": 1, "max": 10}
	}
	out, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryPoolHasAKeyOfItsOwn(t *testing.T) {
	const own = "must be the pool's own: "
	cases := []struct{ name, first, second, problem string }{
		{"the same key", "count", "count", own + "it is also the key of a"},
		{"with and without the project's name", "count", "demo:count", own + `it is another spelling of "count", the key of a`},
		{"without and with it", "demo:count", "count", own + `it is another spelling of "demo:count", the key of a`},
		{"as of old", "shop:count", "shop:config:count", own + `it is another spelling of "shop:count", the key of a`},
		{"as of old, in the project", "count", "demo:config:count", own + `it is another spelling of "count", the key of a`},
		{"a name alone as a path", "count", "path count", own + "it is also the key of a"},
		{"a name in quotes as a path", "a.b", `path ["a.b"]`, own + `it is another spelling of "a.b", the key of a`},
		{"a path's name in quotes", "path pools.web.count", `path pools["web"].count`, own + `it is another spelling of "pools.web.count", the key of a`},
		{"all of a path's names in quotes", "path demo:pools.web", `path ["pools"]["web"]`, own + `it is another spelling of "demo:pools.web", the key of a`},
		{"a path's index with zeros", "path sizes[1]", "path sizes[001]", own + `it is another spelling of "sizes[1]", the key of a`},
		{"a part of another's value", "path pools", "path pools.web", own + `it is a part of the value of "pools", the key of a`},
		{"a value of which another is a part", "path pools.web", "demo:pools", own + `the key of a, "pools.web", is a part of its value`},
		{"another key", "count", "counts", ""},
		{"another project's key", "count", "shop:count", ""},
		{"a dot in a name is no path", "pools.web", "path pools.web", ""},
		{"another part of one value", "path pools.web.count", "path pools.jobs.count", ""},
		{"the beginning of a name is no part", "path pools.web", "path pools.web2", ""},
		{"an index and a name of digits", "path sizes[1]", `path sizes["1"]`, ""},
		{"a quote in a name", `path a["x\"y"]`, `path a["xy"]`, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := ProjectRules("demo", poolsWithKeys(t, c.first, c.second))
			if c.problem == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			found, _ := strings.CutPrefix(c.second, "path ")
			want := []scale.Problem{{Pool: "b", Field: "configKey", Found: compact(found), Expected: c.problem}}
			if diff := cmp.Diff(want, problemsOf(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// In a project of that name the token's key has no namespace.
func TestNoPoolHasTheKeyOfTheToken(t *testing.T) {
	for _, key := range []string{"token", "previousToken", "path token.count"} {
		_, err := ProjectRules("pulumiscale", poolsWithKeys(t, key))
		if problems := problemsOf(t, err); len(problems) != 1 || problems[0].Field != "configKey" {
			t.Errorf("%s: %v", key, err)
		}
		if _, err := ProjectRules("demo", poolsWithKeys(t, key)); err != nil {
			t.Errorf("%s in another project: %v", key, err)
		}
	}
	if _, err := ProjectRules("pulumiscale", poolsWithKeys(t, "count")); err != nil {
		t.Error(err)
	}
}

// The mistakes are in the order of the pools, whichever check finds them.
func TestMistakesOfKeysStandWithTheirPool(t *testing.T) {
	output := strings.Replace(string(poolsWithKeys(t, "count", "count", "other")), `"c":{`, `"c":{"more":1,`, 1)
	_, err := Rules([]byte(output))
	var got []string
	for _, p := range problemsOf(t, err) {
		got = append(got, p.Pool+" "+p.Field)
	}
	if diff := cmp.Diff([]string{"b configKey", "c more"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNamesOfPoolsInRequests(t *testing.T) {
	for name, ok := range map[string]bool{
		"worker": true, "a.b": true, "...": true, ".hidden": true, "-": true, "prometheus": true,
		"": false, ".": false, "..": false, "a/b": false, "a b": false, "%2e": false, "ä": false,
	} {
		if err := CheckPool("pool", name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
