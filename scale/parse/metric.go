package parse

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/pulumiscale/pulumiscale/scale"
)

const (
	// defaultEvery is how often a metric is looked at if its rule does not say, and shortestEvery the shortest time
	// that a rule may say.
	defaultEvery  = 30 * time.Second
	shortestEvery = time.Second
	// defaultMaxAge is how old a sample may be at most if its rule does not say: Prometheus looks back equally far.
	defaultMaxAge = 5 * time.Minute
	// defaultStabilize is how long the metrics must have wanted a scale-in if their rule does not say, as with
	// Kubernetes' HorizontalPodAutoscaler.
	defaultStabilize = 5 * time.Minute
)

// The patterns of the strings of a metric. The JSON schema in docs/ holds the same patterns, and a test checks that it
// does.
var (
	metricPattern  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,63}$`)
	urlPattern     = regexp.MustCompile(`^https?://[^\s/?#@]+([/?][^\s#]*)?$`)
	pointerPattern = regexp.MustCompile(`^(/([^~/]|~[01])*)*$`)
	headerPattern  = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	valuePattern   = regexp.MustCompile(`^[\x20-\x7e]*$`)
)

// readMetrics reads the metrics of a rule whose strategy and triggers have been read already.
func readMetrics(v node, rule scale.Rule) []scale.Metric {
	var metrics []scale.Metric
	names := map[string]bool{}
	for _, item := range v.list(0, "a list of metrics") {
		o, ok := item.object("a metric: an object with a name, and prometheus or http")
		if !ok {
			continue
		}
		m := metricFields(o)
		if m.Name != "" && names[m.Name] {
			o.field("name").wrong("must be the metric's own: another one has it, and triggers and messages tell metrics apart by their names")
		}
		names[m.Name] = true
		if m.Above == nil && m.Below == nil && !o.has("above") && !o.has("below") && !isMeasuredBy(rule, m.Name) {
			o.wrong("must have above or below: only the strategies targetTracking and perUnit make a count of the value alone")
		}
		o.end("a metric")
		metrics = append(metrics, m)
	}
	return metrics
}

// isMeasuredBy says whether the rule's strategy makes a count from the value of a metric alone. A strategy whose type
// is a mistake counts as one that does.
func isMeasuredBy(rule scale.Rule, metric string) bool {
	strategy, ok := rule.StrategyFor(metric)
	return ok && (strategy.FollowsValue() || strategy.Type == "")
}

// metricFields reads the fields of a metric in the order of docs/rules.md.
func metricFields(o *object) scale.Metric {
	var m scale.Metric
	m.Name, _ = required(o, "name", textForm(metricPattern, "a name of 1 to 63 letters, digits, -, _ or ."))
	if v, ok := o.take("prometheus"); ok {
		m.Prometheus = readPrometheus(v)
	}
	if v, ok := o.take("http"); ok {
		m.HTTP = readHTTP(v)
	}
	switch {
	case o.has("prometheus") && o.has("http"):
		o.field("http").wrong("must be left out where prometheus is given: the two exclude each other")
	case !o.has("prometheus") && !o.has("http"):
		o.missing("prometheus", "an object with url and query here, or one with url and pointer in http")
	}
	m.Every = withDefault(o, "every", atLeast(shortestEvery), defaultEvery)
	finite := floatForm("a number", func(float64) bool { return true })
	m.Above, m.Below = optional(o, "above", finite), optional(o, "below", finite)
	if m.Above != nil && m.Below != nil && *m.Below > *m.Above {
		o.field("below").wrong(fmt.Sprintf("must not be more than above, which is %v", *m.Above))
	}
	m.Access = readAccess(o)
	m.MaxAge = withDefault(o, "maxAge", atLeast(m.Every), max(defaultMaxAge, 2*m.Every))
	if optional(o, "empty", wordForm("zero")) != nil {
		m.EmptyIsZero = true
		if o.has("http") {
			o.field("empty").wrong("must be left out where http is given: only a query can have an empty result")
		}
	}
	return m
}

