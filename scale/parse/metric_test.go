package parse

// badMetrics has a document for every rule that a metric, and what limits the steps, can break.
func badMetrics() []badDocument {
	const (
		queue       = `"name":"q","above":5,"http":{"url":"http://q","pointer":""}`
		mustBeName  = "must be a name of 1 to 63 letters, digits, -, _ or ."
		mustBeKey   = "must be the key of a stack config value, such as metricsToken or namespace:metricsToken, and none of pulumiscale's own"
		mustBeQueue = "must be an http or https URL without a user and a fragment, such as https://queue.example.com/stats"
		mustBeShare = "must be a number from 0 to below 1"
		mustMeasure = "must have above or below: only the strategies targetTracking and perUnit make a count of the value alone"
	)
	mistake := func(name, metric, path, found, expected string) badDocument {
		return oneMistake(name, "metrics", "["+metric+"]", "metrics"+path, found, expected)
	}
	field := func(name, json, path, found, expected string) badDocument {
		return mistake(name, "{"+queue+","+json+"}", "[0]."+path, found, expected)
	}
	return []badDocument{
		oneMistake("metrics that are no list", "metrics", `{}`, "metrics", `{}`, "must be a list of metrics"),
		mistake("a metric that is no object", `"q"`, "[0]", `"q"`, "must be a metric: an object with a name, and prometheus or http"),
		mistake("a metric without a name", `{"above":1,"http":{"url":"http://q","pointer":""}}`, "[0].name", "", "is required: a name of 1 to 63 letters, digits, -, _ or ."),
		field("a metric's name with a blank", `"name":"a b"`, "name", `"a b"`, mustBeName),
		mistake("two metrics of one name", "{"+queue+"},{"+queue+"}", "[1].name", `"q"`,
			"must be the metric's own: another one has it, and triggers and messages tell metrics apart by their names").invisible(),
		mistake("a metric from nowhere", `{"name":"q","above":1}`, "[0].prometheus", "", "is required: an object with url and query here, or one with url and pointer in http"),
		field("a metric from two places", `"prometheus":{"url":"http://p","query":"q"}`, "http", `{"pointer":"","url":"http://q"}`,
			"must be left out where prometheus is given: the two exclude each other"),
		field("an unknown field of a metric", `"evry":5`, "evry", `5`, "no such field in a metric").suggesting("every"),
		field("a user in a URL", `"http":{"url":"http://me:secret@q","pointer":""}`, "http.url", `"http://me:secret@q"`, mustBeQueue),
		field("a URL of another scheme", `"http":{"url":"file:///etc/passwd","pointer":""}`, "http.url", `"file:///etc/passwd"`, mustBeQueue),
		field("a URL without a host", `"http":{"url":"http:///q","pointer":""}`, "http.url", `"http:///q"`, mustBeQueue),
		field("a pointer without a slash", `"http":{"url":"http://q","pointer":"length"}`, "http.pointer", `"length"`, "must be a JSON pointer (RFC 6901), such as /queues/0/length"),
		field("a pointer with another escape", `"http":{"url":"http://q","pointer":"/a~2"}`, "http.pointer", `"/a~2"`, "must be a JSON pointer (RFC 6901), such as /queues/0/length"),
		mistake("an empty query", `{"name":"q","above":1,"prometheus":{"url":"http://p","query":" "}}`, "[0].prometheus.query", `" "`, "must be a query in PromQL"),
		mistake("no query", `{"name":"q","above":1,"prometheus":{"url":"http://p"}}`, "[0].prometheus.query", "", "is required: a query in PromQL"),
		field("a metric that is looked at all the time", `"every":0.5`, "every", `0.5`, mustBeDuration+", and not less than 1s").invisible(),
		field("a sample that is too old before the next look", `"every":60,"maxAge":59`, "maxAge", `59`, mustBeDuration+", and not less than 1m0s").invisible(),
		field("a threshold that is no number", `"above":"5"`, "above", `"5"`, "must be a number; this is a string and must be a number"),
		field("below that is above above", `"below":6`, "below", `6`, "must not be more than above, which is 5").invisible(),
		mistake("a strategy that needs thresholds", `{"name":"q","http":{"url":"http://q","pointer":""}}`, "[0]", `{"http":{"pointer":"","url":"http://q"}…`, mustMeasure).invisible(),
		field("an empty result of what has none", `"empty":"zero"`, "empty", `"zero"`, "must be left out where http is given: only a query can have an empty result"),
		field("no authorization", `"authorization":{}`, "authorization", `{}`, "must have at least one of bearerKey and basicKey"),
		field("two authorizations", `"authorization":{"bearerKey":"a","basicKey":"b"}`, "authorization", `{"basicKey":"b","bearerKey":"a"}`, "must have at most one of bearerKey and basicKey"),
		field("an authorization that is a token", `"authorization":"Bearer abc"`, "authorization", `"Bearer abc"`, "must be an object with bearerKey or basicKey"),
		field("a key of the server's own", `"caKey":"pulumiscale:token"`, "caKey", `"pulumiscale:token"`, mustBeKey),
		field("a key with a blank", `"certificateKey":"a b"`, "certificateKey", `"a b"`, mustBeKey),
		field("headers that are no map", `"headers":["a"]`, "headers", `["a"]`, "must be a map from the name of a header to its value, or to an object with the key of that"),
		field("a header of no name", `"headers":{"a b":"c"}`, `headers["a b"]`, `"c"`, "must stand under the name of a header"),
		field("a header with a line of its own", `"headers":{"A":"b\nc"}`, "headers.A", `"b\nc"`, "must be the header's value, or an object with the key of that"),
		field("a header without a key", `"headers":{"A":{}}`, "headers.A.key", "", "is required: the key of a stack config value, such as metricsToken or namespace:metricsToken, and none of pulumiscale's own"),
		field("a secret header", `"headers":{"A":"[secret]"}`, "headers.A", `"[secret]"`, isSecret),
		oneMistake("no step at all", "maxStep", `0`, "maxStep", `0`, mustBeUnits+", or an object with up and down"),
		oneMistake("no step in a direction", "maxStep", `{"up":0}`, "maxStep.up", `0`, mustBeUnits),
		oneMistake("no direction of a step", "maxStep", `{}`, "maxStep", `{}`, "must have at least one of up and down"),
		oneMistake("an unknown direction", "stabilize", `{"up":1,"out":1}`, "stabilize.out", `1`, "no such field in a stabilize"),
		oneMistake("a window that is no duration", "stabilize", `"1d"`, "stabilize", `"1d"`, mustBeDuration+", or an object with up and down"),
		oneMistake("a warmup for one direction", "warmup", `{"up":1}`, "warmup", `{"up":1}`, mustBeDuration),
		oneMistake("a total without a share", "strategy", `{"type":"perUnit"}`, "strategy.value", "", "is required: a number above 0"),
		oneMistake("a share of nothing", "strategy", `{"type":"perUnit","value":0}`, "strategy.value", `0`, "must be a number above 0"),
		oneMistake("a tolerance of all", "strategy", `{"type":"perUnit","value":1,"tolerance":{"down":1}}`, "strategy.tolerance.down", `1`, mustBeShare),
	}
}
