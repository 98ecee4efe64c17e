package notify

import (
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/notice"
)

// alertmanagerKind returns the kind for Prometheus's Alertmanager, which passes alerts on to every receiver that it
// knows. It uses Alertmanager's API v2. The alert of a trouble fires until something ends the trouble.
func alertmanagerKind() kind {
	return kind{
		name: "alertmanager", troublesOnly: true, resends: true, path: "/api/v2/alerts",
		events: func() []notice.Kind { return append(notice.Troubles(), notice.Recovered) }, write: writeAlerts,
	}
}

const (
	// resendEvery is how often Alertmanager is told again of the troubles that last. alertLasts is how long an alert
	// fires if Alertmanager is not told of it again: then the alert ends by itself. As with Prometheus, it is several
	// times as long as resendEvery, so that a few messages may be lost.
	resendEvery = time.Minute
	alertLasts  = 5 * time.Minute
	// longestAnnotation is how many characters a description has at most.
	longestAnnotation = 4_000
)

// alert is what the API calls a postable alert.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

func writeAlerts(m mail) (message, error) {
	var out []alert
	for _, n := range m.notices {
		switch n.Kind {
		case notice.Recovered:
			for _, kind := range n.Ends {
				if slices.Contains(m.wants, kind) {
					out = append(out, alertOf(n, kind, n.Time))
				}
			}
		case notice.Test:
			out = append(out, alertOf(n, n.Kind, m.at.Add(resendEvery)))
		default:
			out = append(out, alertOf(n, n.Kind, m.at.Add(alertLasts)))
		}
	}
	if len(out) == 0 {
		return message{}, nil
	}
	return jsonMessage(out)
}

// alertOf returns the alert for a trouble of the given kind, which a notice begins or ends. ends is when the alert
// ends, if Alertmanager is not told of it again. Alertmanager identifies the alert by its labels, so they are the same
// at the beginning and the end. The pool's label is not "pool": if alerts with a label "pool" are routed to
// PulumiScale, this alert would scale the pool.
func alertOf(n notice.Notice, kind notice.Kind, ends time.Time) alert {
	labels := map[string]string{
		"alertname": alertName(kind), "severity": string(kind.Severity()), "project": n.Project, "stack": n.Stack, "scaled_pool": n.Pool, "metric": n.Metric,
	}
	for name, value := range labels {
		if value == "" {
			delete(labels, name)
		}
	}
	starts := n.Time
	if n.Since != nil && n.Since.Before(starts) {
		starts = *n.Since
	}
	return alert{
		Labels: labels, StartsAt: starts.UTC(), EndsAt: ends.UTC(),
		Annotations: map[string]string{"summary": n.Title, "description": n.Text(longestAnnotation)},
	}
}

// alertName returns the name of a kind's alert, such as PulumiScaleGivenUp.
func alertName(kind notice.Kind) string {
	words := strings.Split(string(kind), "-")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return "PulumiScale" + strings.Join(words, "")
}
