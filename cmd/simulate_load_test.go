package cmd

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// load asks for scalings of stacks by their numbers, from 0 on.
type load struct {
	t *testing.T
	// send asks for one more unit. If wait is set, the answer comes when the scaling is done.
	send func(stack int, wait bool) (status int, body string)
}

// accepts sends so many requests a second to random stacks, and returns how long each took to be accepted, sorted.
func (l load) accepts(stacks, rate int, lasts time.Duration) []time.Duration {
	var (
		mu    sync.Mutex
		took  []time.Duration
		wait  sync.WaitGroup
		every = time.NewTicker(time.Second / time.Duration(rate))
	)
	defer every.Stop()
	for range int(lasts.Seconds() * float64(rate)) {
		<-every.C
		wait.Go(func() {
			began := time.Now()
			status, body := l.send(rand.IntN(stacks), false)
			lasted := time.Since(began)
			if status != http.StatusAccepted {
				l.t.Errorf("%d %.300s", status, body)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, lasted)
		})
	}
	wait.Wait()
	slices.Sort(took)
	return took
}

// calm returns the median time that scaling a stack takes, beside a storm on stack 0 if that is asked for.
func (l load) calm(stack int, storm bool) time.Duration {
	ctx, cancel := context.WithCancel(l.t.Context())
	var wait sync.WaitGroup
	if storm {
		for range 8 {
			wait.Go(func() {
				for ctx.Err() == nil {
					l.send(0, false)
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
		time.Sleep(time.Second)
	}
	var took []time.Duration
	for range 9 {
		began := time.Now()
		if status, body := l.send(stack, true); status != http.StatusOK {
			l.t.Errorf("%d %.300s", status, body)
		}
		took = append(took, time.Since(began))
	}
	cancel()
	wait.Wait()
	slices.Sort(took)
	return took[len(took)/2]
}

// patiently waits for something for a long time.
func patiently(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 10*time.Minute {
			t.Fatalf("%s: not within 10 minutes", what)
		}
	}
}

// oneMore is the path of a request for one more unit.
func oneMore(stack int) string { return fmt.Sprintf("/stacks/s%d/scale/worker-pool?delta=1", stack) }

// ask sends a request with the fleet's token. If wait is set, the answer comes when the scaling is done. The status is 0
// if there is no answer.
func ask(ctx context.Context, client *http.Client, method, url string, wait bool) (status int, body string) {
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	request.Header.Set("Authorization", "Bearer "+fleetToken)
	if wait {
		request.Header.Set("Prefer", "wait=60")
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}
