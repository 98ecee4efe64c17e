package webhook

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// Metrics are the server's own metrics, in Prometheus's conventions. They count the events that are passed to Observe.
// Several goroutines may use them.
type Metrics struct {
	registry *prometheus.Registry
	queue    *queue.Queue
	// onlyKnown says that the metrics tell nothing of the pools before the stack has been read. Without onlyKnown, a
	// scrape has the stack read.
	onlyKnown bool
	// listeners returns the status of each listener; nil if there are no listeners.
	listeners func() []board.Listener
	// branch returns the status of the write-back; nil if there is no write-back.
	branch func() scale.BranchStatus
	// cluster returns the status of the stack's replicas; nil if there is one server.
	cluster func() board.Cluster

	requests    *prometheus.CounterVec
	requestTime *prometheus.HistogramVec
	decisions   *prometheus.CounterVec
	operations  *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	failures    *prometheus.CounterVec
	conflicts   prometheus.Counter
	retries     prometheus.Counter
	journal     prometheus.Counter
	lastSuccess *prometheus.GaugeVec
	looks       *prometheus.CounterVec
}

// NewMetrics makes the server's metrics. They tell of no pools before [Metrics.Watch].
func NewMetrics() *Metrics {
	m := &Metrics{
		registry:    prometheus.NewRegistry(),
		requests:    counters("webhooks_total", "Requests to scale, by dialect and HTTP status.", "dialect", "code"),
		decisions:   counters("decisions_total", "Intents answered, by pool and by what was decided when they came.", "pool", "outcome"),
		operations:  counters("operations_total", "Accepted operations that are done, by pool and by what became of them.", "pool", "result"),
		failures:    counters("scaling_failures_total", "Updates that failed, by pool and kind of failure.", "pool", "kind"),
		conflicts:   counter("conflicts_total", "Times that the stack was found locked by another update."),
		retries:     counter("retries_total", "Times that a locked stack or an unreachable backend was tried again."),
		journal:     counter("journal_failures_total", "Times that the journal of accepted operations could not be read or written."),
		requestTime: histograms("webhook_duration_seconds", "How long requests to scale took to answer.", prometheus.DefBuckets, "dialect"),
		duration: histograms("scaling_duration_seconds", "How long scalings took, with all waiting for other updates.",
			prometheus.ExponentialBuckets(0.5, 2, 12), "pool"),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "last_successful_scaling_timestamp_seconds", Help: "When the pool was last scaled by this server, in Unix time.",
		}, []string{"pool"}),
	}
	m.looks = counters("metric_looks_total", "Looks at the metrics that rules name, by whether they found a value or none.", "pool", "metric", "found")
	m.registry.MustRegister(m.looks, m.requests, m.requestTime, m.decisions, m.operations, m.failures, m.conflicts, m.retries, m.journal, m.duration, m.lastSuccess,
		newPoolCollector(m))
	return m
}

// AddProcess adds the metrics of the process itself. They must be added only once in a process that serves several
// stacks.
func (m *Metrics) AddProcess() { addProcess(m.registry) }

