package configfile

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// setConfig sets a key of project demo in a document, as a rule's key and path name it; nil takes the key away.
func setConfig(doc, key string, path bool, text *string) (string, error) {
	parsed, err := ParseKey("demo", key, path)
	if err != nil {
		return "", err
	}
	out, err := setValue([]byte(doc), File{Project: demoProject()}.spellings(parsed), parsed.Path, text)
	return string(out), err
}

// pulumiConfig reads a document as Pulumi does.
func pulumiConfig(doc string) (config.Map, error) {
	read, err := workspace.LoadProjectStackBytes(diag.DefaultSink(nopWriter{}, nopWriter{}, diag.FormatOptions{Color: "never"}),
		demoProject(), []byte(doc), "Pulumi.dev.yaml", encoding.YAML)
	if err != nil {
		return nil, err
	}
	return read.Config, nil
}

type nopWriter struct{}

func (nopWriter) Write(p []byte) (int, error) { return len(p), nil }

// pulumiValue is the text that Pulumi hands to a program for a key, and whether there is one.
func pulumiValue(t *testing.T, doc, key string, path bool) (string, bool) {
	t.Helper()
	values, err := pulumiConfig(doc)
	if err != nil {
		t.Fatalf("Pulumi cannot read the document: %v\n%s", err, doc)
	}
	namespace, name, ok := strings.Cut(key, ":")
	if !ok || strings.ContainsAny(namespace, `.[`) {
		namespace, name = "demo", key
	}
	value, ok, err := values.Get(config.MustMakeKey(namespace, name), path)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return "", false
	}
	text, err := value.Value(config.NopDecrypter)
	if err != nil {
		t.Fatal(err)
	}
	return text, true
}

