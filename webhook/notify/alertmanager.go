package notify

import (
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/notice"
)

// alertmanagerKind is Prometheus's Alertmanager, by its API v2, and through it every receiver that it knows. A trouble
// fires until something ends it.
func alertmanagerKind() kind {
	return kind{
		name: "alertmanager", troublesOnly: true, resends: true, path: "/api/v2/alerts",
		events: func() []notice.Kind { return append(notice.Troubles(), notice.Recovered) }, write: writeAlerts,
	}
}

const (
	// resendEvery is how often Alertmanager is told of what lasts, and alertLasts how long it believes that: as with
	// Prometheus, several tellings may be lost. If nobody tells it any more, the alert ends by itself.
	resendEvery = time.Minute
	alertLasts  = 5 * time.Minute
	// longestAnnotation is how many characters a text has at most.
	longestAnnotation = 4_000
)

// alert is a postable alert.
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

// alertOf is the alert of a trouble of a kind that a notice begins or ends. What Alertmanager knows it by, its labels, is
// the same in both. The pool is no label "pool": what routes alerts with that one to PulumiScale would have it scaled.
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

// alertName is the name of a kind's alert, such as PulumiScaleGivenUp.
func alertName(kind notice.Kind) string {
	words := strings.Split(string(kind), "-")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return "PulumiScale" + strings.Join(words, "")
}