func readPrometheus(v node) *scale.PrometheusQuery {
	o, ok := v.object("an object with url and query")
	if !ok {
		return nil
	}
	var p scale.PrometheusQuery
	p.URL, _ = required(o, "url", urlForm("http://prometheus:9090"))
	p.Query, _ = required(o, "query", textForm(regexp.MustCompile(`\S`), "a query in PromQL"))
	o.end("a prometheus")
	return &p
}

func readHTTP(v node) *scale.HTTPQuery {
	o, ok := v.object("an object with url and pointer")
	if !ok {
		return nil
	}
	var h scale.HTTPQuery
	h.URL, _ = required(o, "url", urlForm("https://queue.example.com/stats"))
	h.Pointer, _ = required(o, "pointer", pointerForm())
	o.end("an http")
	return &h
}

// urlForm is the form of the address of a metric's server. Secrets do not belong in it: they have fields of their own.
func urlForm(such string) form[string] {
	return form[string]{
		expected: fmt.Sprintf("an http or https URL without a user and a fragment, such as %s", such),
		read: func(json any) (string, bool) {
			text, _ := json.(string)
			parsed, err := url.Parse(text)
			return text, err == nil && parsed.Hostname() != "" && urlPattern.MatchString(text)
		},
	}
}

// pointerForm is the form of a JSON pointer.
func pointerForm() form[string] {
	return form[string]{
		expected: "a JSON pointer (RFC 6901), such as /queues/0/length",
		read: func(json any) (string, bool) {
			text, ok := json.(string)
			return text, ok && pointerPattern.MatchString(text) && jsontext.Pointer(text).IsValid()
		},
	}
}

// atLeast is the form of a duration that is not shorter than the given one.
func atLeast(shortest time.Duration) form[time.Duration] {
	f := durationForm()
	read := f.read
	f.expected += fmt.Sprintf(", and not less than %s", shortest)
	f.read = func(json any) (time.Duration, bool) {
		d, ok := read(json)
		return d, ok && d >= shortest
	}
	return f
}

func readAccess(o *object) scale.Access {
	var a scale.Access
	if v, ok := o.take("authorization"); ok {
		a.BearerKey, a.BasicKey = readAuthorization(v)
	}
	if v, ok := o.take("headers"); ok {
		a.Headers = readHeaders(v)
	}
	a.CAKey = withDefault(o, "caKey", secretKeyForm(), "")
	a.CertificateKey = withDefault(o, "certificateKey", secretKeyForm(), "")
	return a
}

func readAuthorization(v node) (bearer, basic string) {
	o, ok := v.object("an object with bearerKey or basicKey")
	if !ok {
		return "", ""
	}
	bearer = withDefault(o, "bearerKey", secretKeyForm(), "")
	basic = withDefault(o, "basicKey", secretKeyForm(), "")
	o.end("an authorization")
	o.needsOneOf("bearerKey", "basicKey")
	o.atMostOneOf("bearerKey", "basicKey")
	return bearer, basic
}

func readHeaders(v node) map[string]scale.Header {
	fields, ok := v.json.(map[string]any)
	if !ok {
		v.mustBe("a map from the name of a header to its value, or to an object with the key of that")
		return nil
	}
	headers := make(map[string]scale.Header, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		child := v.child(name, fields[name])
		if !headerPattern.MatchString(name) {
			child.wrong("must stand under the name of a header")
		}
		headers[name] = readHeader(child)
	}
	return headers
}

func readHeader(v node) scale.Header {
	if _, isObject := v.json.(map[string]any); !isObject {
		value, _ := as(v, textForm(valuePattern, "the header's value, or an object with the key of that"))
		return scale.Header{Value: value}
	}
	o, _ := v.object("")
	key, _ := required(o, "key", secretKeyForm())
	o.end("a header")
	return scale.Header{Key: key}
}

// secretKeyForm is the form of the key of a secret in the stack's configuration.
func secretKeyForm() form[string] {
	return form[string]{
		expected: "the key of a stack config value, such as metricsToken or namespace:metricsToken, and none of pulumiscale's own",
		read: func(json any) (string, bool) {
			text, _ := json.(string)
			return text, keyPattern.MatchString(text) && !strings.HasPrefix(text, "pulumiscale:")
		},
	}
}
