package scale

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Metric is a number that a server looks at by itself. The rule's strategy, or the trigger of the metric's name, makes
// a count from the number.
type Metric struct {
	// Name is what messages and triggers call it.
	Name string
	// Prometheus or HTTP says where the number is. Exactly one is not nil.
	Prometheus *PrometheusQuery
	HTTP       *HTTPQuery
	// Every is how often the server looks at the metric.
	Every time.Duration
	// Above and Below are the values past which the metric is a signal to scale out, or in; each is nil if the rule
	// gives none. Between the two the metric wants the pool to stay.
	Above, Below *float64
	// Access is how the metric's server is asked.
	Access Access
	// MaxAge is how old a sample may be.
	MaxAge time.Duration
	// EmptyIsZero makes an empty result count as 0.
	EmptyIsZero bool
}

// PrometheusQuery is an instant query to a server that speaks the HTTP API of Prometheus. Its result is one number.
type PrometheusQuery struct{ URL, Query string }

// HTTPQuery is a GET of a JSON document, in which a JSON pointer (RFC 6901) leads to a number.
type HTTPQuery struct{ URL, Pointer string }

// URL is the URL of the metric's query.
func (m Metric) URL() string {
	if m.Prometheus != nil {
		return m.Prometheus.URL
	}
	return m.HTTP.URL
}

// Access is how a metric's server is asked. A field that ends in Key is the key of a value in the stack's
// configuration, and empty if there is none; no rule holds a secret itself.
type Access struct {
	// BearerKey is the key of a token. BasicKey is the key of a name and a password, divided by a colon.
	BearerKey, BasicKey string
	// Headers are further headers, by their names.
	Headers map[string]Header
	// CAKey is the key of the certificates, as PEM, of the authorities from which the server's certificate must come.
	// CertificateKey is the key of a certificate with its private key, as PEM, to show to the server.
	CAKey, CertificateKey string
}

// Header is a header's value, or the key of the value in the stack's configuration.
type Header struct{ Value, Key string }

// Keys returns the keys of the stack's configuration that hold what the access needs.
func (a Access) Keys() []string {
	var out []string
	for _, key := range []string{a.BearerKey, a.BasicKey, a.CAKey, a.CertificateKey} {
		if key != "" {
			out = append(out, key)
		}
	}
	for _, header := range a.Headers {
		if header.Key != "" {
			out = append(out, header.Key)
		}
	}
	return out
}

// Sample is what a look at a metric found.
type Sample struct {
	Metric string
	// Value is the metric's value, a finite number. If there is none, Problem says why.
	Value   float64
	Problem string
	// At is when the look began.
	At time.Time
}

func (s Sample) String() string { return s.Metric + " is " + strconv.FormatFloat(s.Value, 'g', 6, 64) }

// PoolMetrics are what is known of a pool's metrics.
type PoolMetrics struct {
	// Samples are the latest sample of each metric that was looked at.
	Samples []Sample
	// Least is the smallest count that the metrics wanted within the rule's Stabilize.Up. Most is the largest count
	// that they wanted within its Stabilize.Down. Each is nil if they wanted none.
	Least, Most *int
}

// MetricReader knows the metrics of a stack's pools.
type MetricReader interface {
	// PoolMetrics returns what is known of the metrics of a pool. It may be called concurrently.
	PoolMetrics(pool string) PoolMetrics
}

// WithMetrics returns the snapshot with what is known of the metrics of its pools now. The reader may be nil.
func (s *Snapshot) WithMetrics(reader MetricReader) *Snapshot {
	metrics := map[string]PoolMetrics{}
	for name, rule := range s.Rules {
		if len(rule.Metrics) > 0 && reader != nil {
			metrics[name] = reader.PoolMetrics(name)
		}
	}
	if len(metrics) == 0 && len(s.Metrics) == 0 {
		return s
	}
	measured := *s
	measured.Metrics = metrics
	return &measured
}

// sample returns the latest sample of a metric. If there is none, or if it is too old, the Problem of the returned
// sample says so.
func (p PoolMetrics) sample(m Metric, now time.Time) Sample {
	for _, s := range p.Samples {
		if s.Metric != m.Name {
			continue
		}
		if age := now.Sub(s.At); s.Problem == "" && age > m.MaxAge {
			s.Problem = fmt.Sprintf("the latest sample is %s old", age.Round(time.Second))
		}
		return s
	}
	return Sample{Metric: m.Name, Problem: "it has not been looked at yet"}
}

// resolution is the precision of the times of updates in a backend's history.
const resolution = time.Second

// wantMetrics returns the count that the metrics of a pool want, stabilized. If they want different counts, the largest
// wins. While a metric has no value, nothing is scaled in because of other metrics. While a sample does not show yet
// what the last scaling did, nothing is scaled at all.
func wantMetrics(rule Rule, pool Pool, now time.Time) (wish, *stopped) {
	raw, stop := wantNow(rule, pool, now)
	if stop != nil {
		return raw, stop
	}
	n := pool.Metrics.stabilize(*pool.Count, raw.count)
	return wish{n, wayTo(pool.Count, n)}, nil
}

