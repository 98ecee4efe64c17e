package webhook

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Those who ask at once share a round, and nobody is told how things were before they asked.
func TestRoundsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shared
		var rounds int
		began := time.Now()
		var asking sync.WaitGroup
		ask := func(n int) {
			for range n {
				asking.Go(func() {
					if err := s.do(t.Context(), func() error {
						rounds++
						time.Sleep(time.Second)
						return nil
					}); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
		}
		ask(1)
		ask(100) // these have come after the first round began
		time.Sleep(1500 * time.Millisecond)
		ask(100) // and these after the second did
		asking.Wait()
		if took := time.Since(began); rounds != 3 || took != 3*time.Second {
			t.Errorf("%d rounds in %v", rounds, took)
		}
	})
}

// Whoever goes away does not end the round of those who stay. Each is told the error of its own round.
func TestARoundIsNobodysOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shared
		broken := errors.New("broken")
		ctx, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		work := func(err error) func() error {
			return func() error {
				time.Sleep(time.Second)
				return err
			}
		}
		if err := s.do(ctx, work(nil)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("gone away: %v", err)
		}
		if err := s.do(t.Context(), work(broken)); !errors.Is(err, broken) {
			t.Errorf("the second round: %v", err)
		}
	})
}

// A hundred reloads at once are two readings of the tokens and two of the stack, and all are answered.
func TestReloadsOfOneMomentAreShared(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		reloads, codes := 0, map[int]int{}
		r.Reloaded = func(context.Context) error {
			mu.Lock()
			reloads++
			mu.Unlock()
			time.Sleep(3 * time.Second)
			return nil
		}
		before := r.stack.counted()
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				got := r.post("/-/reload", nil)
				mu.Lock()
				defer mu.Unlock()
				codes[got.Code]++
			})
		}
		group.Wait()
		if diff := cmp.Diff(map[int]int{200: 100}, codes); diff != "" {
			t.Error(diff)
		}
		if read := r.stack.counted() - before; reloads > 2 || read > 2 {
			t.Errorf("the tokens were read %d times and the stack %d times", reloads, read)
		}
	})
}

// Whatever is asked for at once, there is never more under way than the bound. What would wait for too long is told to
// come again. What the queue does by itself waits for none of it.
func TestWhatRequestsCauseIsBounded(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() { r.stack.updateTime = time.Minute }) // a program that takes so long
		r.Reloaded = func(context.Context) error {
			r.stack.busy(1)
			defer r.stack.busy(-1)
			time.Sleep(time.Second)
			return nil
		}
		var mu sync.Mutex
		codes := map[int]int{}
		var group sync.WaitGroup
		for i := range 200 {
			group.Go(func() {
				target := []string{pathScale + "?dryRun=true&count=5", "/-/reload", "/history?limit=1000", "/pools"}[i%4]
				method := http.MethodPost
				if i%4 > 1 {
					method = http.MethodGet
				}
				got := r.call(method, target, nil)
				if got.Code == http.StatusServiceUnavailable && got.Header().Get("Retry-After") == "" {
					t.Errorf("%s: %v", target, got.Header())
				}
				mu.Lock()
				defer mu.Unlock()
				codes[got.Code]++
			})
		}
		time.Sleep(time.Second)
		id := r.post("/scale/api?count=5", nil).is(202).operation()
		time.Sleep(2 * time.Second)
		r.get("/operations/"+id).is(200, `"state":"running"`) // with all turns taken
		group.Wait()
		var most int
		r.stack.set(func() { most = r.stack.most })
		if most > queue.MostWork+3 { // two readings that all share, and the update
			t.Errorf("%d at once", most)
		}
		if codes[200] < 50 || codes[503] < 40 || codes[200]+codes[503] != 200 {
			t.Errorf("%v", codes)
		}
	})
}

// A hanging engine does not keep a request from being answered in time.
func TestADryRunThatHangsIsAnswered(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.stack.set(func() { r.stack.updateTime = 24 * time.Hour })
		began := time.Now()
		r.send(authorized(httptest.NewRequest(http.MethodPost, pathScale+"?dryRun=true&count=5", http.NoBody))).is(503)
		if took := time.Since(began); took > longestWait+time.Second {
			t.Error(took)
		}
		r.stack.set(func() { r.stack.updateTime = updateTime })
		time.Sleep(25 * time.Hour)
	})
}

func authorized(r *http.Request) *http.Request {
	r.Header.Set("Authorization", "Bearer "+tokenA)
	return r
}
