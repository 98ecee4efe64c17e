package metric

import (
	"cmp"
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Scaling is the part of a stack's queue that a watcher needs. scale/queue implements it.
type Scaling interface {
	// Rules returns the rules in force; nil if there are none yet.
	Rules() scale.Rules
	// Known returns what is known of a pool; ok is false if that is not enough to decide on. While the pool is busy,
	// its metrics are not looked at.
	Known(pool string) (p scale.Pool, ok bool)
	// LookAgain says that there is something new to decide on.
	LookAgain()
}

const (
	// mostLooks is how many looks may be under way at once.
	mostLooks = 8
	// rulesEvery is how often the watcher checks whether the rules name different metrics, and busyEvery is how often
	// it checks whether a busy pool still is.
	rulesEvery = time.Second
	busyEvery  = time.Second
	// jitterShare is how much earlier or later a look may be, as a share of its interval, so that the looks of many
	// pools and servers do not coincide. latestStart is the longest wait before the first look.
	jitterShare = 0.1
	latestStart = 5 * time.Second
	// lostAfter and lostLooks say when [Lost] is told: once a metric has had no value for that long, and for that many
	// looks.
	lostAfter, lostLooks = time.Minute, 3
)

// What a [Watcher] tells its observer.
type (
	// Looked says what a look at a metric of a pool found.
	Looked struct {
		Pool   string
		Sample scale.Sample
	}
	// Lost says that a metric has had no value for a while, and since when.
	Lost struct {
		Pool   string
		Sample scale.Sample
		Since  time.Time
	}
	// Found says that a metric that was told as lost has a value again.
	Found struct {
		Pool   string
		Sample scale.Sample
		Since  time.Time
	}
)

func (Looked) IsEvent() {}
func (Lost) IsEvent()   {}
func (Found) IsEvent()  {}

// Watcher looks at the metrics that the rules of a stack name, each at its own interval, and remembers what was found.
// It is safe for concurrent use; Run may be called once.
type Watcher struct {
	// Credentials are what the metrics' servers are asked with.
	Credentials *Credentials
	// Observe is told what the looks find. It may be called concurrently.
	Observe scale.Observe
	Now     func() time.Time

	// mu guards what follows. Neither Observe nor the Scaling is called while it is held. Run alone writes rules and
	// watches; the goroutine that looks at a metric writes its sample.
	mu      sync.Mutex
	rules   scale.Rules
	watches map[key]*watch
	// wanted keeps, by pool, the counts that the pool's metrics wanted.
	wanted map[string]scale.Recommendations
}

// key is a metric of a pool.
type key struct{ pool, metric string }

// watch is a metric that is looked at again and again, until end is called.
type watch struct {
	metric scale.Metric
	end    context.CancelFunc
	// sample is the latest sample; its time is zero before the first look.
	sample scale.Sample
}

// PoolMetrics returns what is known of a pool's metrics: see [scale.MetricReader].
func (w *Watcher) PoolMetrics(pool string) scale.PoolMetrics {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.poolMetrics(pool)
}

// poolMetrics is PoolMetrics; w.mu must be held.
func (w *Watcher) poolMetrics(pool string) (out scale.PoolMetrics) {
	for k, one := range w.watches {
		if k.pool == pool && !one.sample.At.IsZero() {
			out.Samples = append(out.Samples, one.sample)
		}
	}
	slices.SortFunc(out.Samples, func(a, b scale.Sample) int { return cmp.Compare(a.Metric, b.Metric) })
	out.Least, out.Most = w.rules[pool].Stabilize.Window(w.wanted[pool], w.Now())
	return out
}

// Run looks at the metrics of the rules in force until ctx ends, and returns when the last look has ended.
func (w *Watcher) Run(ctx context.Context, scaling Scaling) {
	var watching sync.WaitGroup
	defer watching.Wait()
	turns := make(chan struct{}, mostLooks)
	ticker := time.NewTicker(rulesEvery)
	defer ticker.Stop()
	for {
		for k, one := range w.follow(scaling.Rules()) {
			var looking context.Context
			looking, one.end = context.WithCancel(ctx)
			watching.Go(func() { w.watch(looking, scaling, k, one, turns) })
		}
		select {
		case <-ctx.Done():
			w.follow(nil)
			return
		case <-ticker.C:
		}
	}
}

// follow notes the rules in force, ends the watches of metrics that the rules no longer name, and returns the watches
// that are to begin.
func (w *Watcher) follow(rules scale.Rules) (begin map[key]*watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = rules
	begin = map[key]*watch{}
	named := map[key]bool{}
	for pool, rule := range rules {
		for _, m := range rule.Metrics {
			k := key{pool, m.Name}
			named[k] = true
			if old := w.watches[k]; old != nil && reflect.DeepEqual(old.metric, m) {
				continue
			} else if old != nil {
				old.end()
			}
			begin[k] = &watch{metric: m}
		}
	}
	for k, one := range w.watches {
		if !named[k] {
			one.end()
			delete(w.watches, k)
		}
	}
	for k, one := range begin {
		if w.watches == nil {
			w.watches = map[key]*watch{}
		}
		w.watches[k] = one
	}
	for pool := range w.wanted {
		if len(rules[pool].Metrics) == 0 {
			delete(w.wanted, pool)
		}
	}
	return begin
}

// watch looks at a metric until ctx ends. Each look waits for one of the turns, which all watches share.
func (w *Watcher) watch(ctx context.Context, scaling Scaling, k key, one *watch, turns chan struct{}) {
	every := one.metric.Every
	looker := &looker{metric: one.metric, credentials: w.Credentials, now: w.Now}
	defer looker.close()
	var loss loss
	timer := time.NewTimer(time.Duration(rand.Float64() * float64(min(every, latestStart))))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if p, ok := scaling.Known(k.pool); !ok || p.Busy {
			timer.Reset(min(every, busyEvery))
			continue
		}
		select {
		case <-ctx.Done():
			return
		case turns <- struct{}{}:
		}
		sample := looker.look(ctx)
		<-turns
		if ctx.Err() != nil {
			return
		}
		present, known := scaling.Known(k.pool)
		w.record(k, one, sample, present, known)
		w.Observe(Looked{Pool: k.pool, Sample: sample})
		if e := loss.note(k.pool, sample); e != nil {
			w.Observe(e)
		}
		scaling.LookAgain()
		timer.Reset(time.Duration(float64(every) * (1 + jitterShare*(2*rand.Float64()-1))))
	}
}

