package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestADirectRequestIsAcceptedAndCarriedOut(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		got := r.post(pathScale, `{"count": 5, "reason": "a sale"}`).is(202, `"from":3`, `"to":5`, `"accepted":true`, `"state":"accepted"`)
		location := got.Header().Get("Location")
		if location != "/operations/"+got.operation() {
			t.Errorf("Location: %q", location)
		}
		r.get("/operations").is(200, got.operation())
		r.done(got.operation(), "scaled")
		r.get(location).is(200, `"ask":"count 5"`, `"source":"http"`, `"reason":"a sale"`, `"from":3`, `"to":5`)
		r.stack.wantCounts(5, 2, 1)
		r.get("/pools/worker").is(200, `"count":5`, `"upHeldUntil"`, `"lastScaling"`)
		r.get("/operations?pool=worker").is(200, `"result":"scaled"`)
		r.get("/operations?pool=api").is(200, `"done":[]`)
		if past := r.get("/history?pool=worker&limit=1").is(200); past.at("scalings", 0, "to") != 5.0 {
			t.Error(past.Body)
		}
	})
}

func TestCountDeltaAndGuardrails(t *testing.T) {
	cases := map[string]struct {
		target, body string
		status       int
		text         string
	}{
		"a count":                {pathScale, `{"count":5}`, 202, `"to":5`},
		"a count as text":        {pathScale, `{"count":"5"}`, 400, `"field":"count"`},
		"a delta":                {pathScale, `{"delta":-2}`, 202, `"to":1`},
		"a count in the query":   {pathScale + "?count=4", "", 202, `"to":4`},
		"above the maximum":      {pathScale, `{"count":99}`, 202, `"to":10,"clamped":true`},
		"below the minimum":      {pathScale, `{"count":0}`, 202, `"to":1,"clamped":true`},
		"as it is":               {pathScale, `{"count":3}`, 200, `"outcome":"no-change"`},
		"as it is, by a dry run": {pathScale + "?dryRun=true", `{"count":3}`, 200, `"steps":[]`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) { r.post(c.target, c.body).is(c.status, c.text) })
		})
	}
}

func TestPreferWait(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		began := time.Now()
		got := r.post(pathScale, `{"count":5}`, "Prefer", "wait=60").is(200, `"state":"done"`, `"result":"scaled"`)
		if took := time.Since(began); took < updateTime || took > 2*updateTime {
			t.Errorf("answered after %s", took)
		}
		if got.Header().Get("Preference-Applied") != "wait=60" || got.Header().Get("Content-Location") == "" {
			t.Error(got.Header())
		}
	})
	serving(t, func(t *testing.T, r *rig) {
		began := time.Now()
		got := r.post(pathScale, `{"count":5}`, "Prefer", `respond-async, wait="2"`).is(202)
		if took := time.Since(began); took < 2*time.Second || took > 4*time.Second {
			t.Errorf("answered after %s", took)
		}
		r.done(got.operation(), "scaled")
	})
}

func TestADryRunChangesNothing(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		got := r.post(pathScale+"?dryRun=true&count=5", nil).is(200, `"dryRun":true`, `"from":3`, `"to":5`, `"path":"size"`)
		if got.Header().Get("Location") != "" {
			t.Error(got.Header())
		}
		r.get("/operations").is(200, `"open":[]`, `"done":[]`)
		time.Sleep(time.Hour)
		r.stack.wantUntouched()
		r.stack.wantCounts(3, 2, 0)
		if r.stack.previews != 1 {
			t.Errorf("%d previews", r.stack.previews)
		}
		// nor does it start a cooldown
		r.post(pathScale+"?count=4", nil).is(202)
	})
}

func TestDryRunsAreNotWithoutNumber(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		var group sync.WaitGroup
		var mu sync.Mutex
		codes := map[int]int{}
		for range maxPreviews + 3 {
			group.Go(func() {
				got := r.post(pathScale+"?dryRun=true&count=5", nil)
				mu.Lock()
				defer mu.Unlock()
				codes[got.Code]++
			})
		}
		group.Wait()
		if diff := cmp.Diff(map[int]int{200: maxPreviews, 503: 3}, codes); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		r.post(pathScale+"?dryRun=true&count=5", nil).is(200)
	})
}

