//go:build !windows

package configfile

import (
	"bytes"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

// withDefaults is a file of a project that gives some keys a default.
func withDefaults() File {
	project := demoProject()
	project.Config = map[string]workspace.ProjectConfigType{"given": {Default: "d"}, "aws:region": {Value: "eu"}, "number": {Default: 3}}
	return File{Path: "Pulumi.dev.yaml", Project: project}
}

func TestAsDeployed(t *testing.T) {
	// same says that the document is returned byte for byte.
	const same = "same"
	of := func(pairs ...string) map[string]string {
		out := map[string]string{}
		for pair := range slices.Chunk(pairs, 2) {
			out[pair[0]] = pair[1]
		}
		return out
	}
	for _, c := range []struct {
		name      string
		doc       string
		deployed  map[string]string
		want      string
		differing []string
	}{
		{"where nothing is told the file is used", "config:\n  demo:a: 1\n", nil, same, nil},
		{"a document that agrees stays, byte for byte", "# c\nconfig:   # d\n    demo:a:   'x'\n\n    other:b: 1 # e\n", of("demo:a", `"x"`, "other:b", `"1"`), same, nil},
		{"an edit is taken back", "config:\n  demo:a: edited # c\n", of("demo:a", `"x"`), "config:\n  demo:a: x\n", []string{"demo:a"}},
		{"a new key is taken away", "config:\n  demo:a: x\n  demo:new: 1\n", of("demo:a", `"x"`), "config:\n  demo:a: x\n", []string{"demo:new"}},
		{"all keys may be", "config:\n  demo:new: 1\n", of(), "config: {}\n", []string{"demo:new"}},
		{"a key that is missing is added", "config:\n  demo:a: x\n", of("demo:a", `"x"`, "demo:b", `"3"`), "config:\n  demo:a: x\n  \"demo:b\": \"3\"\n", []string{"demo:b"}},
		{"also where there is no configuration yet", "encryptionsalt: v1:x=\n", of("demo:b", `"3"`), "encryptionsalt: v1:x=\nconfig:\n  \"demo:b\": \"3\"\n", []string{"demo:b"}},
		{"or an empty one", "config:\n", of("demo:b", `"3"`), "config:\n  \"demo:b\": \"3\"\n", []string{"demo:b"}},
		{"or no document", "", of("demo:b", `"3"`), "config:\n  \"demo:b\": \"3\"\n", []string{"demo:b"}},
		{"or nothing but a comment", "# c\n", of("demo:b", `"3"`), "config:\n  \"demo:b\": \"3\"\n", []string{"demo:b"}},
		{"the short spelling is the same key", "config:\n  a: x\n", of("demo:a", `"x"`), same, nil},
		{"so is the old one", "config:\n  demo:config:a: x\n", of("demo:a", `"x"`), same, nil},
		{"a key keeps its spelling", "config:\n  a: edited\n  demo:config:b: edited\n", of("demo:a", `"x"`, "demo:b", `"y"`), "config:\n  a: x\n  demo:config:b: \"y\"\n", []string{"demo:a", "demo:b"}},
		{"two spellings of one key both get the value", "config:\n  a: edited\n  demo:a: other\n", of("demo:a", `"x"`), "config:\n  a: x\n  demo:a: x\n", []string{"demo:a", "demo:a"}},
		{"a number is what the program gets as a text", "config:\n  a: 3\n  b: 0x10\n  c: 010\n  d: 1.50\n  e: 1e3\n  f: 1_000\n  g: 123456789012345678901234567890\n",
			of("demo:a", `"3"`, "demo:b", `"16"`, "demo:c", `"8"`, "demo:d", `"1.5"`, "demo:e", `"1000"`, "demo:f", `"1000"`, "demo:g", `"1.2345678901234568e+29"`), same, nil},
		{"so is a truth", "config:\n  a: true\n  b: yes\n", of("demo:a", `"true"`, "demo:b", `"yes"`), same, nil},
		{"so is a date", "config:\n  a: 2020-01-01\n  b: [2020-01-01]\n", of("demo:a", `"2020-01-01 00:00:00 +0000 UTC"`, "demo:b", `["2020-01-01 00:00:00 +0000 UTC"]`), same, nil},
		{"nothing is an empty text", "config:\n  a:\n  b: ~\n", of("demo:a", `""`, "demo:b", `""`), same, nil},
		{"but not another one", "config:\n  a:\n", of("demo:a", `"null"`), "config:\n  a: \"null\"\n", []string{"demo:a"}},
		{"a text that looks like a number stays a text", "config:\n  a: x\n  b: x\n  c: x\n", of("demo:a", `"3"`, "demo:b", `"true"`, "demo:c", `"~"`),
			"config:\n  a: \"3\"\n  b: \"true\"\n  c: \"~\"\n", []string{"demo:a", "demo:b", "demo:c"}},
		{"a text of several lines", "config:\n  a: |\n    x\n    y\n", of("demo:a", `"x\ny\n"`), same, nil},
		{"an object is compared as what it says", "config:\n  a: {c: 1, b: [1, 2.0, x, ~, true]}\n", of("demo:a", `{"b":[1,2,"x",null,true],"c":1}`), same, nil},
		{"with keys that are numbers", "config:\n  a: {80: web}\n", of("demo:a", `{"80":"web"}`), same, nil},
		{"with numbers that are too large", "config:\n  a: {b: 12345678901234567890}\n", of("demo:a", `{"b":12345678901234567000}`), same, nil},
		{"inside one, a text is no number", "config:\n  a: [\"1\"]\n", of("demo:a", `[1]`), "config:\n  a:\n    - 1\n", []string{"demo:a"}},
		{"an object takes the place of a text", "config:\n  a: x\n", of("demo:a", `{"b":1.5,"c":null}`), "config:\n  a:\n    b: 1.5\n    c: null\n", []string{"demo:a"}},
		{"which a program reads as its text", "config:\n  a: {b: 1}\n", of("demo:a", `"{\"b\":1}"`), same, nil},
		{"a secret stays as it is in the file", "config:\n  demo:a:\n    secure: v1:new\n", of("demo:a", ""), same, nil},
		{"also where it was none", "config:\n  demo:a:\n    secure: v1:new\n", of("demo:a", `"x"`), same, nil},
		{"or is new", "config:\n  demo:a:\n    secure: v1:new\n", of(), same, nil},
		{"so does what was a secret", "config:\n  demo:a: plain\n", of("demo:a", ""), same, nil},
		{"one that is not there is not made up", "config: {}\n", of("demo:a", ""), same, nil},
		{"an object with a secret in it stays too", "config:\n  demo:a:\n    b: [{secure: v1:x}]\n    c: 3\n", of("demo:a", `{"c":4}`), same, nil},
		{"what is not configuration stays", "environment:\n  - prod\nencryptionsalt: v1:x=\nconfig:\n  a: edited\n", of("demo:a", `"x"`), "environment:\n  - prod\nencryptionsalt: v1:x=\nconfig:\n  a: x\n", []string{"demo:a"}},
		{"a default of the project need not stand in the file", "config: {}\n", of("demo:given", `"d"`, "aws:region", `"eu"`, "demo:number", `"3"`), same, nil},
		{"one that was deployed before it was changed does", "config: {}\n", of("demo:given", `"old"`), "config: {\"demo:given\": old}\n", []string{"demo:given"}},
		{"the rule's count differs by drift alone", "config:\n  count: 5\n", of("demo:count", `"3"`), "config:\n  count: \"3\"\n", nil},
		{"so does a count within a value", "config:\n  pools:\n    web: {n: 5, dir: x}\n", of("demo:pools", `{"web":{"n":3,"dir":"x"}}`), "config:\n  pools:\n    web:\n      dir: x\n      \"n\": 3\n", nil},
		{"but for what else the value says", "config:\n  pools:\n    web: {n: 5, dir: edited}\n", of("demo:pools", `{"web":{"n":3,"dir":"x"}}`), "config:\n  pools:\n    web:\n      dir: x\n      \"n\": 3\n", []string{"demo:pools"}},
		{"a count that is missing is drift", "config: {}\n", of("demo:count", `"3"`), "config: {\"demo:count\": \"3\"}\n", nil},
		{"a value with a count in it that is missing is not only that", "config: {}\n", of("demo:pools", `{"web":{"n":3,"dir":"x"}}`), "config: {\"demo:pools\": {dir: x, \"n\": 3}}\n", []string{"demo:pools"}},
		{"an alias says what it stands for", "config:\n  a: &x 5\n  b: *x\n", of("demo:a", `"5"`, "demo:b", `"5"`), same, nil},
		{"what an anchor stood for outlives it", "config:\n  a: &x 5\n  b: *x\n", of("demo:b", `"5"`), "config:\n  b: 5\n", []string{"demo:a"}},
		{"and is not changed with it", "config:\n  a: &x 5\n  b: *x\n", of("demo:a", `"6"`, "demo:b", `"5"`), "config:\n  a: \"6\"\n  b: 5\n", []string{"demo:a"}},
		{"an alias of a secret is a secret", "x: &x\n  secure: v1:x\nconfig:\n  a: *x\n  b: edited\n", of("demo:a", "", "demo:b", `"z"`), "x:\n  secure: v1:x\nconfig:\n  a:\n    secure: v1:x\n  b: z\n", []string{"demo:b"}},
		{"merged keys are keys", "x: &x {a: 1, b: 2}\nconfig:\n  <<: *x\n  a: 5\n", of("demo:a", `"5"`, "demo:b", `"2"`), same, nil},
		{"and are taken back", "x: &x {a: 1, b: 2}\nconfig:\n  <<: *x\n  a: 5\n", of("demo:a", `"5"`, "demo:b", `"3"`), "x: {a: 1, b: 2}\nconfig:\n  a: 5\n  b: \"3\"\n", []string{"demo:b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want == same {
				c.want = c.doc
			}
			if strings.HasPrefix(c.name, "a value with a count in it") {
				c.want = "config: {\"demo:pools\": {web: {dir: x, \"n\": 3}}}\n"
			}
			rules := scale.Rules{"count": {Pool: "count", ConfigKey: "count"}, "web": {Pool: "web", ConfigKey: "pools.web.n", ConfigPath: true}}
			got, differing, err := withDefaults().AsDeployed([]byte(c.doc), c.deployed, rules)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.differing, differing); diff != "" {
				t.Errorf("differing: -want +got:\n%s", diff)
			}
		})
	}
}

