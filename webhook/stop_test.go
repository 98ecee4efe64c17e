package webhook

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Everybody who waits for something when the server is told to stop gets a full answer before the connections are
// closed. A request for what is on disk gets 202 and its place at once. The others are answered as always, or with 503
// and the reason.
func TestWhoWaitsAtTheEndIsAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		method, target, prefer string
		status                 int
		within                 time.Duration
	}{
		"an operation that runs": {http.MethodPost, pathScale + "?count=5", "wait=600", 202, 0},
		"a short dry run":        {http.MethodPost, pathScale + "?count=5&dryRun=true", "", 200, stopGrace},
		"a long dry run":         {http.MethodPost, pathScale + "?count=6&dryRun=true", "", 503, stopGrace},
		"a reading of pools":     {http.MethodGet, "/pools/other", "", 503, stopGrace},
		"a reading for a count":  {http.MethodPost, "/scale/other?count=5", "wait=600", 503, stopGrace},
		"the history":            {http.MethodGet, "/history", "", 503, stopGrace},
		"a reload":               {http.MethodPost, "/-/reload", "", 503, stopGrace},
		"a reload of the tokens": {http.MethodPost, "/-/reload", "", 503, stopGrace},
	} {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) {
				// The server itself reads nothing at that moment of the bubble's clock, and what it has read is not
				// fresh.
				time.Sleep(time.Minute + 5*time.Second)
				const soon = 2 * time.Second
				switch name {
				case "an operation that runs":
				case "a short dry run":
					r.stack.set(func() { r.stack.updateTime = soon + time.Second })
				case "a long dry run":
					r.stack.set(func() { r.stack.updateTime = time.Hour })
				case "a reload of the tokens":
					r.Reloaded = func(ctx context.Context) error {
						<-ctx.Done()
						return ctx.Err()
					}
				default:
					r.stack.set(func() { r.stack.readTime = time.Hour })
				}
				var answer *reply
				var ended time.Time
				var group sync.WaitGroup
				group.Go(func() {
					answer = r.call(c.method, c.target, nil, "Prefer", c.prefer)
					ended = time.Now()
				})
				time.Sleep(soon)
				stopped := time.Now()
				r.Stop()
				r.Stop() // a second call does nothing
				group.Wait()
				answer.is(c.status)
				if took := ended.Sub(stopped); took < 0 || took > c.within {
					t.Errorf("answered %v after the stop", took)
				}
				switch c.status {
				case 202:
					if !strings.HasPrefix(answer.Header().Get("Location"), "/operations/") || answer.at("accepted") != true {
						t.Errorf("%v %s", answer.Header(), answer.Body)
					}
				case 503:
					answer.is(503, "the server is being stopped; nothing was accepted")
					if answer.Header().Get("Retry-After") == "" {
						t.Error(answer.Header())
					}
				}
				r.stack.set(func() { r.stack.updateTime, r.stack.readTime = updateTime, readTime })
				r.Finish(t.Context())
			})
		})
	}
}

// What requests began is waited for at the end, but not for ever.
func TestFinishWaitsForWhatRequestsBegan(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		var group sync.WaitGroup
		group.Go(func() { r.post(pathScale+"?count=5&dryRun=true", nil).is(503) })
		time.Sleep(time.Second)
		r.Stop()
		group.Wait()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.Finish(ctx)
		if took := time.Since(began); took != time.Second {
			t.Errorf("given up after %v", took)
		}
		r.Finish(t.Context())
		if took := time.Since(began); took > updateTime {
			t.Errorf("ended after %v", took)
		}
	})
}
