package webhook

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// A request for a pool that is not known waits for no longer than it has time, whoever else waits. All such requests
// share one reading.
func TestRequestsForUnknownPoolsShareAReading(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		time.Sleep(10 * time.Second)
		r.stack.set(func() { r.stack.readTime = 4 * time.Second })
		ask := func(patience time.Duration) (status int, took time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/webhook/wroker/prometheus", http.NoBody)
			request.Header.Set("Authorization", "Bearer "+tokenA)
			began := time.Now()
			return r.send(request).Code, time.Since(began)
		}
		var wait sync.WaitGroup
		wait.Go(func() {
			if status, took := ask(time.Second); status != http.StatusServiceUnavailable || took != time.Second {
				t.Errorf("the first, with a second's time: %d after %s", status, took)
			}
		})
		time.Sleep(time.Millisecond)
		for range 20 {
			wait.Go(func() {
				if status, took := ask(time.Minute); status != http.StatusNotFound || took > 4*time.Second {
					t.Errorf("another one: %d after %s", status, took)
				}
			})
		}
		wait.Wait()
		if status, took := ask(time.Second); status != http.StatusNotFound || took != 0 {
			t.Errorf("one a moment later: %d after %s", status, took)
		}
	})
}

// Whoever asks for a count of a pool has perhaps just added it. What was read for somebody else, before that, is no
// reason to turn them away.
func TestADirectRequestFindsAPoolThatHasJustBeenAdded(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.post("/scale/new-pool?count=5", nil).is(http.StatusNotFound)
		r.stack.rule("new-pool", func(*scale.Rule) {})
		r.post("/scale/new-pool?count=5", nil).is(http.StatusAccepted)
	})
}
