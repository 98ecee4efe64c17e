package webhook

import (
	"strings"
	"testing"
)

func TestPageTellsOfListeners(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		page := r.get("/").Body.String()
		for _, want := range []string{"Who is told", "slack, hooks.example.com", "Cannot be told: it answers 503 &lt;b&gt; ("} {
			if !strings.Contains(page, want) {
				t.Errorf("%q is not on the page", want)
			}
		}
	})
}
