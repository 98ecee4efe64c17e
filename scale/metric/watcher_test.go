package metric

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// pools is what scales the pools, in memory.
type pools struct {
	mu    sync.Mutex
	rules scale.Rules
	busy  bool
	count int
	asked atomic.Int64
}

func (p *pools) Rules() scale.Rules {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.rules)
}

func (p *pools) Known(string) (scale.Pool, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return scale.Pool{Count: new(p.count), Busy: p.busy}, true
}

func (p *pools) LookAgain() { p.asked.Add(1) }

func (p *pools) set(edit func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	edit()
}

func measured(metrics ...scale.Metric) scale.Rules {
	for i := range metrics {
		metrics[i].Every = 50 * time.Millisecond // shorter than a rule may have it, so that the test need not wait
	}
	return scale.Rules{"web": {
		Pool: "web", Max: 100, Metrics: metrics, Strategy: scale.Strategy{Type: scale.PerUnit, Target: 10}, Stabilize: scale.Stabilize{Down: time.Hour},
	}}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestWatcherLooksWhileThePoolIsIdle(t *testing.T) {
	var looks atomic.Int64
	var value atomic.Value
	value.Store("50")
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		looks.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, value.Load())
	})
	p := &pools{rules: measured(httpMetric(s.URL, "")), count: 3}
	w := &Watcher{Credentials: &Credentials{Now: time.Now}, Observe: scale.Unobserved, Now: time.Now}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { w.Run(ctx, p); close(ended) }()

	eventually(t, "it looks and has it decided", func() bool { return p.asked.Load() > 2 })
	if got := w.PoolMetrics("web"); len(got.Samples) != 1 || got.Samples[0].Value != 50 || got.Most == nil || *got.Most != 5 {
		t.Errorf("it knows %+v", got)
	}
	value.Store(`"none"`)
	eventually(t, "the value is gone", func() bool { return strings.Contains(w.PoolMetrics("web").Samples[0].Problem, "a string") })
	p.set(func() { p.busy = true })
	// A look may be under way, for as long as the machine is slow. After that there is none.
	before := int64(-1)
	eventually(t, "it does not look while the pool is busy", func() bool {
		quiet := looks.Load() == before
		before = looks.Load()
		time.Sleep(300 * time.Millisecond) // six times as long as between two looks
		return quiet && looks.Load() == before
	})
	p.set(func() { p.busy = false })
	eventually(t, "it looks again", func() bool { return looks.Load() > before })
	p.set(func() { p.rules = measured(httpMetric(s.URL, "/other")) })
	value.Store(`{"other":8}`)
	eventually(t, "it looks where the new rules say", func() bool {
		m := w.PoolMetrics("web")
		return len(m.Samples) == 1 && m.Samples[0].Value == 8
	})
	p.set(func() { p.rules = scale.Rules{} })
	eventually(t, "it forgets what no rule names", func() bool { return len(w.PoolMetrics("web").Samples) == 0 })
	stop()
	<-ended
	before = looks.Load()
	time.Sleep(200 * time.Millisecond)
	if after := looks.Load(); after != before {
		t.Error("it looks after its end")
	}
}

func TestALossIsToldOnce(t *testing.T) {
	var l loss
	var told []string
	for i, problem := range []string{"", "down", "down", "down", "down", "down", "", "down", ""} {
		sample := scale.Sample{Metric: "q", Problem: problem, At: time.Unix(int64(i)*30, 0)}
		switch e := l.note("web", sample).(type) {
		case Lost:
			told = append(told, fmt.Sprintf("lost at %d since %d", e.Sample.At.Unix(), e.Since.Unix()))
		case Found:
			told = append(told, fmt.Sprintf("found at %d", e.Sample.At.Unix()))
		}
	}
	if diff := cmp.Diff([]string{"lost at 90 since 30", "found at 180"}, told); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestCredentialsAreReadAgainWhenAServerRefusesThem(t *testing.T) {
	now := time.Now()
	token, reads := "old", 0
	c := &Credentials{
		Read: func(_ context.Context, keys ...string) (map[string]string, error) {
			reads++
			if token == "" {
				return nil, errors.New("no network")
			}
			out := map[string]string{}
			for _, key := range keys {
				out[key] = token
			}
			return out, nil
		},
		Now: func() time.Time { return now },
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer new" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, "5")
	})
	m := httpMetric(s.URL, "", func(m *scale.Metric) { m.Access.BearerKey = "token" })
	l := &looker{metric: m, credentials: c, now: c.Now}
	defer l.close()
	check := func(when, problem string, wantReads int) {
		t.Helper()
		if got := l.look(t.Context()); !strings.Contains(got.Problem, problem) || problem == "" && got.Value != 5 || reads != wantReads {
			t.Errorf("%s: %+v after %d readings, want %q after %d", when, got, reads, problem, wantReads)
		}
	}
	check("at first", "401", 1)
	check("a moment later", "401", 1)
	token = "new"
	now = now.Add(renewAfter)
	check("once there is another one", "", 2)
	check("it is kept", "", 2)
	token = ""
	c.Forget()
	check("if it cannot be read", "cannot be read from the stack's configuration: no network", 3)
	token = "new"
	check("and when it can", "", 4)
}

func TestOneLook(t *testing.T) {
	s := answer(t, "application/json", `{"a":1,"b":2}`)
	a, b := httpMetric(s.URL, "/a"), httpMetric(s.URL, "/c")
	a.Name, b.Name = "a", "b"
	got := Look(t.Context(), []scale.Metric{a, b}, &Credentials{Now: time.Now}, time.Now)
	values := slices.Collect(func(yield func(string) bool) {
		for _, sample := range got {
			if !yield(fmt.Sprint(sample.Metric, " ", sample.Value, " ", sample.Problem)) {
				return
			}
		}
	})
	if diff := cmp.Diff([]string{"a 1 ", `b 0 the document has no "/c": there is an object at ""`}, values); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
