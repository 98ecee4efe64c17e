package stack

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestTheReplicasOfAWorkloadAreItsSize(t *testing.T) {
	for name, c := range map[string]struct {
		typ, spec string
		want      int
		ok        bool
	}{
		"a Deployment":                 {"kubernetes:apps/v1:Deployment", `{"replicas":3,"paused":false}`, 3, true},
		"a StatefulSet of none":        {"kubernetes:apps/v1:StatefulSet", `{"replicas":0}`, 0, true},
		"one that does not tell":       {"kubernetes:apps/v1:Deployment", `{}`, 0, false},
		"one without a spec":           {"kubernetes:apps/v1:Deployment", "", 0, false},
		"a secret one":                 {"kubernetes:apps/v1:Deployment", `"[secret]"`, 0, false},
		"a kind without replicas":      {"kubernetes:core/v1:ConfigMap", `{"replicas":3}`, 0, false},
		"a resource of another system": {"localcloud:index:Pool", `{"replicas":3}`, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := resourceState{Type: c.typ}
			if c.spec != "" {
				r.Outputs = map[string]jsontext.Value{"spec": jsontext.Value(c.spec)}
			}
			if got, ok := replicas(r); got != c.want || ok != c.ok {
				t.Errorf("got %d, %v", got, ok)
			}
		})
	}
}
