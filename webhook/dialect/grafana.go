package dialect

import (
	"encoding/json"
	"regexp"
)

const sourceGrafana = "grafana"

// versionGrafana is the version of Grafana's variant of Alertmanager's notification.
const versionGrafana = "1"

func grafana() Dialect {
	return Dialect{
		Name: sourceGrafana, Sender: "Grafana", Counted: notificationCounted, Paths: notificationPaths(), Media: inJSON(),
		Is:   func(o Object) bool { return isNotification(o) && o.mention("version") == versionGrafana },
		Like: notificationLike, Decode: decodeNotification,
	}
}

// noData says whether an alert only tells that Grafana could not evaluate its rule. Such an alert carries the labels of
// the rule, so that it looks like an alert of the rule itself. Only its name says what it is: "Special alerts" in
// Grafana's documentation of alert states.
func noData(name string) bool {
	return name == "DatasourceNoData" || name == "DatasourceError"
}

var valueString = regexp.MustCompile(`\bvalue=(\S+) \]`)

// grafanaValue returns the metric's value of a Grafana alert, or nil if it is not clear which number is the value.
// Grafana sends one number for each query and expression of the rule, by name, and does not say which of them is the
// metric:
//
//   - the only number is the value;
//   - the editor's own layout is a query A, its reduction B and the condition C, which is 0 or 1. Such a C is left out,
//     and B is the value, or A if there is no B;
//   - in any other layout, the annotation pulumiscale_value must hold the value.
//
// Older versions send a text, "valueString", in place of the numbers. The value is then the only number in that text.
func grafanaValue(o Object) *float64 {
	numbers := map[string]float64{}
	for name, member := range o.child("values").members {
		if number, ok := member.(json.Number); ok {
			if value, wrong := parseNumber(number.String()); wrong == "" {
				numbers[name] = *value
			}
		}
	}
	if len(numbers) == 0 {
		found := valueString.FindAllStringSubmatch(o.Text("valueString"), 2)
		if len(found) != 1 {
			return nil
		}
		value, _ := parseNumber(found[0][1])
		return value
	}
	if condition, ok := numbers["C"]; ok && (condition == 0 || condition == 1) {
		delete(numbers, "C")
		if _, both := numbers["B"]; both {
			delete(numbers, "A")
		}
	}
	if len(numbers) != 1 {
		return nil
	}
	for _, value := range numbers {
		return &value
	}
	return nil
}