func TestAsDeployedOfJSON(t *testing.T) {
	f := withDefaults()
	f.Path = "Pulumi.dev.json"
	const doc = `{"encryptionsalt":"v1:x=","config":{"a":"edited","demo:b":{"c":[1,2.5]},"demo:new":1}}`
	got, differing, err := f.AsDeployed([]byte(doc), map[string]string{"demo:a": `"3"`, "demo:b": `{"c":[1,2.5]}`, "demo:d": `{"e":true}`}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"config":{"a":"3","demo:b":{"c":[1,2.5]},"demo:d":{"e":true}},"encryptionsalt":"v1:x="}`
	if diff := cmp.Diff([]string{want, "demo:a demo:d demo:new"}, []string{string(got), strings.Join(differing, " ")}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, _, err := f.AsDeployed([]byte(doc), map[string]string{"demo:a": `"edited"`, "demo:b": `{"c":[1,2.5]}`, "demo:new": `"1"`}, nil); err != nil || string(got) != doc {
		t.Errorf("one that agrees: %s, error %v", got, err)
	}
}

func TestAsDeployedReportsWhatIsNoConfiguration(t *testing.T) {
	for _, doc := range []string{"config: [\n", "config: &a [*a]\n"} {
		if _, _, err := withDefaults().AsDeployed([]byte(doc), map[string]string{"demo:a": `"3"`}, nil); err == nil {
			t.Errorf("no error of %q", doc)
		}
	}
}

// The file as an update gets it has the deployed values, the counts as decided, and otherwise what the file has.
func TestPrivate(t *testing.T) {
	const doc = "environment: [prod]\nconfig:\n  demo:a: edited\n  demo:count: 4\n  demo:pw:\n    secure: v1:new\n"
	f := tempFile(t, doc)
	got, err := f.ForChange(scale.Change{Settings: set("count", "5"), Config: map[string]string{"demo:a": `"x"`, "demo:count": `"3"`, "demo:pw": ""}})
	want := "environment: [prod]\nconfig:\n  demo:a: x\n  demo:count: \"5\"\n  demo:pw:\n    secure: v1:new\n"
	if diff := cmp.Diff([]string{want, doc}, []string{string(got), filestest.Content(t, f.Path)}); diff != "" || err != nil {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
}

func TestConfigAfter(t *testing.T) {
	path := func(key, text string) []scale.Setting { return []scale.Setting{{Key: key, Path: true, Value: &text}} }
	for _, c := range []struct {
		name     string
		before   map[string]string
		settings []scale.Setting
		want     map[string]string
	}{
		{"nothing is told after what was not told", nil, set("count", "5"), nil},
		{"a count is a text", map[string]string{"demo:count": `"3"`, "demo:a": `"x"`}, set("count", "5"), map[string]string{"demo:count": `"5"`, "demo:a": `"x"`}},
		{"a count may be new", map[string]string{}, set("ns:config:count", "5"), map[string]string{"ns:count": `"5"`}},
		{"a key may go", map[string]string{"demo:count": `"3"`}, []scale.Setting{{Key: "count"}}, map[string]string{}},
		{"inside a value it is a number", map[string]string{"demo:pools": `{"web":{"dir":"x","n":3}}`}, path("pools.web.n", "5"), map[string]string{"demo:pools": `{"web":{"dir":"x","n":5}}`}},
		{"in a list too", map[string]string{"demo:pools": `[1,2]`}, path("pools[1]", "5"), map[string]string{"demo:pools": `[1,5]`}},
		{"what is a secret stays one", map[string]string{"demo:count": ""}, set("count", "5"), map[string]string{"demo:count": ""}},
		{"of a key that is none nothing is said", map[string]string{"demo:a": `"x"`}, path("[0]", "5"), map[string]string{"demo:a": `"x"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := maps.Clone(c.before)
			got := tempFile(t, "").DeployedAfter(c.before, c.settings)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(before, c.before); diff != "" {
				t.Errorf("what was before has changed: %s", diff)
			}
		})
	}
}

