package webhook

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// Events at one moment lose nothing and add nothing, and take at most two updates.
func TestEventsAtOneMoment(t *testing.T) {
	type ask struct{ target, body string }
	up, upOther := alertsOf("firing", `{"alertname":"HighCPU"}`), alertsOf("firing", `{"alertname":"Queue"}`)
	cases := map[string]struct {
		asks        []ask
		worker, api int
		result      string
	}{
		"two deltas for one pool add up":           {[]ask{{pathScale, `{"delta":1}`}, {pathScale, `{"delta":2}`}}, 6, 2, ""},
		"two counts for one pool: one of them":     {[]ask{{pathScale, `{"count":7}`}, {pathScale, `{"count":7}`}}, 7, 2, ""},
		"two alerts for one pool make one change":  {[]ask{{pathPrometheus, up}, {pathPrometheus, upOther}}, 4, 2, ""},
		"one alert that is sent twice":             {[]ask{{pathPrometheus, up}, {pathPrometheus, up}}, 4, 2, ""},
		"two pools, each once":                     {[]ask{{pathScale, `{"delta":1}`}, {"/scale/api", `{"delta":3}`}}, 4, 5, ""},
		"an alert and a delta for different pools": {[]ask{{pathPrometheus, up}, {"/scale/api", `{"delta":1}`}}, 4, 3, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) {
				var group sync.WaitGroup
				for _, a := range c.asks {
					group.Go(func() {
						if got := r.post(a.target, a.body); got.Code != 200 && got.Code != 202 {
							t.Errorf("%d %s", got.Code, got.Body)
						}
					})
				}
				group.Wait()
				time.Sleep(4 * updateTime)
				r.get("/operations").is(200, `"open":[]`)
				begun := r.stack.begun
				if begun < 1 || begun > 2 {
					t.Errorf("%d updates", begun)
				}
				r.stack.wantCounts(c.worker, c.api, begun)
			})
		})
	}
}

// If every update of a pool fails, that does not take down another pool that is scaled together with it.
func TestABatchIsSplit(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() { r.stack.broken["api"] = true })
		got := r.post(pathShared, alertsOf("firing", `{"pool":"worker"}`, `{"pool":"api"}`)).is(202)
		r.done(got.operation("results", 0), "scaled")
		r.done(got.operation("results", 1), "failed")
		r.stack.wantCounts(4, 2, 3)
		r.get("/operations").is(200, "api is broken")
		r.post("/scale/api", `{"delta":1}`).is(202) // a failure starts no cooldown
	})
}

func TestLabelsOfPools(t *testing.T) {
	cases := map[string]struct {
		target, labels string
		status         int
		text           string
	}{
		"the pool's own route":             {pathPrometheus, `{"pool":"worker"}`, 202, `"pool":"worker"`},
		"no label on the pool's route":     {pathPrometheus, `{}`, 202, `"pool":"worker"`},
		"another pool on the pool's route": {pathPrometheus, `{"pool":"api"}`, 200, `the alert is of pool \"api\"`},
		"a label on the shared route":      {pathShared, `{"pool":"api"}`, 202, `"pool":"api"`},
		"no label on the shared route":     {pathShared, `{}`, 200, `no label \"pool\"`},
		"an unknown pool":                  {pathShared, `{"pool":"wroker"}`, 200, `did you mean \"worker\"?`},
		"a label that is no text":          {pathShared, `{"pool":5}`, 200, "must be a string"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) { r.post(c.target, alertsOf("firing", c.labels)).is(c.status, c.text) })
		})
	}
	t.Run("one of each in one notification", func(t *testing.T) {
		serving(t, func(t *testing.T, r *rig) {
			got := r.post(pathShared, alertsOf("firing", `{"pool":"worker"}`, `{"pool":"other"}`, `{}`, `{"pool":"api"}`)).is(202)
			if results, _ := got.at("results").([]any); len(results) != 2 {
				t.Errorf("%d results", len(results))
			}
			if skipped, _ := got.at("skipped").([]any); len(skipped) != 2 {
				t.Errorf("%d skipped", len(skipped))
			}
			time.Sleep(3 * updateTime)
			r.stack.wantCounts(4, 3, 1)
		})
	})
}

// The lists say how much they leave out.
func TestLongListsAreCounted(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() { r.stack.updateTime = time.Minute })
		r.post("/scale/api", `{"delta":1}`).is(202)
		time.Sleep(2 * time.Second)
		for range 80 {
			r.post(pathScale, `{"delta":1}`).is(202)
		}
		r.get("/operations?limit=10").is(200, `"openOmitted":71`)
		r.get("/operations?limit=10&pool=worker").is(200, `"openOmitted":70`)
		if got := r.get("/operations?limit=1000").is(200); got.at("openOmitted") != nil {
			t.Error(got.at("openOmitted"))
		}
		r.get("/status").is(200, `"openOmitted":30`)
		r.get("/").is(200, "30 more wait.")
	})
}

func TestAThousandAlertsMakeOneUpdate(t *testing.T) {
	labels := make([]string, 1000)
	for i := range labels {
		labels[i] = fmt.Sprintf(`{"alertname":"A%d","pool":%q}`, i, []string{"worker", "api", "unknown"}[i%3])
	}
	serving(t, func(t *testing.T, r *rig) {
		got := r.post(pathShared, alertsOf("firing", labels...)).is(202)
		if skipped, _ := got.at("skipped").([]any); len(skipped) != 333 {
			t.Errorf("%d skipped", len(skipped))
		}
		time.Sleep(3 * updateTime)
		r.stack.wantCounts(4, 3, 1)
		if lines := strings.Count(r.logged.String(), `"msg":"skipped"`); lines > maxLogged {
			t.Errorf("%d lines in the log", lines)
		}
	})
	serving(t, func(t *testing.T, r *rig) {
		r.post(pathShared, `{"version":"4","alerts":[`+strings.Repeat("{},", maxAlerts)+`{}]}`).is(413, "more than 10000 alerts")
	})
}