// In a cooldown a webhook is ignored with 200 and the time left; a direct request gets 409 with Retry-After.
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

// A pool whose configuration holds no number cannot be decided, which is the stack's fault and neither the request's nor the server's.
func TestAPoolThatCannotBeDecided(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		many := "many"
		r.stack.set(func() { r.stack.updates[0].Values["worker"] = &many })
		r.post("/-/reload", nil).is(200)
		r.post(pathScale, `{"delta":1}`).is(409, `"title":"Cannot be decided"`, "workerCount")
		r.get("/pools/worker").is(200, `"error"`)
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
			return encode(r.sns.sign(notification("2", map[string]any{"Message": string(read(r.t, "testdata/cloudwatch/metric-high.json"))})))
		}, nil, first},
		"the id of an EventBridge event":            {pathCloudWatch, func(r *rig) any { return read(r.t, "testdata/eventbridge/metric.json") }, nil, first},
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

// A pool of which every update fails does not take down another one that is scaled together with it.
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

func TestSNSThroughTheRoute(t *testing.T) {
	alarm := func(r *rig) string { return string(read(r.t, "testdata/cloudwatch/metric-high.json")) }
	asText := []string{"Content-Type", "text/plain; charset=UTF-8", "Authorization", basic("sns", tokenA)}
	for _, version := range []string{"1", "2"} {
		t.Run("a notification of version "+version, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) {
				body := encode(r.sns.sign(notification(version, map[string]any{"Message": alarm(r)})))
				r.done(r.post(pathCloudWatch, body, asText...).is(202, `"pool":"worker"`).operation("results", 0), "scaled")
				r.stack.wantCounts(4, 2, 1)
			})
		})
	}
	t.Run("the challenge, and then the credentials", func(t *testing.T) {
		serving(t, func(t *testing.T, r *rig) {
			body := encode(r.sns.sign(notification("1", map[string]any{"Message": alarm(r)})))
			bare := httptest.NewRequest(http.MethodPost, pathCloudWatch, strings.NewReader(string(body)))
			bare.Header.Set("Content-Type", asText[1])
			if got := r.send(bare).is(401); !cmp.Equal(got.Header().Values("WWW-Authenticate"), challenges) {
				t.Error(got.Header())
			}
			r.post(pathCloudWatch, body, asText...).is(202)
		})
	})
	t.Run("a subscription is confirmed once", func(t *testing.T) {
		serving(t, func(t *testing.T, r *rig) {
			var mu sync.Mutex
			fetched := map[string]int{}
			r.sns.answer = func(_ context.Context, url string) ([]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				fetched[url]++
				return r.sns.certificate, nil
			}
			message := confirmation("2", SNSSubscriptionConfirmation, nil)
			r.post(pathCloudWatch, encode(r.sns.sign(message)), asText...).is(200, "confirmed", `"results":[]`)
			want := map[string]int{testCertURL: 1, message["SubscribeURL"].(string): 1}
			if diff := cmp.Diff(want, fetched); diff != "" {
				t.Errorf("fetched (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("the end of a subscription is not undone", func(t *testing.T) {
		serving(t, func(t *testing.T, r *rig) {
			r.post(pathCloudWatch, encode(r.sns.sign(confirmation("1", SNSUnsubscribeConfirmation, nil))), asText...).is(200, "has ended")
			if n := r.sns.fetched.Load(); n != 1 {
				t.Errorf("%d fetches; want that of the certificate", n)
			}
		})
	})
	cases := map[string]struct {
		body    func(r *rig) []byte
		headers []string
		status  int
		text    string
	}{
		"raw delivery": {func(r *rig) []byte { return []byte(alarm(r)) }, []string{"X-Amz-Sns-Rawdelivery", "true"}, 400, "raw message delivery"},
		"raw delivery of an event": {func(r *rig) []byte { return read(r.t, "testdata/eventbridge/metric.json") },
			[]string{"X-Amz-Sns-Rawdelivery", "true"}, 400, "raw message delivery"},
		"a forged message": {func(r *rig) []byte {
			return encode(with(r.sns.sign(notification("2", map[string]any{"Message": alarm(r)})), map[string]any{"Message": "forged"}))
		}, nil, 403, "signature"},
		"a forged subscription": {func(r *rig) []byte {
			return encode(with(r.sns.sign(confirmation("2", SNSSubscriptionConfirmation, nil)), map[string]any{"Token": "forged"}))
		}, nil, 403, "signature"},
		"another topic": {func(r *rig) []byte {
			return encode(r.sns.sign(notification("2", map[string]any{"TopicArn": testTopic + "2", "Message": alarm(r)})))
		}, nil, 403, "not one of those allowed"},
		"an old message": {func(r *rig) []byte {
			return encode(r.sns.sign(notification("2", map[string]any{"Timestamp": "2026-03-04T10:00:00.000Z", "Message": alarm(r)})))
		}, nil, 403, "too long ago"},
		"a certificate that is somewhere else": {func(r *rig) []byte {
			return encode(r.sns.sign(notification("2", map[string]any{"SigningCertURL": "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-0.pem"})))
		}, nil, 403, "the certificate is not at"},
		"a message that is no alarm": {func(r *rig) []byte { return encode(r.sns.sign(notification("2", nil))) }, nil, 400, `"field":"Message"`},
		"an alarm that has ended": {func(r *rig) []byte {
			return encode(r.sns.sign(notification("2", map[string]any{"Message": string(read(r.t, "testdata/cloudwatch/metric-ok.json"))})))
		}, nil, 200, `"outcome":"cleared"`},
		"an alarm without data": {func(r *rig) []byte {
			return encode(r.sns.sign(notification("2", map[string]any{"Message": string(read(r.t, "testdata/cloudwatch/insufficient-data.json"))})))
		}, nil, 200, "insufficient data"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) {
				r.post(pathCloudWatch, c.body(r), append(c.headers, asText...)...).is(c.status, c.text)
				time.Sleep(time.Minute)
				r.stack.wantUntouched()
			})
		})
	}
	t.Run("the certificate cannot be fetched", func(t *testing.T) {
		serving(t, func(t *testing.T, r *rig) {
			r.sns.answer = func(context.Context, string) ([]byte, error) { return nil, errors.New("dial tcp: secret detail") }
			body := encode(r.sns.sign(notification("2", map[string]any{"Message": alarm(r)})))
			if got := r.post(pathCloudWatch, body, asText...).is(503); strings.Contains(got.Body.String(), "secret") || got.Header().Get("Retry-After") == "" {
				t.Error(got.Header(), got.Body)
			}
		})
	})
}

// A client that goes away while it waits changes nothing for what was accepted.
func TestAClientThatGoesAway(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, leave)
		request := httptest.NewRequestWithContext(ctx, http.MethodPost, pathScale+"?count=5", http.NoBody)
		request.Header.Set("Authorization", "Bearer "+tokenA)
		request.Header.Set("Prefer", "wait=60")
		r.done(r.send(request).is(202).operation(), "scaled")
		r.stack.wantCounts(5, 2, 1)
	})
	t.Run("before anything was accepted", func(t *testing.T) {
		serving(t, func(t *testing.T, r *rig) {
			time.Sleep(2 * time.Second) // what is known is too old to call it no change
			ctx, leave := context.WithCancel(t.Context())
			time.AfterFunc(readTime/2, leave)
			request := httptest.NewRequestWithContext(ctx, http.MethodPost, pathScale+"?count=3", http.NoBody)
			request.Header.Set("Authorization", "Bearer "+tokenA)
			r.send(request).is(503) // and no 200, which silence would be
			synctest.Wait()
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
