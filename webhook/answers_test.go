package webhook

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/webhook/sns/snstest"
)

// In a cooldown a webhook is ignored with 200 and the time left. A direct request gets 409 with Retry-After.
func TestCooldown(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.scaled("worker", 4, time.Minute)
		r.post("/-/reload", nil).is(200)
		until := `"until":"2026-03-04T12:02:`
		r.post(pathPrometheus, alertsOf("firing", `{"alertname":"HighCPU"}`)).is(200, `"outcome":"cooldown"`, until, "cooling down for another ", `"accepted":false`)
		got := r.post(pathScale, `{"count":6}`).is(409, `"title":"Cooling down"`, until, "force=true")
		if seconds, err := strconv.Atoi(got.Header().Get("Retry-After")); err != nil || seconds < 230 || seconds > 240 {
			t.Errorf("Retry-After: %q", got.Header().Get("Retry-After"))
		}
		r.post(pathScale+"?dryRun=true", `{"count":6}`).is(200, `"outcome":"cooldown"`, `"steps":[]`)
		r.stack.wantUntouched()
		r.get("/operations").is(200, `"open":[],"done":[]`)
		forced := r.post(pathScale+"?force=true", `{"count":6}`).is(202)
		r.done(forced.operation(), "scaled")
		time.Sleep(5 * time.Minute)
		r.post(pathPrometheus, alertsOf("firing", `{"alertname":"HighCPU"}`)).is(202)
	})
}

func TestASplitCooldownLetsAScaleOutFollowAScaleIn(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.rule("worker", func(rule *scale.Rule) {
			rule.Cooldown = scale.Cooldown{Up: time.Minute, Down: 5 * time.Minute, Split: true}
		})
		r.post("/-/reload", nil).is(200)
		r.done(r.post(pathPrometheus+"?direction=down", alertsOf("firing", `{}`)).is(202).operation("results", 0), "scaled")
		r.stack.wantCounts(2, 2, 1)
		r.post(pathScale, `{"delta":-1}`).is(409)
		r.done(r.post(pathScale, `{"delta":2}`).is(202).operation(), "scaled")
		r.stack.wantCounts(4, 2, 2)
		r.post(pathScale, `{"delta":1}`).is(409)
	})
}

func TestPausedAndRefused(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.rule("worker", func(rule *scale.Rule) { rule.Paused = scale.PauseBoth })
		r.stack.rule("api", func(rule *scale.Rule) { rule.Strategy = scale.Strategy{Type: scale.TargetTracking, Target: 1} })
		r.post("/-/reload", nil).is(200)
		r.get("/pools/worker").is(200, `"paused":"both"`)
		r.post(pathPrometheus, alertsOf("firing", `{}`)).is(200, `"outcome":"paused"`)
		r.post(pathScale, `{"count":5}`).is(200, `"outcome":"paused"`, `"accepted":false`)
		r.post("/webhook/api/prometheus", alertsOf("firing", `{}`)).is(200, `"outcome":"refused"`)
		r.stack.wantUntouched()
	})
}

// A pool whose configuration holds no number cannot be decided. That is the stack's fault, and neither the request's
// nor the server's.
func TestAPoolThatCannotBeDecided(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		many := "many"
		r.stack.set(func() { r.stack.updates[0].Values["worker"] = &many })
		r.post("/-/reload", nil).is(200)
		r.post(pathScale, `{"delta":1}`).is(409, `"title":"Cannot be decided"`, "workerCount")
		r.get("/pools/worker").is(200, `"problem"`)
	})
}

