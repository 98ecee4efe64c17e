package configfile

import (
	"maps"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
)

// FuzzSetValue: if a value is set, Pulumi reads it, and every other key as before.
func FuzzSetValue(f *testing.F) {
	for _, doc := range []string{
		"", "# only a comment\n", "config:\n", "config: {}\n", "{}\n", "encryptionsalt: v1:x=\n", "--- \nconfig:\n  demo:count: 3\n...\n",
		"config:\n  demo:count: \"3\" # c\n  demo:other: x\n", "config:\r\n  demo:count: '3'\r\n  other:count: 3\r\n",
		"config:\n  demo:pools:\n    a: {n: 3}\n    b: [1, {n: 2}]\n", "{\"config\": {\"demo:count\": \"3\", \"demo:a\": \"ä\"}}",
		"config:\n  count: &x 3\n  demo:b: *x\n", "config:\n  demo:count: |\n    3\n  demo:b: >-\n    x\n    y\n",
		"config:\n  <<: {demo:count: 3}\n", "config:\n  ? demo:count\n  : 3\n", "# \u2028\nconfig:\n  \u0085demo:count: 3\n", "config:\n  demo:count:\n  demo:b:\n",
		"\ufeffconfig:\n  demo:config:count: 0x3\n", "config:\n  demo:pools: {1: 2, true: 3}\n", "a: &a\n  demo:count: 3\nconfig: *a\n",
	} {
		for which := range uint8(4) {
			f.Add([]byte(doc), which, uint16(12))
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte, which uint8, count uint16) {
		text := new(strconv.Itoa(int(count)))
		key := []string{"count", "other:count", "pools.a.n", "pools.b[1].n"}[which%4]
		path := which%4 > 1
		if which&4 != 0 {
			text = nil
		}
		before, err := pulumiConfig(string(doc))
		if err != nil {
			t.Skip("nothing that Pulumi reads")
		}
		got, err := setConfig(string(doc), key, path, text)
		if err != nil {
			return
		}
		after, err := pulumiConfig(got)
		if err != nil {
			t.Fatalf("Pulumi can no longer read it: %v\n%q", err, got)
		}
		value, ok := pulumiValue(t, got, key, path)
		switch {
		case text == nil && ok && value != "": // null is nothing
			t.Errorf("%s is still %q\n%q", key, value, got)
		case text != nil && value != *text:
			t.Errorf("%s is %q, not %s\n%q", key, value, *text, got)
		}
		own := []config.Key{config.MustMakeKey("demo", "count"), config.MustMakeKey("other", "count"), config.MustMakeKey("demo", "pools"), config.MustMakeKey("demo", "pools")}[which%4]
		if diff := cmp.Diff(others(t, before, own), others(t, after, own)); diff != "" {
			t.Errorf("other keys: -before +after:\n%s\n%q", diff, got)
		}
	})
}

// others are the values of all keys but one, as text.
func others(t *testing.T, values config.Map, but config.Key) map[string]string {
	t.Helper()
	out := map[string]string{}
	for key := range maps.Keys(values) {
		if key == but {
			continue
		}
		value := values[key]
		text, err := value.Value(config.NopDecrypter)
		if err != nil {
			t.Skip("a value that Pulumi cannot tell")
		}
		out[key.String()] = text
	}
	return out
}
