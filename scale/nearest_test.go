package scale_test

import (
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestNearest(t *testing.T) {
	fields := []string{"urn", "targets", "targetDependents", "configKey", "min", "max", "cooldown", "onCooldown", "current"}
	for _, test := range []struct {
		name, misspelt, want string
	}{
		{"a letter too few", "target", "targets"},
		{"a letter too many", "cooldownn", "cooldown"},
		{"another letter", "urm", "urn"},
		{"two letters swapped in a short name", "mni", "min"},
		{"two letters swapped beside a name as short", "mxa", "max"},
		{"another case", "CONFIGKEY", "configKey"},
		{"words divided as in Python", "target_dependents", "targetDependents"},
		{"several edits in a long name", "targtDependentss", "targetDependents"},
		{"nothing similar", "replicas", ""},
		{"a short name is not similar to every other", "foo", ""},
		{"two edits are too many in a short name", "turns", ""},
		{"the empty name is similar to none", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := scale.Nearest(test.misspelt, fields); got != test.want {
				t.Errorf("nearest(%q) = %q, want %q", test.misspelt, got, test.want)
			}
		})
	}
	if got := scale.Nearest("worker-1", []string{"worker-2", "worker-3"}); got != "worker-2" {
		t.Errorf("of names equally near: got %q, want the first", got)
	}
	if got := scale.Nearest("worker", nil); got != "" {
		t.Errorf("of no names: got %q", got)
	}
}