func addProcess(registry *prometheus.Registry) {
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// TellOnlyKnown has the metrics tell nothing of the pools before the stack has been read, so that no scrape has the
// stack read. It must not be called while anything is scraped.
func (m *Metrics) TellOnlyKnown() { m.onlyKnown = true }

// Gather gathers all metrics.
func (m *Metrics) Gather() ([]*dto.MetricFamily, error) {
	m.begin()
	return m.registry.Gather()
}

const namespace = "pulumiscale"

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// WatchBranch has the metrics tell of the write-back. It must not be called while anything is scraped.
func (m *Metrics) WatchBranch(branch func() scale.BranchStatus) { m.branch = branch }

// WatchCluster has the metrics tell of the stack's replicas. It must not be called while anything is scraped.
func (m *Metrics) WatchCluster(status func() board.Cluster) { m.cluster = status }

// WatchListeners has the metrics tell of the listeners. It must not be called while anything is scraped.
func (m *Metrics) WatchListeners(listeners func() []board.Listener) { m.listeners = listeners }

// Watch gives the metrics the queue whose pools they tell of. It must not be called while anything is scraped.
func (m *Metrics) Watch(queue *queue.Queue) { m.queue = queue }

func (m *Metrics) handler() http.Handler {
	m.begin()
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// begin creates the series that alerts are about, with the value 0, before anything is counted in them. Prometheus sees
// no increase in a series that begins at 1.
func (m *Metrics) begin() {
	if m.queue == nil {
		return
	}
	for pool, rule := range m.queue.Rules() {
		for _, metric := range rule.Metrics {
			for _, found := range []string{foundValue, foundNone} {
				m.looks.WithLabelValues(pool, metric.Name, found)
			}
		}
		m.duration.WithLabelValues(pool)
		for _, result := range []queue.Final{queue.FinalScaled, queue.FinalUnverified, queue.FinalFailed} {
			m.operations.WithLabelValues(pool, string(result))
		}
		for _, kind := range failureKinds() {
			m.failures.WithLabelValues(pool, string(kind))
		}
	}
}

func (m *Metrics) request(dialect string, status int, took time.Duration) {
	m.requests.WithLabelValues(dialect, strconv.Itoa(status)).Inc()
	m.requestTime.WithLabelValues(dialect).Observe(took.Seconds())
}

// The labels of looks at metrics.
const (
	foundValue = "value"
	foundNone  = "none"
)

// Looked counts a look at a metric of a pool.
func (m *Metrics) Looked(pool string, sample scale.Sample) {
	found := foundValue
	if sample.Problem != "" {
		found = foundNone
	}
	m.looks.WithLabelValues(pool, sample.Metric, found).Inc()
}

// Observe counts an event of a queue or of its scaler.
func (m *Metrics) Observe(event scale.Event) {
	switch e := event.(type) {
	case queue.Submitted:
		m.decisions.WithLabelValues(known(e.Decision), outcomeOf(e.Submission)).Inc()
	case queue.Changed:
		if e.Operation.State == queue.Done {
			m.operations.WithLabelValues(e.Operation.Intent.Pool, string(e.Operation.Result)).Inc()
		}
	case scale.Retrying:
		m.retry(e.Err)
	case queue.Postponed:
		m.retry(e.Err)
	case queue.JournalFailed:
		m.journal.Inc()
	case queue.BatchDone:
		m.batch(e)
	}
}

// retry counts a further try, and also a conflict if err says that the stack was locked.
func (m *Metrics) retry(err error) {
	m.retries.Inc()
	if scale.IsA[*scale.LockedError](err) {
		m.conflicts.Inc()
	}
}

// refused counts a failure of the journal, if a request was turned away because of one.
func (m *Metrics) refused(err error) {
	if scale.IsA[*queue.JournalError](err) {
		m.journal.Inc()
	}
}

func (m *Metrics) batch(e queue.BatchDone) {
	if e.Report != nil {
		for _, r := range e.Report.Results {
			m.duration.WithLabelValues(r.Pool).Observe(e.Duration.Seconds())
			if r.Unverified != "" {
				m.failed(r.Pool, scale.KindUnverified)
				continue
			}
			m.lastSuccess.WithLabelValues(r.Pool).SetToCurrentTime()
		}
	}
	if e.Err == nil || e.Postponed {
		return
	}
	counted := map[string]bool{}
	for _, op := range e.Operations {
		if pool := op.Intent.Pool; !counted[pool] {
			counted[pool] = true
			m.failed(pool, scale.KindOf(e.Err))
		}
	}
}

// known returns a pool's name as a label, or unknownLabel if there is no such pool: senders must not be able to make
// labels up.
func known(d scale.Decision) string {
	if scale.IsA[*scale.UnknownPoolError](d.Err) {
		return unknownLabel
	}
	return d.Intent.Pool
}

const unknownLabel = "unknown"

// unknown counts an alert that names a pool that no rule has.
func (m *Metrics) unknown() { m.decisions.WithLabelValues(unknownLabel, string(scale.Refused)).Inc() }

func outcomeOf(s queue.Submission) string {
	if s.Duplicate {
		return "duplicate"
	}
	return string(s.Decision.Outcome)
}

// kindOther is the label for all kinds of failed updates that failureKinds does not list.
const kindOther scale.Kind = "other"

// failureKinds are the kinds of failed updates that the metrics tell apart. Each is a label that alerts may name.
func failureKinds() []scale.Kind {
	return []scale.Kind{scale.KindLocked, scale.KindUnavailable, scale.KindEngine, scale.KindTarget, scale.KindWrite, scale.KindUnverified, kindOther}
}

// failed counts an update of a pool that failed.
func (m *Metrics) failed(pool string, kind scale.Kind) {
	if !slices.Contains(failureKinds(), kind) {
		kind = kindOther
	}
	m.failures.WithLabelValues(pool, string(kind)).Inc()
}

// poolCollector tells at each scrape what the queue knows at that time. It asks the backend nothing that the queue
// would not ask by itself.
type poolCollector struct {
	metrics                                                      *Metrics
	current, desired, least, most, unsettled, held, pending, end *prometheus.Desc
	queue, oldest, rules, ruleErrors, ready, off                 *prometheus.Desc
	value, wanted                                                *prometheus.Desc
	told, lost, waiting                                          *prometheus.Desc
	unpushed, unpushedSince, edits                               *prometheus.Desc
	replicas, worker, unattended                                 *prometheus.Desc
}

func newPoolCollector(m *Metrics) *poolCollector {
	return &poolCollector{
		metrics:       m,
		current:       describe("pool_current", "The pool's present count.", "pool"),
		desired:       describe("pool_desired", "The pool's configured count.", "pool"),
		least:         describe("pool_min", "The least count that the pool's rule allows now.", "pool"),
		most:          describe("pool_max", "The greatest count that the pool's rule allows now.", "pool"),
		held:          describe("held", "Whether somebody holds the pool, or the stack: 1 or 0.", "pool"),
		unsettled:     describe("pool_unsettled", "Whether the pool is half scaled, because an update failed or was cut off: 1 or 0.", "pool"),
		pending:       describe("pending", "Whether the pool is not scaled because of pending changes, as far as is known: 1 or 0.", "pool"),
		end:           describe("pool_cooldown_end_timestamp_seconds", "When the pool's cooldown ends, in Unix time; 0: it has none.", "pool", "direction"),
		queue:         describe("queue_length", "Accepted operations that are not done, by state.", "state"),
		oldest:        describe("queue_oldest_timestamp_seconds", "When the oldest of them was accepted, in Unix time; 0: there is none.", "state"),
		value:         describe("metric_value", "The value of a metric that the pool's rule names, at the last look; absent while it has none.", "pool", "metric"),
		wanted:        describe("metric_wanted", "The count that the metric wants; absent while it has no value.", "pool", "metric"),
		rules:         describe("rules", "Rules in force."),
		ruleErrors:    describe("rule_errors", "Mistakes in the stack's rules, while older rules stay in force."),
		ready:         describe("ready", "Whether the stack can be read, the journal can be written, and scaling is not switched off: 1 or 0."),
		told:          describe("notices_told_total", "Notices that arrived at a listener.", "listener"),
		lost:          describe("notices_lost_total", "Notices that a listener could not be told of, and that were given up.", "listener"),
		waiting:       describe("notices_waiting", "Notices that a listener is still to be told of.", "listener"),
		unpushed:      describe("git_unpushed_pools", "Pools whose counts are not committed on the branch yet.", "branch"),
		unpushedSince: describe("git_unpushed_oldest_timestamp_seconds", "Since when the first of them waits, in Unix time; 0: none waits.", "branch"),
		replicas:      describe("cluster_replicas", "Replicas that live, as far as this one knows."),
		worker:        describe("cluster_worker", "1: this replica works on the stack."),
		unattended:    describe("cluster_unattended", "1: no replica works on the stack, as far as this one knows."),
		edits:         describe("git_edits", "Counts on the branch that are somebody's edits and are left alone.", "branch"),
		off:           describe("switched_off", "Whether scaling is switched off, because the stack was destroyed or its last update took the rules away: 1 or 0."),
	}
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// Describe implements [prometheus.Collector].
func (c *poolCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.current, c.desired, c.least, c.most, c.unsettled, c.held, c.pending, c.end, c.queue, c.oldest, c.rules, c.ruleErrors, c.ready, c.off, c.value, c.wanted,
		c.told, c.lost, c.waiting, c.unpushed, c.unpushedSince, c.edits, c.replicas, c.worker, c.unattended,
	} {
		out <- d
	}
}

// scrapeTimeout is how long a scrape may wait for a reading of the stack that is under way.
const scrapeTimeout = 2 * time.Second

// Collect implements [prometheus.Collector].
func (c *poolCollector) Collect(out chan<- prometheus.Metric) {
	c.collectListeners(out)
	c.collectBranch(out)
	c.collectCluster(out)
	q := c.metrics.queue
	if q == nil {
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	number := map[bool]float64{true: 1}
	unready := q.Ready()
	gauge(c.ready, number[unready == nil])
	gauge(c.off, number[scale.IsOff(unready)])
	gauge(c.rules, float64(len(q.Rules())))
	gauge(c.ruleErrors, float64(len(scale.ProblemsOf(q.RulesErr()))))
	c.collectQueue(gauge)
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	if c.metrics.onlyKnown && q.Rules() == nil {
		return
	}
	statuses, err := q.Pools(ctx)
	if err != nil {
		return
	}
	for _, s := range statuses {
		pool := s.Rule.Pool
		bounds := s.Rule.Bounds(time.Now())
		gauge(c.least, float64(bounds.Min), pool)
		gauge(c.most, float64(bounds.Max), pool)
		gauge(c.unsettled, number[s.Unsettled], pool)
		gauge(c.held, number[s.Hold != nil], pool)
		gauge(c.pending, number[len(s.Pending) > 0], pool)
		gauge(c.end, unix(s.UpUntil), pool, scale.Up.String())
		gauge(c.end, unix(s.DownUntil), pool, scale.Down.String())
		c.collectMetrics(s, gauge)
		if s.Count != nil {
			gauge(c.current, float64(*s.Count), pool)
		}
		if s.Configured != nil {
			gauge(c.desired, float64(*s.Configured), pool)
		}
	}
}

// collectMetrics tells of the metrics that a pool's rule names.
func (c *poolCollector) collectMetrics(s scale.Standing, gauge func(*prometheus.Desc, float64, ...string)) {
	for _, metric := range s.Metrics {
		if metric.Problem == "" {
			gauge(c.value, metric.Value, s.Rule.Pool, metric.Metric)
		}
		if metric.Wanted != nil {
			gauge(c.wanted, float64(*metric.Wanted), s.Rule.Pool, metric.Metric)
		}
	}
}

// collectListeners tells how many notices have reached each listener, how many were given up, and how many still wait.
func (c *poolCollector) collectListeners(out chan<- prometheus.Metric) {
	if c.metrics.listeners == nil {
		return
	}
	for _, l := range c.metrics.listeners() {
		out <- prometheus.MustNewConstMetric(c.told, prometheus.CounterValue, float64(l.Told), l.Name)
		out <- prometheus.MustNewConstMetric(c.lost, prometheus.CounterValue, float64(l.Lost), l.Name)
		out <- prometheus.MustNewConstMetric(c.waiting, prometheus.GaugeValue, float64(l.Waiting), l.Name)
	}
}

// collectBranch tells how many counts the write-back has still to push, since when, and how many edits it leaves alone.
func (c *poolCollector) collectBranch(out chan<- prometheus.Metric) {
	if c.metrics.branch == nil {
		return
	}
	status := c.metrics.branch()
	var oldest time.Time
	for _, since := range status.Unpushed {
		if oldest.IsZero() || since.Before(oldest) {
			oldest = since
		}
	}
	for d, value := range map[*prometheus.Desc]float64{
		c.unpushed: float64(len(status.Unpushed)), c.unpushedSince: unix(oldest), c.edits: float64(len(status.Edits)),
	} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, status.Branch)
	}
}

// collectCluster tells of the stack's replicas.
func (c *poolCollector) collectCluster(out chan<- prometheus.Metric) {
	if c.metrics.cluster == nil {
		return
	}
	status := c.metrics.cluster()
	number := map[bool]float64{true: 1}
	for d, value := range map[*prometheus.Desc]float64{
		c.replicas: float64(len(status.Replicas)), c.worker: number[status.Worker == status.Replica], c.unattended: number[status.Worker == ""],
	} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
}

// collectQueue tells, for each state, how many operations are not done, and when the oldest of them was accepted.
func (c *poolCollector) collectQueue(gauge func(*prometheus.Desc, float64, ...string)) {
	length, oldest := map[queue.State]int{}, map[queue.State]time.Time{}
	for _, op := range c.metrics.queue.Open() { // oldest first
		if length[op.State]++; length[op.State] == 1 {
			oldest[op.State] = op.AcceptedAt
		}
	}
	for _, state := range []queue.State{queue.Accepted, queue.Deferred, queue.Running} {
		gauge(c.queue, float64(length[state]), string(state))
		gauge(c.oldest, unix(oldest[state]), string(state))
	}
}

func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix())
}