func TestSetValue(t *testing.T) {
	for _, c := range []struct {
		name, key string
		path      bool
		doc, want string
	}{
		{"a quoted value stays quoted", "workerCount", false, "config:\n  demo:workerCount: \"3\"\n", "config:\n  demo:workerCount: \"12\"\n"},
		{"a single-quoted value stays single-quoted", "workerCount", false, "config:\n  demo:workerCount: '3'\n", "config:\n  demo:workerCount: '12'\n"},
		{"an unquoted value stays unquoted", "workerCount", false, "config:\n  demo:workerCount: 3\n", "config:\n  demo:workerCount: 12\n"},
		{
			"comments, blank lines and order stay", "workerCount", false,
			"# top\n\nconfig:\n\n  # about b\n  demo:b:   x   # x!\n\n  demo:workerCount:  \"3\"   # workers\n  demo:a: \"1\"\n\n\n# end\n",
			"# top\n\nconfig:\n\n  # about b\n  demo:b:   x   # x!\n\n  demo:workerCount:  \"12\"   # workers\n  demo:a: \"1\"\n\n\n# end\n",
		},
		{
			"indentation and other sections stay", "workerCount", false,
			"encryptionsalt: v1:abc=\nconfig:\n        demo:workerCount: 3\nenvironment:\n    - base\n",
			"encryptionsalt: v1:abc=\nconfig:\n        demo:workerCount: 12\nenvironment:\n    - base\n",
		},
		{"CRLF stays", "workerCount", false, "config:\r\n  demo:workerCount: \"3\"\r\n  demo:a: b\r\n", "config:\r\n  demo:workerCount: \"12\"\r\n  demo:a: b\r\n"},
		{"a missing newline at the end stays missing", "workerCount", false, "config:\n  demo:workerCount: 3", "config:\n  demo:workerCount: 12"},
		{"a byte order mark stays", "workerCount", false, "\ufeffconfig:\n  demo:workerCount: 3\n", "\ufeffconfig:\n  demo:workerCount: 12\n"},
		{"another namespace's value of the name stays", "workerCount", false, "config:\n  other:workerCount: 3\n  demo:workerCount: 3\n", "config:\n  other:workerCount: 3\n  demo:workerCount: 12\n"},
		{"a key of another namespace is found", "aws:count", false, "config:\n  demo:count: 3\n  aws:count: 3\n", "config:\n  demo:count: 3\n  aws:count: 12\n"},
		{"a bare key is found", "workerCount", false, "config:\n  workerCount: 3\n", "config:\n  workerCount: 12\n"},
		{"a bare key is found by its full name", "demo:workerCount", false, "config:\n  workerCount: 3\n", "config:\n  workerCount: 12\n"},
		{"a key of the old form is found", "workerCount", false, "config:\n  demo:config:workerCount: 3\n", "config:\n  demo:config:workerCount: 12\n"},
		{"a quoted key is found", "workerCount", false, "config:\n  \"demo:workerCount\": 3\n", "config:\n  \"demo:workerCount\": 12\n"},
		{"the same text elsewhere stays", "workerCount", false, "# 3\nconfig:\n  demo:a: \"3\"\n  demo:workerCount: \"3\" # 3\n", "# 3\nconfig:\n  demo:a: \"3\"\n  demo:workerCount: \"12\" # 3\n"},
		{"letters of several bytes before the value", "größe", false, "config:\n  # 人\n  demo:größe: 3 # 人\n", "config:\n  # 人\n  demo:größe: 12 # 人\n"},
		{"letters of several bytes before the value on its line", "b", false, "config: {\"demo:ä\": \"人é\", demo:b: 3}\n", "config: {\"demo:ä\": \"人é\", demo:b: 12}\n"},
		{"null becomes the value", "workerCount", false, "config:\n  demo:workerCount: null\n", "config:\n  demo:workerCount: 12\n"},
		{"a flow mapping", "workerCount", false, "config: {demo:a: 1, demo:workerCount: \"3\"}\n", "config: {demo:a: 1, demo:workerCount: \"12\"}\n"},
		{"JSON", "workerCount", false, "{\n  \"config\": {\n    \"demo:workerCount\": \"3\",\n    \"demo:a\": \"b\"\n  }\n}\n", "{\n  \"config\": {\n    \"demo:workerCount\": \"12\",\n    \"demo:a\": \"b\"\n  }\n}\n"},
		{"a path", "pools.worker.count", true, "config:\n  demo:pools:\n    worker: # w\n      count: 3 # c\n    api: {count: 3}\n", "config:\n  demo:pools:\n    worker: # w\n      count: 12 # c\n    api: {count: 3}\n"},
		{"a path into a list", "pools[1].count", true, "config:\n  demo:pools:\n    - count: 3\n    - count: 3\n", "config:\n  demo:pools:\n    - count: 3\n    - count: 12\n"},
		{"a path to an item of a list", "sizes[0]", true, "config:\n  demo:sizes: [3, 4]\n", "config:\n  demo:sizes: [12, 4]\n"},
		{"a path with quotes", `pools["my.worker"]`, true, "config:\n  demo:pools:\n    my.worker: 3\n", "config:\n  demo:pools:\n    my.worker: 12\n"},
		{"a path of another namespace", "aws:pools.count", true, "config:\n  aws:pools:\n    count: 3\n", "config:\n  aws:pools:\n    count: 12\n"},

		{"a new key is the first of its mapping", "workerCount", false, "config:\n  demo:a: b # a\n", "config:\n  demo:workerCount: \"12\"\n  demo:a: b # a\n"},
		{"a new key has its neighbours' indentation", "workerCount", false, "config:\n      demo:a: b\n", "config:\n      demo:workerCount: \"12\"\n      demo:a: b\n"},
		{"a new key has its neighbours' line ends", "workerCount", false, "config:\r\n  demo:a: b\r\n", "config:\r\n  demo:workerCount: \"12\"\r\n  demo:a: b\r\n"},
		{"a new key goes into an empty config", "workerCount", false, "config: # none\nenvironment: []\n", "config: # none\n  demo:workerCount: \"12\"\nenvironment: []\n"},
		{"a new key goes into an empty config at the end", "workerCount", false, "config:", "config:\n  demo:workerCount: \"12\"\n"},
		{"a new key of a file without config", "workerCount", false, "encryptionsalt: v1:abc=\n", "encryptionsalt: v1:abc=\nconfig:\n  demo:workerCount: \"12\"\n"},
		{"a new key of a file without config or line end", "workerCount", false, "encryptionsalt: v1:abc=", "encryptionsalt: v1:abc=\nconfig:\n  demo:workerCount: \"12\"\n"},
		{"a new key of a file without config, with CRLF", "workerCount", false, "encryptionsalt: v1:abc=\r\n", "encryptionsalt: v1:abc=\r\nconfig:\r\n  demo:workerCount: \"12\"\r\n"},
		{"a new key of an empty file", "workerCount", false, "", "config:\n  demo:workerCount: \"12\"\n"},
		{"a new key of a file of comments", "workerCount", false, "# nothing yet\n", "# nothing yet\nconfig:\n  demo:workerCount: \"12\"\n"},
		{"a new path", "pools.worker.count", true, "config:\n  demo:a: b\n", "config:\n  demo:pools:\n    worker:\n      count: 12\n  demo:a: b\n"},
		{"a new path in a structure that is there", "pools.worker.count", true, "config:\n  demo:pools:\n      api: {count: 3}\n", "config:\n  demo:pools:\n      worker:\n        count: 12\n      api: {count: 3}\n"},
		{"a new path with signs that need quotes", `pools["a: b"]`, true, "config:\n  demo:pools:\n    x: 1\n", "config:\n  demo:pools:\n    'a: b': 12\n    x: 1\n"},
		{"a new key of a file of two documents' form", "workerCount", false, "---\nconfig:\n  demo:a: b\n", "---\nconfig:\n  demo:workerCount: \"12\"\n  demo:a: b\n"},
		{"a new key of an empty flow mapping", "workerCount", false, "config: {}\n", "config: {\"demo:workerCount\": 12}\n"},
		{"a new key of a flow mapping", "workerCount", false, "config: {demo:a: 1}\n", "config: {'demo:a': 1, \"demo:workerCount\": 12}\n"},
		{"a new key of JSON", "workerCount", false, "{\"config\": {\"demo:a\": \"1\"}}\n", "{\"config\": {\"demo:a\": \"1\", \"demo:workerCount\": 12}}\n"},
		{"a new path of JSON", "p.q", true, "{}\n", "{\"config\": {\"demo:p\": {\"q\": 12}}}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := setConfig(c.doc, c.key, c.path, new("12"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if text, ok := pulumiValue(t, got, c.key, c.path); !ok || text != "12" {
				t.Errorf("Pulumi reads %q (there: %v)", text, ok)
			}
			if strings.HasPrefix(c.doc, "{") && !json.Valid([]byte(got)) {
				t.Errorf("no longer JSON: %s", got)
			}
		})
	}
}

