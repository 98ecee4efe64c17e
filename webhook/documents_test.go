package webhook

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// What stands in several answers has one form there: that of the documents of the commands, which a test of package
// output compares with GET /status.
func TestAnswersAgree(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.rule("worker", func(rule *scale.Rule) { rule.Refresh, rule.Paused = true, scale.PauseDown })
		r.stack.scaled("worker", 4, time.Minute)
		r.stack.set(func() { r.stack.file = map[string]string{"worker": "9"} })
		r.post("/-/reload", nil).is(http.StatusOK)
		dry := r.post(pathScale+"?dryRun=true&force=true&delta=1", nil).is(http.StatusOK)
		id := r.post("/scale/api?delta=1", nil).is(http.StatusAccepted).operation()
		r.done(id, "scaled")
		r.post("/hold/worker?for=1h", nil).is(http.StatusOK)
		// The pools wait for a reading; the status tells what is known, and was foreseen until then.
		pools, status := r.get("/pools").is(http.StatusOK), r.get("/status").is(http.StatusOK)
		for name, c := range map[string][2]any{
			"the pools":                  {pools.at("pools"), status.at("pools")},
			"a pool":                     {r.get("/pools/worker").at(), status.at("pools", 1)},
			"the scalings":               {r.get("/history").at("scalings"), status.at("scalings")},
			"the last scaling of a pool": {status.at("pools", 0, "lastScaling"), status.at("scalings", 0)},
			"the holds":                  {r.get("/hold").at("holds"), status.at("holds")},
			"the hold on a pool":         {status.at("pools", 1, "hold"), status.at("holds", 0)},
		} {
			if diff := cmp.Diff(c[0], c[1]); diff != "" || c[0] == nil {
				t.Errorf("%s: %v, and elsewhere\n%s", name, c[0], diff)
			}
		}
		decision, _ := r.get("/operations/" + id).at("decision").(map[string]any)
		for name := range decision {
			if _, ok := dry.at().(map[string]any)[name]; !ok {
				t.Errorf("a dry run tells no %s: %s", name, dry.Body)
			}
		}
	})
}
