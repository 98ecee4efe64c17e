package snippet

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Sender is a sender of webhooks, or a program that makes requests.
type Sender string

// The senders. CloudWatch sends through SNS.
const (
	Alertmanager Sender = "alertmanager"
	Grafana      Sender = "grafana"
	CloudWatch   Sender = "cloudwatch"
	EventBridge  Sender = "eventbridge"
	Azure        Sender = "azure"
	Google       Sender = "google"
	Datadog      Sender = "datadog"
	NewRelic     Sender = "newrelic"
	Dynatrace    Sender = "dynatrace"
	Zabbix       Sender = "zabbix"
	HTTP         Sender = "http"
)

// Senders returns all known senders.
func Senders() []Sender {
	return []Sender{Alertmanager, Grafana, CloudWatch, EventBridge, Azure, Google, Datadog, NewRelic, Dynatrace, Zabbix, HTTP}
}

// File is a piece of a sender's configuration. If Text is a part of a Pulumi program, Name is the language of Text, and
// not the name of a file.
type File struct{ Name, Text string }

// Configure returns the configuration that makes the sender scale the pool through a server at an address.
// docs/senders.md shows the same configuration: a test compares the two. A part of a Pulumi program is in TypeScript,
// or in YAML for CloudWatch if the program is in YAML.
func (s Sender) Configure(l Language, pool, address string) ([]File, error) {
	var names []string
	switch s {
	case Alertmanager:
		names = []string{"rules.yml", "alertmanager.yml"}
	case Grafana:
		names = []string{"pulumiscale.yaml"}
	case CloudWatch:
		names = []string{"typescript"}
		if l == YAML {
			names = []string{"yaml"}
		}
	case EventBridge, Azure, Google:
		names = []string{"typescript"}
	case Datadog, NewRelic, Dynatrace:
		names = []string{"webhook.txt", "payload.json"}
	case Zabbix:
		names = []string{"parameters.txt", "script.js"}
	case HTTP:
		names = []string{"header.sh", "dry-run.sh", "count.sh"}
	}
	base := strings.TrimRight(address, "/")
	_, host, _ := strings.Cut(base, "://")
	out := make([]File, len(names))
	for i, name := range names {
		text, err := fill("templates/"+string(s)+"/"+name+".tmpl", nil, struct{ Pool, URL, Host string }{pool, base, host})
		if err != nil {
			return nil, err
		}
		out[i] = File{Name: name, Text: text}
	}
	return out, nil
}

// isElsewhere says whether the sender is a service that its vendor runs, and that never runs on this machine.
func (s Sender) isElsewhere() bool {
	return slices.Contains([]Sender{CloudWatch, EventBridge, Azure, Google, Datadog, NewRelic, Dynatrace}, s)
}

// ordinary matches addresses that mean the same in a shell, in YAML and in a program.
var ordinary = regexp.MustCompile(`^[A-Za-z0-9.:/_~\[\]-]+$`)

// CheckAddress returns a [*scale.UsageError] if the sender must not use the address to reach a server. The token
// travels to the address. So only https is allowed, or http to this machine itself if the sender may run here.
func (s Sender) CheckAddress(field, address string) error {
	parsed, err := url.Parse(address)
	valid := err == nil && parsed.Hostname() != "" && ordinary.MatchString(address)
	if valid && parsed.Scheme == "http" {
		ip := net.ParseIP(parsed.Hostname())
		valid = !s.isElsewhere() && (parsed.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
	} else if valid {
		valid = parsed.Scheme == "https"
	}
	if !valid {
		return &scale.UsageError{Field: field, Problem: "must be the server's address, such as https://pulumiscale.example.com",
			Hint: "the token travels to it, so that only https will do, but for this machine itself"}
	}
	return nil
}