// Whatever names the event, its second delivery is answered with what the first one came to, and scales nothing.
func TestDuplicates(t *testing.T) {
	type delivery struct {
		target  string
		body    func(r *rig) any
		headers []string
		path    []any
	}
	text := func(text string) func(*rig) any { return func(*rig) any { return text } }
	first := []any{"results", 0}
	cases := map[string]delivery{
		"the MessageId of an SNS message": {pathCloudWatch, func(r *rig) any {
			return snstest.Encode(r.sns.Sign(snstest.Notification("2", map[string]any{"Message": string(payload(r.t, "cloudwatch/metric-high"))})))
		}, nil, first},
		"the id of an EventBridge event":            {pathCloudWatch, func(r *rig) any { return payload(r.t, "eventbridge/metric") }, nil, first},
		"fingerprint, start and status of an alert": {pathPrometheus, text(alertsOf("firing", `{"alertname":"HighCPU"}`)), nil, first},
		"an Idempotency-Key":                        {pathScale, text(`{"delta":1}`), []string{"Idempotency-Key", "k1"}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) {
				id := r.post(c.target, c.body(r), c.headers...).is(202, `"accepted":true`).operation(c.path...)
				again := r.post(c.target, c.body(r), c.headers...).is(202, `"duplicate":true`)
				if again.operation(c.path...) != id {
					t.Errorf("another operation: %s", again.Body)
				}
				r.done(id, "scaled")
				time.Sleep(time.Hour) // the cooldown is over
				again = r.post(c.target, c.body(r), c.headers...).is(200, `"duplicate":true`, `"state":"done"`)
				if again.operation(c.path...) != id {
					t.Errorf("another operation: %s", again.Body)
				}
				r.stack.wantCounts(4, 2, 1)
			})
		})
	}
}

func TestAnotherKeyIsAnotherRequest(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		first := r.post(pathScale, `{"delta":1}`, "Idempotency-Key", "k1").is(202).operation()
		second := r.post(pathScale, `{"delta":1}`, "Idempotency-Key", "k2").is(202).operation()
		other := r.post("/scale/api", `{"delta":1}`, "Idempotency-Key", "k1").is(202).operation()
		for _, id := range []string{first, second, other} {
			r.done(id, "scaled")
		}
		r.stack.wantCounts(5, 3, 1)
	})
}

func TestASignalIsDeferredUntilTheCooldownEnds(t *testing.T) {
	deferring := func(r *rig) string {
		r.stack.rule("worker", func(rule *scale.Rule) { rule.OnCooldown = scale.Defer })
		r.stack.scaled("worker", 4, time.Minute)
		r.post("/-/reload", nil).is(200)
		return r.post(pathPrometheus, alertsOf("firing", `{"alertname":"HighCPU"}`)).is(202, `"state":"deferred"`, `"until"`).operation("results", 0)
	}
	t.Run("and is then carried out", func(t *testing.T) {
		serving(t, func(t *testing.T, r *rig) {
			id := deferring(r)
			r.get("/operations").is(200, `"notBefore"`)
			r.stack.wantCounts(4, 2, 0)
			r.done(id, "scaled")
			r.stack.wantCounts(5, 2, 1)
		})
	})
	t.Run("unless its alarm clears", func(t *testing.T) {
		serving(t, func(t *testing.T, r *rig) {
			id := deferring(r)
			r.post(pathPrometheus, alertsOf("resolved", `{"alertname":"HighCPU"}`)).is(200, `"outcome":"cleared"`)
			r.done(id, "cancelled")
			time.Sleep(time.Hour)
			r.stack.wantCounts(4, 2, 0)
		})
	})
}

// A sender that waits for 15 seconds, as SNS does, is told in time that the stack takes too long.
func TestTheStackTakesTooLong(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() { r.stack.readTime = time.Minute })
		time.Sleep(2 * time.Second)
		began := time.Now()
		r.post(pathPrometheus+"?count=3", alertsOf("firing", `{}`)).is(503)
		if took := time.Since(began); took >= 15*time.Second {
			t.Errorf("answered after %s", took)
		}
	})
}

