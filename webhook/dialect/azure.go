package dialect

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

const (
	sourceAzure = "azure"
	// azureSchema is the id of Azure Monitor's common alert schema.
	azureSchema = "azureMonitorCommonAlertSchema"
)

func azure() Dialect {
	return Dialect{
		Name: sourceAzure, Sender: "Azure Monitor", Counted: sourceAzure, Paths: []string{"/webhook/{pool}/azure"}, Media: inJSON(),
		Is: func(o Object) bool { return o.Has("schemaId") && o.Has("data") }, Like: "an Azure Monitor alert", Decode: decodeAzure,
	}
}

// decodeAzure reads an alert of Azure Monitor in its common schema: of a metric, of a log search, or of anything else
// that fires and is resolved. The error is a [*BadRequestError].
//
// The form is described in Azure Monitor's documentation, "Common alert schema" and "Sample alert payloads".
func decodeAzure(body Body, route Route) (Delivery, error) {
	asked, err := queryOverrides(route.Query)
	if err != nil {
		return Delivery{}, err
	}
	o, err := body.Object()
	if err != nil {
		return Delivery{}, err
	}
	switch schema := o.mention("schemaId"); {
	case !o.Has("schemaId"):
		return Delivery{}, WrongDialect(o, "body", "an alert of Azure Monitor")
	case schema != azureSchema:
		return Delivery{}, BadRequest(o.at("schemaId"), "is %q; it must be %q: enable the common alert schema in the action group", Shown(schema), azureSchema)
	}
	data := o.child("data")
	essentials, context := data.child("essentials"), data.child("alertContext")
	f := firing{
		source: sourceAzure, name: essentials.Required("alertRule"), id: essentials.Required("alertId"), why: essentials.mention("description"),
		since: timeIn(essentials, "firedDateTime"),
	}
	if len(f.id) > maxARN {
		essentials.Fail("alertId", "is longer than %d bytes", maxARN)
	}
	switch condition := essentials.Required("monitorCondition"); condition {
	case "Fired":
	case "Resolved":
		f.cleared, f.ended = true, timeIn(essentials, "resolvedDateTime")
	default:
		essentials.Fail("monitorCondition", "is %q; it must be Fired or Resolved", Shown(condition))
	}
	f.comparison, f.value, f.threshold = azureCriteria(context)
	if err := o.Err(); err != nil {
		return Delivery{}, err
	}
	// These are the custom properties of the alert's rule. Older payloads have them in the alert's context.
	properties := map[string]string{}
	for _, from := range []Object{context.aside("properties"), data.aside("customProperties")} {
		for name := range from.members {
			properties[name] = from.mention(name)
		}
	}
	own, err := alertOverrides(properties, nil)
	if err != nil {
		return Delivery{}, err
	}
	return Delivery{Intents: []scale.Intent{f.intent(route, asked.over(own))}}, nil
}

// azureCriteria reads the criteria of an alert. comparison is the direction that all operators suggest, or zero if they
// differ. value and threshold are those of the only criterion, or nil if there are several criteria. The threshold may
// be a text.
func azureCriteria(context Object) (comparison scale.Direction, value, threshold *float64) {
	criteria := context.child("condition").list("allOf")
	directions := map[scale.Direction]bool{}
	for _, item := range criteria {
		criterion, err := newObject("allOf", item)
		if err != nil {
			return 0, nil, nil
		}
		directions[azureOperator(criterion.mention("operator"))] = true
		value, threshold = criterion.loose("metricValue"), criterion.loose("threshold")
	}
	if len(criteria) != 1 {
		value, threshold = nil, nil
	}
	if ways := slices.Collect(maps.Keys(directions)); len(ways) == 1 {
		comparison = ways[0]
	}
	return comparison, value, threshold
}

// azureOperator returns the direction that a criterion's operator suggests. It returns zero if the operator compares in
// both directions, or for equality.
func azureOperator(operator string) scale.Direction {
	if strings.Contains(operator, "OrLess") {
		return 0
	}
	return comparison(operator)
}

// timeIn reads a member that should be a time as in RFC 3339. It returns the zero time if the member is no such time.
func timeIn(o Object, key string) time.Time {
	at, _ := time.Parse(time.RFC3339, o.mention(key))
	return at
}
