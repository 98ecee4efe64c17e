package webhook

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/queue"
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
		r.get("/pools/worker").is(200, `"count":5`, `"upUntil"`, `"lastScaling"`)
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
		"above the maximum":      {pathScale, `{"count":99}`, 202, `"to":10,"wanted":99,"clamped":true`},
		"below the minimum":      {pathScale, `{"count":0}`, 202, `"to":1,"wanted":0,"clamped":true`},
		"as it is":               {pathScale, `{"count":3}`, 200, `"outcome":"no-change"`},
		"as it is, by a dry run": {pathScale + "?dryRun=true", `{"count":3}`, 200, `"steps":[]`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) { r.post(c.target, c.body).is(c.status, c.text) })
		})
	}
}

// A schedule of EventBridge sends its own event. The URL says what it asks for.
func TestAScheduledEvent(t *testing.T) {
	event := func(id string) string {
		return `{"version":"0","id":"` + id + `","detail-type":"Scheduled Event","source":"aws.events","account":"123456789012","time":"2026-03-04T06:00:00Z",
			"region":"us-east-1","resources":["arn:aws:events:us-east-1:123456789012:rule/morning"],"detail":{}}`
	}
	serving(t, func(t *testing.T, r *rig) {
		r.post(pathScale+"?count=5&dryRun=true", event("e1")).is(200, `"to":5`)
		r.stack.wantUntouched()
		id := r.post(pathScale+"?count=5", event("e1")).is(202, `"to":5`).operation()
		r.post(pathScale+"?count=5", event("e1")).is(202, `"duplicate":true`, id)
		r.done(id, "scaled")
		r.get("/operations/"+id).is(200, `"source":"eventbridge"`, `"reason":"Scheduled Event morning"`)
		r.post(pathScale+"?delta=+1&force=true", event("e2")).is(202, `"to":6`)
	})
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
		// A dry run does not start a cooldown either.
		r.post(pathScale+"?count=4", nil).is(202)
	})
}

func TestDryRunsAreNotWithoutNumber(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		var group sync.WaitGroup
		var mu sync.Mutex
		codes := map[int]int{}
		for range queue.MostWork + 3 {
			group.Go(func() {
				got := r.post(pathScale+"?dryRun=true&count=5", nil)
				mu.Lock()
				defer mu.Unlock()
				codes[got.Code]++
			})
		}
		group.Wait()
		if diff := cmp.Diff(map[int]int{200: queue.MostWork, 503: 3}, codes); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		r.post(pathScale+"?dryRun=true&count=5", nil).is(200)
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
			r.send(request).is(503) // and not 200, which silence would be
			synctest.Wait()
		})
	})
}