// A repeat of an alert whose operation failed is decided afresh, and its answer says what became of the first one.
func TestARepeatOfAFailedAlert(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		alert := alertsOf("firing", `{"alertname":"HighCPU"}`)
		r.stack.set(func() { r.stack.broken["worker"] = true })
		first := r.post(pathPrometheus, alert).is(202).operation("results", 0)
		r.done(first, "failed")
		second := r.post(pathPrometheus, alert).is(202, `"accepted":true`, `"previous":{"operation":"`+first+`","result":"failed","error":"the update failed: worker is broken"}`).operation("results", 0)
		r.done(second, "failed")
		r.post(pathPrometheus, alert).is(200, `"outcome":"cooldown"`, `"until":"2026-03-04T11:59:`, "has failed again", `"duplicate":true`, `"operation":"`+second, `"result":"failed"`,
			`"error":"the update failed: worker is broken"`)
		r.stack.set(func() { r.stack.broken["worker"] = false })
		time.Sleep(15 * time.Second)
		third := r.post(pathPrometheus, alert).is(202, `"previous":{"operation":"`+second).operation("results", 0)
		r.done(third, "scaled")
		r.post(pathPrometheus, alert).is(200, `"duplicate":true`, `"result":"scaled"`)
		r.get("/operations/"+third).is(200, `"previous":"`+second)

		r.stack.set(func() { r.stack.broken["worker"] = true })
		direct := r.post(pathScale+"?force=true", `{"delta":1}`, "Idempotency-Key", "k").is(202).operation()
		r.done(direct, "failed")
		r.post(pathScale+"?force=true", `{"delta":1}`, "Idempotency-Key", "k").is(200, `"duplicate":true`, `"result":"failed"`, direct)
	})
}

func TestAFiringThatHasCleared(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.scaled("worker", 4, time.Minute)
		r.post("/-/reload", nil).is(200)
		r.post(pathPrometheus, alertsOf("firing", `{"alertname":"HighCPU"}`)).is(200, `"outcome":"cooldown"`)
		r.post(pathPrometheus, alertsOf("resolved", `{"alertname":"HighCPU"}`)).is(200, `"outcome":"cleared"`)
		time.Sleep(10 * time.Minute)
		r.post(pathPrometheus, alertsOf("firing", `{"alertname":"HighCPU"}`)).is(200, `"outcome":"cleared"`, "which began at 2026-03-04T11:58:00Z, has cleared already", `"accepted":false`)
		r.stack.wantUntouched()
		r.post(pathPrometheus, strings.Replace(alertsOf("firing", `{"alertname":"HighCPU"}`), "T11:58:00Z", "T12:07:00Z", 1)).is(202)
	})
}

// CloudWatch's changes of state carry their time. By it a change that SNS delivers late is known.
func TestAnAlarmThatIsDeliveredLate(t *testing.T) {
	alarm := func(state, at string) string {
		return `{"source":"aws.cloudwatch","alarmArn":"arn:aws:cloudwatch:us-east-1:123456789012:alarm:a","alarmData":{"alarmName":"a","state":{"value":"` + state + `","timestamp":"2026-03-04T` + at + `.000+0000"}}}`
	}
	serving(t, func(t *testing.T, r *rig) {
		r.post(pathCloudWatch, alarm("OK", "11:50:00")).is(200, `"outcome":"cleared"`)
		r.post(pathCloudWatch, alarm("ALARM", "11:40:00")).is(200, `"outcome":"cleared"`, "began at 2026-03-04T11:40:00Z, and it has cleared since")
		r.stack.wantUntouched()
		r.done(r.post(pathCloudWatch, alarm("ALARM", "11:55:00")).is(202).operation("results", 0), "scaled")
		r.post(pathCloudWatch, alarm("OK", "11:52:00")).is(200, `"outcome":"cleared"`, "has fired again since")
		r.post(pathCloudWatch, alarm("OK", "11:58:00")).is(200, `"outcome":"cleared"`, "the alert has cleared")
	})
}

func TestASignalThatWaitsForAnUpdate(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.rule("worker", func(rule *scale.Rule) { rule.Cooldown = scale.Cooldown{} })
		r.post("/-/reload", nil).is(200)
		first := r.post(pathScale, `{"delta":1}`).is(202).operation()
		time.Sleep(updateTime / 2)
		id := r.post(pathPrometheus, alertsOf("firing", `{"alertname":"HighCPU"}`)).is(202, `"state":"deferred"`, `"outcome":"scale"`, "decided again when it ends").operation("results", 0)
		r.done(first, "scaled")
		r.done(id, "scaled")
		r.stack.wantCounts(5, 2, 2)
	})
}
