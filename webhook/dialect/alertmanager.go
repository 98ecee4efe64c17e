package dialect

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

const (
	sourcePrometheus = "prometheus"
	statusFiring     = "firing"
	statusResolved   = "resolved"
	// poolLabel is the label by which an alert names its pool.
	poolLabel = "pool"
)

// notificationCounted is the name in the metrics for all dialects whose payloads are Alertmanager's notifications.
// notificationLike names such a notification in the error for a payload on the route of a different dialect.
const (
	notificationCounted = sourcePrometheus
	notificationLike    = "an Alertmanager or Grafana notification"
)

// notificationPaths are the paths that notifications are posted to: one for a single pool, and one for the pools that
// the labels of the alerts name.
func notificationPaths() []string {
	return []string{"/webhook/{pool}/prometheus", "/webhook/prometheus"}
}

func alertmanager() Dialect {
	return Dialect{
		Name: sourcePrometheus, Sender: "Prometheus and Alertmanager", Counted: notificationCounted, Paths: notificationPaths(), Media: inJSON(),
		Is: isNotification, Like: notificationLike, Decode: decodeNotification,
	}
}

func isNotification(o Object) bool {
	alerts, isList := o.members["alerts"].([]any)
	return isList && (o.Has("groupKey") || len(alerts) > 0)
}

// decodeNotification reads an Alertmanager notification, version 4, or Grafana's variant of it. It makes an intent for
// each alert that asks for one. The intent's pool is the route's pool or, on the route for all pools, the pool in the
// alert's label "pool". An alert is skipped, with the reason, if it belongs to a different pool or to none, or if it
// has a malformed override; the other alerts are still decoded. The error is a [*BadRequestError].
//
// The form is described in the Alertmanager documentation, "webhook_config", and in Grafana's, "webhook notifier".
func decodeNotification(body Body, route Route) (Delivery, error) {
	asked, err := queryOverrides(route.Query)
	if err != nil {
		return Delivery{}, err
	}
	o, err := body.Object()
	if err != nil {
		return Delivery{}, err
	}
	if _, isList := o.members["alerts"].([]any); !isList {
		return Delivery{}, WrongDialect(o, "body", "an Alertmanager notification")
	}
	version, truncated := o.Text("version"), o.number("truncatedAlerts")
	if err := o.Err(); err != nil {
		return Delivery{}, err
	}
	source := sourcePrometheus
	switch version {
	case "4":
	case versionGrafana:
		source = sourceGrafana
	default:
		return Delivery{}, BadRequest("version", "is %q; it must be \"4\", as Alertmanager sends it, or \"1\", as Grafana does",
			Shown(version))
	}
	var delivery Delivery
	for i, item := range o.list("alerts") {
		a, err := parseAlert(fmt.Sprintf("alerts[%d]", i), item)
		if err != nil {
			delivery.skip(a.name(), a.labels[poolLabel], "%v", err)
			continue
		}
		a.source = source
		a.ask(route, asked, &delivery)
	}
	if truncated != nil && *truncated > 0 {
		delivery.skip("", "", "the sender left %g more alerts out of this notification", *truncated)
	}
	return delivery, nil
}

// alert is one alert of a notification.
type alert struct {
	source              string
	labels, annotations map[string]string
	cleared             bool
	// identity distinguishes the alert from all others. The alert has fired since the time since, and it ended at the
	// time ended; a time is zero if the sender did not say.
	identity     string
	since, ended time.Time
	own          overrides
	// value is the metric's value, which only Grafana sends; nil if it is not known.
	value *float64
}

func (a alert) name() string { return a.labels["alertname"] }

func (a alert) status() string {
	if a.cleared {
		return statusResolved
	}
	return statusFiring
}

// parseAlert reads one alert. If there is an error, the alert still has the labels that could be read.
func parseAlert(path string, item any) (alert, error) {
	o, err := newObject(path, item)
	if err != nil {
		return alert{}, err
	}
	a := alert{labels: o.texts("labels"), annotations: o.texts("annotations")}
	status, start := o.Required("status"), o.Text("startsAt")
	if status != statusFiring && status != statusResolved {
		o.Fail("status", "is %q; it must be \"firing\" or \"resolved\"", Shown(status))
	}
	a.cleared = status == statusResolved
	since, err := time.Parse(time.RFC3339, start)
	if err != nil && start != "" {
		o.Fail("startsAt", "is %q; it must be a time as in RFC 3339", Shown(start))
	}
	a.identity, a.since = fingerprint(o.Text("fingerprint"), a.labels), since
	if a.cleared {
		a.ended, _ = time.Parse(time.RFC3339, o.mention("endsAt"))
	}
	a.value = grafanaValue(o)
	if err := o.Err(); err != nil {
		return a, err
	}
	a.own, err = alertOverrides(a.labels, a.annotations)
	return a, err
}

// ask adds to the delivery an intent for the alert, or a [Skipped] with the reason why there is none.
func (a alert) ask(route Route, query overrides, delivery *Delivery) {
	pool, labelled := a.labels[poolLabel], a.labels[poolLabel] != ""
	switch {
	case route.Pool != "" && labelled && pool != route.Pool:
		delivery.skip(a.name(), pool, "the alert is of pool %q and this is the route of pool %q", pool, route.Pool)
		return
	case route.Pool != "":
		pool = route.Pool
	case !labelled:
		delivery.skip(a.name(), "", "the alert has no label %q, and the URL names no pool", poolLabel)
		return
	default:
		if reason := unknownPool(route.Rules, pool); reason != "" {
			delivery.skip(a.name(), pool, "%s", reason)
			return
		}
	}
	if trouble := a.trouble(); trouble != "" {
		delivery.skip(cmp.Or(a.labels["rulename"], a.name()), pool, "%s", trouble)
		return
	}
	signal := scale.Signal{Alert: scale.AlertName(a.name()), Cleared: a.cleared, Value: a.value, Repeats: true}
	query.over(a.own).apply(&signal)
	intent := scale.Intent{Pool: pool, Signal: &signal, Source: a.source, Reason: describe(a.name(), a.summary())}
	if !a.since.IsZero() {
		signal.Identity, signal.Since, signal.Ended = "alertmanager/"+a.identity, a.since, a.ended
		intent.Key = eventKey("alertmanager", pool, a.identity+"/"+a.since.UTC().Format(time.RFC3339Nano)+"/"+a.status())
	}
	delivery.Intents = append(delivery.Intents, intent)
}

// unknownPool returns the text of the error that there is no such pool. It returns "" if there is one.
func unknownPool(rules scale.Rules, pool string) string {
	_, err := rules.Find(pool)
	if err == nil {
		return ""
	}
	if unknown, ok := errors.AsType[*scale.UnknownPoolError](err); ok && unknown.Nearest != "" {
		return fmt.Sprintf("%v (did you mean %q?)", err, unknown.Nearest)
	}
	return err.Error()
}

// summary returns the first of the customary annotations that the alert has, or "" if it has none.
func (a alert) summary() string {
	for _, name := range []string{"summary", "message", "description"} {
		if text := a.annotations[name]; text != "" {
			return text
		}
	}
	return ""
}

var hexadecimal = regexp.MustCompile(`^[0-9a-fA-F]+$`)

// fingerprint returns an id of an alert that depends on its labels. It is the fingerprint that the sender sent or, if
// what it sent does not look like one, a hash of the labels.
func fingerprint(sent string, labels map[string]string) string {
	if len(sent) >= 8 && len(sent) <= 64 && hexadecimal.MatchString(sent) {
		return sent
	}
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		hash.Write(fmt.Appendf(nil, "%q=%q\n", name, labels[name]))
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}
