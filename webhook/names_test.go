package webhook

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
)

// No route has a word of its own at a place at which another route has the name of a pool. Whatever a pool may be
// called, its routes are its own.
func TestNoPoolIsCalledLikeAPartOfARoute(t *testing.T) {
	for _, e := range endpoints() {
		parts := strings.Split(e.pattern, "/")
		for _, other := range endpoints() {
			words := strings.Split(other.pattern, "/")
			if len(words) != len(parts) {
				continue
			}
			for i, part := range parts {
				if part == "{pool}" && words[i] != part && strings.Join(words[:i], "/") == strings.Join(parts[:i], "/") {
					t.Errorf("the pool %q has no route %s: that is %s", words[i], e.pattern, other.pattern)
				}
			}
		}
	}
}

// Every name that the rules allow reaches its pool, as it is and encoded. A name that they refuse for the sake of URLs
// does not.
func TestNamesOfPoolsInURLs(t *testing.T) {
	names := map[string]int{"prometheus": 200, "-": 200, "...": 200, ".hidden": 200, "a.b": 200, "page": 200, "status": 200, ".": 404, "..": 404}
	serving(t, func(t *testing.T, r *rig) {
		for name := range names {
			r.stack.rule(name, func(*scale.Rule) {})
		}
		r.call(http.MethodPost, "/-/reload", nil).is(200)
		for name, status := range names {
			for _, spelled := range []string{name, strings.ReplaceAll(name, ".", "%2e")} {
				r.get("/pools/" + spelled).is(status)
			}
			if err := parse.CheckPool("pool", name); (err == nil) != (status == 200) {
				t.Errorf("%q: the rules say %v", name, err)
			}
		}
	})
}