// FuzzAsDeployed: Pulumi reads the plain keys of the document as they were deployed, and the secrets as in the file;
// all else in it stays.
func FuzzAsDeployed(f *testing.F) {
	for _, doc := range []string{
		"", "# c\n", "config:\n", "config: {}\n", "{}\n", "environment: [a]\nencryptionsalt: v1:x=\n", "config:\n  demo:a: 1 # c\n  demo:b: {c: [1, 2.0, ~]}\n",
		"config:\n  a: x\n  demo:config:b: y\n  demo:pw: {secure: x}\n", "config:\n  a: &x 5\n  b: *x\n", "x: &x {a: 1}\nconfig:\n  <<: *x\n", "config:\n  <<: [{a: 1}, {b: {secure: y}}]\n",
		"config:\n  a: 2020-01-01\n  b: {80: web}\n", "config:\n  a:\n  b: ~\n", "config: text\n", "config:\n  a: |\n    x\n", "config:\n  demo:a: {secure: x}\n  b: [{secure: y}]\n",
		"config:\n  ? demo:a\n  : 3\n", "config:\n  a: 0x10\n  b: 1e3\n", "a: &a\n  demo:a: 3\nconfig: *a\n", "config:\n  a: 1\nconfig:\n  a: 2\n", "--- \nconfig: {a: 1}\n...\n",
	} {
		for _, config := range []string{`{}`, `{"demo:a":"1"}`, `{"demo:a":"","demo:b":{"c":[1,2,null]}}`, `{"demo:a":null,"demo:pw":null,"ns:x":"true"}`, `{"demo:b":"2020-01-01 00:00:00 +0000 UTC"}`} {
			f.Add([]byte(doc), config)
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte, deployedJSON string) {
		var values map[string]any
		decoder := json.NewDecoder(strings.NewReader(deployedJSON))
		decoder.UseNumber()
		if decoder.Decode(&values) != nil {
			t.Skip("no configuration")
		}
		deployed := map[string]string{}
		for name, value := range values {
			if _, err := config.ParseKey(name); err != nil || strings.Count(name, ":") != 1 {
				t.Skip("no key")
			}
			switch value.(type) {
			case nil:
				deployed[name] = SecretValue
			case string, map[string]any, []any:
				deployed[name] = JSON(value)
			default:
				t.Skip("the history has texts and structures")
			}
		}
		before, err := pulumiConfig(string(doc))
		if err != nil {
			t.Skip("nothing that Pulumi reads")
		}
		file := File{Path: filepath.Join("x", "Pulumi.dev.yaml"), Project: demoProject()}
		got, _, err := file.AsDeployed(doc, deployed, nil)
		if err != nil {
			return
		}
		after, err := pulumiConfig(string(got))
		if err != nil {
			t.Fatalf("Pulumi can no longer read it: %v\n%q", err, got)
		}
		for key, value := range after {
			name := key.String()
			was, had := before[key]
			want, known := deployed[name]
			switch {
			case had && was.Secure() || known && want == SecretValue:
				if !cmp.Equal(textOf(t, was), textOf(t, value)) {
					t.Errorf("%s was %s and is %s\n%q", name, textOf(t, was), textOf(t, value), got)
				}
			case !known:
				t.Errorf("%s was not deployed\n%q", name, got)
			default:
				if is := textOf(t, value); is != textOfDeployed(want) {
					t.Errorf("%s is %s, and was deployed as %s\n%q", name, is, textOfDeployed(want), got)
				}
			}
		}
		for name, want := range deployed {
			if _, there := after[config.MustParseKey(name)]; !there && want != SecretValue {
				t.Errorf("%s is missing\n%q", name, got)
			}
		}
		for key, value := range before {
			if _, there := after[key]; !there && value.Secure() {
				t.Errorf("the secret %s is gone\n%q", key, got)
			}
		}
		again, _, err := file.AsDeployed(got, deployed, nil)
		if err != nil || !bytes.Equal(again, got) {
			t.Errorf("done again it is\n%q and not\n%q, error %v", again, got, err)
		}
	})
}

// textOf is a value as the text that the program gets, secrets encrypted.
func textOf(t *testing.T, value config.Value) string {
	t.Helper()
	text, err := value.Value(config.NopDecrypter)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// textOfDeployed is the same of a value in JSON.
func textOfDeployed(want string) string {
	if text, isText := value(want).(string); isText {
		return text
	}
	return JSON(value(want))
}