// TestSetValueByRewriting checks documents that are written anew. Not each byte must be right, but all that they say.
func TestSetValueByRewriting(t *testing.T) {
	for _, c := range []struct{ name, doc string }{
		{"an empty value", "# top\nconfig:\n  demo:workerCount:\n  demo:other: x # keep\n"},
		{"a value in a block", "config:\n  demo:workerCount: |\n    3\n  demo:other: x # keep\n"},
		{"a folded value", "config:\n  demo:workerCount: >-\n    3\n  demo:other: x # keep\n"},
		{"a value with a tag", "config:\n  demo:workerCount: !!str 3\n  demo:other: x # keep\n"},
		{"a value with escapes", "config:\n  demo:workerCount: \"\\x33\"\n  demo:other: x # keep\n"},
		{"a value with an anchor that nobody uses", "config:\n  demo:workerCount: &n 3\n  demo:other: x # keep\n"},
		{"a value on its own line", "config:\n  demo:workerCount:\n    \"3\"\n  demo:other: x # keep\n"},
		{"a value of two lines", "config:\n  demo:workerCount: 3\n    4\n  demo:other: x # keep\n"},
		{"a key with a question mark", "config:\n  ? demo:workerCount\n  : 3\n  demo:other: x # keep\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := setConfig(c.doc, "workerCount", false, new("12"))
			if err != nil {
				t.Fatal(err)
			}
			if text, ok := pulumiValue(t, got, "workerCount", false); !ok || text != "12" {
				t.Errorf("Pulumi reads %q (there: %v) in\n%s", text, ok, got)
			}
			if text, _ := pulumiValue(t, got, "other", false); text != "x" || !strings.Contains(got, "# keep") {
				t.Errorf("more has changed:\n%s", got)
			}
		})
	}
}