// stabilize returns the count up to which the pool may move from the present count towards the wanted one: see
// [Stabilize].
func (p PoolMetrics) stabilize(present, wanted int) int {
	out, in := wanted, wanted
	if p.Least != nil {
		out = min(out, *p.Least)
	}
	if p.Most != nil {
		in = max(in, *p.Most)
	}
	return max(min(present, in), out)
}

// wantNow returns the count that the metrics of a pool want by the latest samples alone, not stabilized.
func wantNow(rule Rule, pool Pool, now time.Time) (most wish, stop *stopped) {
	if len(rule.Metrics) == 0 {
		return most, refuse("the rule has no metrics")
	}
	if pool.Count == nil {
		return most, unknownCount(rule)
	}
	var lacking []string
	found := false
	for _, m := range rule.Metrics {
		s := pool.Metrics.sample(m, now)
		if s.Problem != "" {
			lacking = append(lacking, m.Name+": "+s.Problem)
			continue
		}
		if last := Later(pool.LastUp, pool.LastDown); !last.IsZero() && !last.After(now) && s.At.Before(last.Add(rule.Warmup+resolution)) {
			return most, &stopped{CoolingDown, fmt.Sprintf("the sample of %s does not show yet what the last scaling did", m.Name)}
		}
		w, stop := m.want(rule, *pool.Count, s.Value)
		if stop != nil {
			lacking = append(lacking, m.Name+": "+stop.reason)
			continue
		}
		if !found || w.count > most.count {
			most, found = w, true
		}
	}
	switch {
	case !found:
		return most, refuse("no metric has a value: %s", strings.Join(lacking, "; "))
	case len(lacking) > 0 && most.count < *pool.Count:
		return most, refuse("%d is wanted, and nothing is scaled in while a metric has no value: %s", most.count, strings.Join(lacking, "; "))
	}
	return most, nil
}

// want returns the count that a value of the metric asks for. It never moves the pool against the direction that the
// metric's thresholds or trigger give.
func (m Metric) want(rule Rule, count int, value float64) (wish, *stopped) {
	signal := Signal{Alert: m.Name, Value: &value}
	switch {
	case m.Above != nil && value > *m.Above:
		signal.Comparison, signal.Threshold = Up, m.Above
	case m.Below != nil && value < *m.Below:
		signal.Comparison, signal.Threshold = Down, m.Below
	case m.Above != nil || m.Below != nil:
		return wish{count: count}, nil
	}
	w, stop := wantSignal(rule, &count, signal)
	if stop != nil {
		return w, stop
	}
	if way := wayTo(&count, w.count); way != 0 && w.way != 0 && way != w.way {
		w.count = count
	}
	return w, nil
}

// Recommend returns the count that the metrics of a pool want by the latest samples alone, before anything limits it;
// ok is false if they want none.
func Recommend(rule Rule, pool Pool, now time.Time) (count int, ok bool) {
	w, stop := wantNow(rule, pool, now)
	return w.count, stop == nil
}

// MetricStanding tells how a metric stands at a moment.
type MetricStanding struct {
	// Sample is the latest sample, or says that there is none.
	Sample
	// Wanted is the count that the metric wants; nil if the metric has no value, or a value that gives no count.
	Wanted *int
}

func (p PoolMetrics) standings(rule Rule, count *int, now time.Time) []MetricStanding {
	out := make([]MetricStanding, 0, len(rule.Metrics))
	for _, m := range rule.Metrics {
		standing := MetricStanding{Sample: p.sample(m, now)}
		if standing.Problem == "" && count != nil {
			if w, stop := m.want(rule, *count, standing.Value); stop != nil {
				standing.Problem = stop.reason
			} else {
				standing.Wanted = &w.count
			}
		}
		out = append(out, standing)
	}
	return out
}

// Recommendation is a count that the metrics of a pool wanted at a time, before anything limited it.
type Recommendation struct {
	At    time.Time
	Count int
}

// Recommendations are the recommendations for one pool, oldest first.
type Recommendations []Recommendation

// With returns the recommendations with next added, without those that are too old for the rule's Stabilize. If next is
// the first one, the pool's present count counts as wanted until then: nobody has seen what the metrics wanted, and
// that is no reason to scale in. present may be nil.
func (r Recommendations) With(rule Rule, next Recommendation, present *int) Recommendations {
	if len(r) == 0 && present != nil {
		r = Recommendations{{next.At, *present}}
	}
	oldest := next.At.Add(-max(rule.Stabilize.Up, rule.Stabilize.Down))
	out := make(Recommendations, 0, len(r)+1)
	for _, old := range r {
		if old.At.After(oldest) && !old.At.After(next.At) { // one from the future: the clock was set back since
			out = append(out, old)
		}
	}
	return append(out, next)
}

// Window returns the smallest count that was wanted within Up before now, and the largest that was wanted within Down;
// each is nil if no count was.
func (s Stabilize) Window(r Recommendations, now time.Time) (least, most *int) {
	for _, one := range r {
		if age := now.Sub(one.At); age < s.Up && (least == nil || one.Count < *least) {
			least = &one.Count
		}
		if age := now.Sub(one.At); age < s.Down && (most == nil || one.Count > *most) {
			most = &one.Count
		}
	}
	return least, most
}
