package notify

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/pulumiscale/pulumiscale/scale/notice"
)

// webhookKind returns the kind for programs: a CloudEvent, version 1.0, in structured mode, signed by the rules of
// Standard Webhooks.
func webhookKind() kind {
	return kind{name: "webhook", signs: true, events: notice.Kinds, write: writeWebhook}
}

const (
	cloudEventMedia = "application/cloudevents+json; charset=utf-8"
	// cloudEventType is what the type of each event begins with; the kind of the notice follows.
	cloudEventType = "com.github.pulumiscale."
	// schemaURL is where the document of an event is described.
	schemaURL = "https://raw.githubusercontent.com/pulumiscale/pulumiscale/main/docs/notification.schema.json"
)

// cloudEvent is an event in the JSON form of CloudEvents 1.0.
type cloudEvent struct {
	SpecVersion     string        `json:"specversion"`
	ID              string        `json:"id"`
	Source          string        `json:"source"`
	Type            string        `json:"type"`
	Subject         string        `json:"subject,omitempty"`
	Time            time.Time     `json:"time"`
	DataContentType string        `json:"datacontenttype"`
	DataSchema      string        `json:"dataschema"`
	Data            notice.Notice `json:"data"`
}

// writeWebhook makes a message for a program. The signature is made anew for each try, because it covers the time of
// the try, which the receiver compares with its clock.
func writeWebhook(m mail) (message, error) {
	n := m.notices[0]
	body, err := json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: n.ID, Source: sourceOf(n), Type: cloudEventType + string(n.Kind), Subject: n.Pool, Time: n.Time,
		DataContentType: "application/json", DataSchema: schemaURL, Data: n,
	})
	if err != nil {
		return message{}, err
	}
	var signatures []string
	for _, secret := range m.access.secrets {
		signature, err := secret.Sign(m.id, m.at, body)
		if err != nil {
			return message{}, err
		}
		signatures = append(signatures, signature)
	}
	header := http.Header{}
	header.Set(standardwebhooks.HeaderWebhookID, m.id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(m.at.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return message{body: body, media: cloudEventMedia, header: header}, nil
}

// sourceOf returns where a notice comes from, as a URI reference.
func sourceOf(n notice.Notice) string {
	parts := []string{"pulumiscale", n.Project}
	parts = append(parts, strings.Split(n.Stack, "/")...)
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return "/" + strings.Join(parts, "/")
}
