package webhook

import (
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// FleetMetrics are the metrics of a fleet: the fleet's own metrics, and the metrics of each stack with the stack's name
// as a label.
type FleetMetrics struct {
	registry                         *prometheus.Registry
	stacks                           *prometheus.GaugeVec
	places, running, silent, waiting prometheus.Gauge
}

// stackLabel is the label with the stack's name in the fleet.
const stackLabel = "stack"

// NewFleetMetrics makes the metrics of a fleet.
func NewFleetMetrics() *FleetMetrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
	}
	m := &FleetMetrics{
		registry: prometheus.NewRegistry(),
		stacks: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "fleet_stacks", Help: "Stacks of the fleet: open, opening, or failed, which cannot be opened now.",
		}, []string{"state"}),
		places:  gauge("fleet_engine_places", "Engines that may run at once."),
		running: gauge("fleet_engines", "Engines that run, or are about to."),
		silent:  gauge("fleet_engines_silent", "Engines that have not been heard of for a while, and so do not count."),
		waiting: gauge("fleet_engines_waiting", "Stacks that wait for a place for an engine."),
	}
	m.registry.MustRegister(m.stacks, m.places, m.running, m.silent, m.waiting)
	addProcess(m.registry)
	return m
}

// handler answers with all metrics as they are now.
func (m *FleetMetrics) handler(members func() []FleetMember, engines func() board.Engines) http.Handler {
	gather := func() ([]*dto.MetricFamily, error) {
		all := members()
		m.set(all, engines())
		gatherers := prometheus.Gatherers{m.registry}
		for _, member := range all {
			if member.Server != nil {
				gatherers = append(gatherers, labelled(member.Name, member.Server.Metrics))
			}
		}
		return gatherers.Gather()
	}
	return promhttp.HandlerFor(prometheus.GathererFunc(gather), promhttp.HandlerOpts{Registry: m.registry})
}

func (m *FleetMetrics) set(members []FleetMember, engines board.Engines) {
	states := map[string]int{"open": 0, "opening": 0, "failed": 0}
	for _, member := range members {
		switch {
		case member.Server != nil:
			states["open"]++
		case member.Err != nil:
			states["failed"]++
		default:
			states["opening"]++
		}
	}
	for state, n := range states {
		m.stacks.WithLabelValues(state).Set(float64(n))
	}
	m.places.Set(float64(engines.Places))
	m.running.Set(float64(engines.Running))
	m.silent.Set(float64(engines.Silent))
	m.waiting.Set(float64(engines.Waiting))
}

// labelled gathers a stack's metrics, and adds the stack's name to them as a label.
func labelled(name string, from *Metrics) prometheus.GathererFunc {
	return func() ([]*dto.MetricFamily, error) {
		families, err := from.Gather()
		label := stackLabel
		for _, family := range families {
			for _, metric := range family.Metric {
				metric.Label = append(metric.Label, &dto.LabelPair{Name: &label, Value: &name})
				slices.SortFunc(metric.Label, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
			}
		}
		return families, err
	}
}
