package dialect

// strays lists payloads that senders post here although no dialect reads them. like says what such a payload is and
// what to do about it. The function is recognizes such a payload.
func strays() []struct {
	like string
	is   func(Object) bool
} {
	return []struct {
		like string
		is   func(Object) bool
	}{
		{"an EventBridge event; an alarm's belongs to /webhook/{pool}/cloudwatch, and another one to /scale/{pool}?count=12",
			func(o Object) bool { return o.Has("detail-type") && o.members["detail-type"] != alarmStateChange }},
		{"a CloudWatch alarm without the SNS message around it; turn raw message delivery off",
			func(o Object) bool { return o.Has("AlarmName") }},
		{"what SNS or SQS invokes a Lambda function with; have the alarm invoke the function itself, and pass that event on to /webhook/{pool}/cloudwatch",
			func(o Object) bool { records, _ := o.members["Records"].([]any); return len(records) > 0 }},
	}
}

// looksLike says what a payload that came to the wrong route seems to be, and where it belongs. It returns "" if
// nothing recognizes the payload.
func looksLike(o Object) string {
	for _, stray := range strays() {
		if stray.is(o) {
			return stray.like
		}
	}
	for _, d := range Table() {
		if d.Is(o) {
			return d.Like + ", which belongs to " + d.Paths[0]
		}
	}
	return ""
}

// WrongDialect makes the error for a payload that its route does not accept. expected names the payload that the route
// accepts.
func WrongDialect(o Object, field, expected string) *BadRequestError {
	if like := looksLike(o); like != "" {
		return BadRequest(field, "is %s", like)
	}
	return BadRequest(field, "is not %s; a program with a payload of its own sends the count or delta that it asks for to /scale/{pool}", expected)
}