// record keeps a sample, and the count that the pool's metrics want now.
func (w *Watcher) record(k key, one *watch, sample scale.Sample, present scale.Pool, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one.sample = sample
	rule, ok := w.rules[k.pool]
	if !ok || !known || present.Busy {
		return
	}
	present.Metrics = w.poolMetrics(k.pool)
	now := w.Now()
	if n, ok := scale.Recommend(rule, present, now); ok {
		if w.wanted == nil {
			w.wanted = map[string]scale.Recommendations{}
		}
		w.wanted[k.pool] = w.wanted[k.pool].With(rule, scale.Recommendation{At: now, Count: n}, present.Count)
	}
}

// loss says since when, and for how many looks, a metric has had no value.
type loss struct {
	since time.Time
	looks int
	told  bool
}

// note counts a sample, and returns the event that is to be told; nil if there is none.
func (l *loss) note(pool string, s scale.Sample) scale.Event {
	before := *l
	if s.Problem == "" {
		*l = loss{}
		if before.told {
			return Found{Pool: pool, Sample: s, Since: before.since}
		}
		return nil
	}
	if l.since.IsZero() {
		l.since = s.At
	}
	l.looks++
	if !l.told && l.looks >= lostLooks && s.At.Sub(l.since) >= lostAfter {
		l.told = true
		return Lost{Pool: pool, Sample: s, Since: l.since}
	}
	return nil
}
