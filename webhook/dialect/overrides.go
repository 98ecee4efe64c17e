package dialect

import (
	"strconv"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
)

// overrides are what a request or an alert itself says about the scaling that it asks for.
type overrides struct {
	direction        scale.Direction
	delta, count     *int
	value, threshold *float64
}

// The names of overrides, as the query has them. In labels and annotations labelPrefix stands before them.
const (
	nameDirection = "direction"
	nameDelta     = "delta"
	nameCount     = "count"
	nameValue     = "value"
	nameThreshold = "threshold"
	labelPrefix   = "pulumiscale_"
)

// queryOverrides reads the overrides in a webhook's URL. A parameter that is unknown, malformed or given twice is an
// error that names it: if a misspelt direction were ignored, the pool could be scaled the wrong way.
func queryOverrides(query string) (overrides, error) {
	values, err := ParseQuery(query, nameDirection, nameDelta, nameCount)
	if err != nil {
		return overrides{}, err
	}
	return readOverrides(func(name string) (string, string, bool) {
		return name, values.Get(name), values.Has(name)
	})
}

// alertOverrides reads the overrides in an alert's labels or, if a label is absent, in its annotations. An empty label
// counts as absent, as it does for Prometheus. The error names the label or the annotation.
func alertOverrides(labels, annotations map[string]string) (overrides, error) {
	return readOverrides(func(name string) (string, string, bool) {
		name = labelPrefix + name
		if text := strings.TrimSpace(labels[name]); text != "" {
			return "labels." + name, text, true
		}
		text := strings.TrimSpace(annotations[name])
		return "annotations." + name, text, text != ""
	})
}

// readOverrides reads each override by the function lookup, which returns the name for errors, the text, and whether
// the override is given. The error is a [*BadRequestError].
func readOverrides(lookup func(name string) (field, text string, ok bool)) (overrides, error) {
	var o overrides
	var problem error
	read := func(name string, parse func(text string) (wrong string)) {
		field, text, ok := lookup(name)
		if !ok || problem != nil {
			return
		}
		if wrong := parse(text); wrong != "" {
			problem = BadRequest(field, "is %q; it must be %s", Shown(text), wrong)
		}
	}
	read(nameDirection, func(text string) string {
		switch text {
		case scale.Up.String():
			o.direction = scale.Up
		case scale.Down.String():
			o.direction = scale.Down
		default:
			return `"up" or "down"`
		}
		return ""
	})
	read(nameDelta, func(text string) (wrong string) { o.delta, wrong = parseDelta(text); return wrong })
	read(nameCount, func(text string) (wrong string) { o.count, wrong = parseCount(text); return wrong })
	read(nameValue, func(text string) (wrong string) { o.value, wrong = parseNumber(text); return wrong })
	read(nameThreshold, func(text string) (wrong string) { o.threshold, wrong = parseNumber(text); return wrong })
	if problem == nil && o.delta != nil && o.count != nil {
		field, _, _ := lookup(nameDelta)
		problem = BadRequest(field, "stands beside a count; only one of them may be given")
	}
	return o, problem
}

// over returns the overrides of o, and takes from weaker the overrides that o lacks. If o has a delta or a count, the
// direction, delta and count of weaker are not taken: a direction could turn the delta around.
func (o overrides) over(weaker overrides) overrides {
	if o.delta == nil && o.count == nil {
		if o.direction == 0 {
			o.direction = weaker.direction
		}
		o.delta, o.count = weaker.delta, weaker.count
	}
	if o.value == nil {
		o.value = weaker.value
	}
	if o.threshold == nil {
		o.threshold = weaker.threshold
	}
	return o
}

// apply writes the overrides into a signal. Their value and threshold, if given, replace those of the payload.
func (o overrides) apply(signal *scale.Signal) {
	signal.Direction, signal.Delta, signal.Count = o.direction, o.delta, o.count
	if o.value != nil {
		signal.Value = o.value
	}
	if o.threshold != nil {
		signal.Threshold = o.threshold
	}
}

// If the text is wrong, the parsers below return in wrong what the text must be.

func parseDelta(text string) (delta *int, wrong string) {
	n, err := strconv.Atoi(text)
	if err != nil || n < -scale.MaxNumber || n > scale.MaxNumber {
		return nil, "a whole number"
	}
	return &n, ""
}

func parseCount(text string) (count *int, wrong string) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > scale.MaxNumber {
		return nil, "a whole number, 0 or more"
	}
	return &n, ""
}

func parseNumber(text string) (number *float64, wrong string) {
	value, ok := finite(text)
	if !ok {
		return nil, "a finite number"
	}
	return &value, ""
}