func TestSetValueTakesAway(t *testing.T) {
	for _, c := range []struct {
		name, key string
		path      bool
		doc, want string
	}{
		{"a key", "workerCount", false, "config:\n  demo:a: \"1\" # a\n  demo:workerCount: 3\n", "config:\n  demo:a: \"1\" # a\n"},
		{"a bare key", "workerCount", false, "config:\n  workerCount: 3\n  demo:a: b\n", "config:\n  demo:a: b\n"},
		{"a part of a structure", "p.q", true, "config:\n  demo:p:\n    q: 3\n    r: 4\n", "config:\n  demo:p:\n    r: 4\n"},
		{"a structure", "p", false, "config:\n  demo:p:\n    q: 3\n  demo:a: b\n", "config:\n  demo:a: b\n"},
		{"nothing where there is no such key", "workerCount", false, "config:\n    demo:a:   b\n", "config:\n    demo:a:   b\n"},
		{"nothing where there is no config", "workerCount", false, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := setConfig(c.doc, c.key, c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if text, ok := pulumiValue(t, got, c.key, c.path); ok {
				t.Errorf("Pulumi still reads %q", text)
			}
		})
	}
}

func TestSetValueDoesNotTakeAwayWhatStandsElsewhere(t *testing.T) {
	if got, err := setConfig("a: &a\n  demo:workerCount: 3\nconfig: *a\n", "workerCount", false, nil); err == nil {
		t.Errorf("got\n%s", got)
	}
}

func TestSetValueRefuses(t *testing.T) {
	for _, c := range []struct {
		name, key string
		path      bool
		doc       string
	}{
		{"a structure where the count should be", "workerCount", false, "config:\n  demo:workerCount:\n    a: 1\n"},
		{"a secret where the count should be", "workerCount", false, "config:\n  demo:workerCount:\n    secure: v1:abc\n"},
		{"a list where the count should be", "workerCount", false, "config:\n  demo:workerCount: [3]\n"},
		{"a path through a scalar", "p.q", true, "config:\n  demo:p: text\n"},
		{"a path beyond the end of a list", "p[3]", true, "config:\n  demo:p: [1]\n"},
		{"a path by name into a list", "p.q", true, "config:\n  demo:p: [1]\n"},
		{"a path by index into a mapping", "p[0]", true, "config:\n  demo:p: {a: 1}\n"},
		{"a new list", "p[0]", true, "config:\n  demo:a: b\n"},
		{"config that is no mapping", "workerCount", false, "config: text\n"},
		{"a document that is a list", "workerCount", false, "- a\n"},
		{"a document that is no YAML", "workerCount", false, "config: [\n"},
		{"a value whose anchor another one shares", "workerCount", false, "config:\n  demo:workerCount: &n 3\n  demo:other: *n\n"},
		{"config that stands elsewhere", "workerCount", false, "a: &a\n  demo:workerCount: 3\nconfig: *a\n"},
		{"a key that stands there twice", "workerCount", false, "config:\n  demo:workerCount: 3\n  demo:workerCount: 4\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := setConfig(c.doc, c.key, c.path, new("12")); err == nil {
				t.Errorf("got\n%s", got)
			}
		})
	}
}
