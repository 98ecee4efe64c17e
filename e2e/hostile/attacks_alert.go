//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// document is JSON of a value that can always be written as JSON.
func document(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// labels are an alert's labels or annotations.
type labels map[string]any

// alertOf is an alert that fires. Each name fires since a time of its own.
func alertOf(own labels, annotations labels, more map[string]any) map[string]any {
	alert := map[string]any{"status": "firing", "labels": own, "annotations": annotations, "startsAt": "2026-03-04T12:00:00Z"}
	maps.Copy(alert, more)
	return alert
}

// notified is a notification of Alertmanager's.
func notified(alerts ...any) string {
	return document(map[string]any{"version": "4", "groupKey": "{}", "status": "firing", "receiver": "x", "alerts": append([]any{}, alerts...)})
}

// firing is a notification of one alert.
func firing(name, summary string) string {
	return notified(alertOf(labels{"alertname": name}, labels{"summary": summary}, nil))
}

// storm is a notification of so many alerts.
func storm(n int) string {
	alerts := make([]any, n)
	for i := range alerts {
		alerts[i] = map[string]any{"status": "firing", "labels": labels{"alertname": fmt.Sprint("Storm", i)}}
	}
	return notified(alerts...)
}

// alertAttacks are notifications as somebody may forge them who writes alerts, or to whom the sender's token has
// leaked.
func alertAttacks() []attack {
	post := func(name, body string, want []int) attack {
		return attack{name: name, text: posted(alertsOf+"?delta=1", body), want: want, key: "alerts/" + name}
	}
	either := []int{http.StatusOK, http.StatusAccepted} // 200: understood, and nothing to do
	var out []attack
	for name, own := range sorted(map[string]labels{
		"no name": {}, "a number for a name": {"alertname": 5}, "a list for a name": {"alertname": []any{"a"}}, "another pool": {"alertname": "A", "pool": "nobody"},
		"a path for a pool": {"alertname": "A", "pool": "../../etc/passwd"}, "a delta of letters": {"alertname": "A", "pulumiscale_delta": "x"},
		"a delta beyond all numbers": {"alertname": "A", "pulumiscale_delta": "99999999999999999999"}, "a count below zero": {"alertname": "A", "pulumiscale_count": "-1"},
		"a direction sideways": {"alertname": "A", "pulumiscale_direction": "sideways"}, "a value that is no number": {"alertname": "A", "pulumiscale_value": "NaN"},
		"an infinite threshold": {"alertname": "A", "pulumiscale_threshold": "-Inf"}, "a count and a delta": {"alertname": "A", "pulumiscale_count": "1", "pulumiscale_delta": "1"},
		"a thousand labels": manyLabels(1000), "a label of control characters": {"alertname": "A", "\x1b[2J": "\x07\u202e"},
		"a pool of control characters": {"alertname": "A", "pool": "\x1b[2J\x00\u009b\u202e"}, "a pool of 500,000 letters": {"alertname": "A", "pool": strings.Repeat("p", 500_000)},
	}) {
		out = append(out, post("labels: "+name, notified(alertOf(own, nil, nil)), either))
	}
	for name, more := range sorted(map[string]map[string]any{
		"no status": {"status": nil}, "another status": {"status": "burning"}, "a number for a status": {"status": 1}, "labels that are a list": {"labels": []any{}},
		"labels that are a text": {"labels": "x"}, "annotations that are a number": {"annotations": 5}, "a start that is no time": {"startsAt": "yesterday"},
		"a start in the year 0": {"startsAt": "0001-01-01T00:00:00Z"}, "a start in the year 9999": {"startsAt": "9999-12-31T23:59:59Z"}, "a start with a control character": {"startsAt": "2026\x1b[2J"},
		"a fingerprint of letters": {"fingerprint": "zzzzzzzzzz"}, "a fingerprint of 100,000 digits": {"fingerprint": strings.Repeat("a", 100_000)},
		"a fingerprint with a path": {"fingerprint": "../../x"}, "an end before the start": {"status": "resolved", "endsAt": "1970-01-01T00:00:00Z"},
		"values that are none": {"values": "x"}, "a value beyond all numbers": {"values": map[string]any{"A": json.Number("1e999")}}, "a script for a URL": {"generatorURL": "javascript:alert(1)"},
	}) {
		out = append(out, post("fields: "+name, notified(alertOf(labels{"alertname": "F" + name}, nil, more)), either))
	}
	for name, text := range sorted(map[string]string{
		"control characters": "\x1b]0;owned\x07\x1b[2J\x00\u009b31m\u202e\u2066", "HTML": "<script>alert(1)</script>", "a line break": "a\nb\r\nc\u2028d", "300,000 letters": strings.Repeat("x", 300_000),
		"template words": "{{ .Token }} ${x} $(id) `id` %s%n", "like a message of ours": "pulumiscale: sum 3 -> 400 (http)", "like a flag": "--target=urn:pulumi:dev::hostile::x",
		"300,000 combining marks": "e" + strings.Repeat("\u0301", 150_000), "a log line": "\"}\n{\"level\":\"ERROR\",\"msg\":\"forged\"}", "emoji and flags": "🏴\U000e0067\U000e007f👨‍👩‍👧",
	}) {
		out = append(out, post("a name of "+name, firing(text, "x"), either), post("a summary of "+name, firing("S", text+name), either))
	}
	for name, body := range sorted(map[string]string{
		"no alerts": `{"version":"4"}`, "alerts that are an object": `{"version":"4","alerts":{}}`, "alerts that are null": `{"version":"4","alerts":null}`, "no version": `{"alerts":[]}`,
		"another version": `{"version":"5","alerts":[]}`, "a number for a version": `{"version":4,"alerts":[]}`, "a version of control characters": `{"version":"\u001b[2J","alerts":[]}`,
		"a number of truncated alerts that is none": `{"version":"4","alerts":[],"truncatedAlerts":"x"}`, "so many truncated alerts": `{"version":"4","alerts":[],"truncatedAlerts":1e999}`,
		"a direct request": `{"delta":25}`, "SNS": `{"Type":"Notification","TopicArn":"x","MessageId":"y"}`,
	}) {
		out = append(out, post(name, body, malformed))
	}
	return append(out,
		post("alerts that are no objects", `{"version":"4","alerts":[1,"x",null,[]]}`, done), post("none", notified(), done),
		post("a storm of 300", storm(300), either), post("a storm of 10,001", storm(10_001), tooLarge),
		post("a million truncated", `{"version":"4","alerts":[],"truncatedAlerts":1000000}`, done),
		attack{name: "for all pools, with control characters", text: posted("/webhook/prometheus", notified(alertOf(labels{"alertname": "\x1b[2J", "pool": "\x1b[2J"}, nil, nil))), want: done},
		post("the same again", firing("Again", "x"), taken), attack{name: "the same again, again", text: posted(alertsOf+"?delta=1", firing("Again", "x")), want: either, key: "alerts/the same again"},
	)
}

func manyLabels(n int) labels {
	many := labels{"alertname": "Many"}
	for i := range n {
		many[fmt.Sprint("label", i)] = strings.Repeat("v", 100)
	}
	return many
}

// topic is any topic of SNS.
const topic = "arn:aws:sns:us-east-1:123456789012:alarms"

// forged is an SNS message whose signature is not Amazon's. Some of its fields may be others than usual.
func forged(fields map[string]any) string {
	message := map[string]any{
		"Type": "Notification", "MessageId": "00000000-0000-0000-0000-000000000000", "TopicArn": topic, "Message": `{"AlarmName":"A","NewStateValue":"ALARM"}`,
		"Timestamp": time.Now().UTC().Format(time.RFC3339), "SignatureVersion": "2", "Signature": "AAAA", "SigningCertURL": "https://sns.us-east-1.amazonaws.com.evil.test/SimpleNotificationService-1.pem",
	}
	maps.Copy(message, fields)
	return document(message)
}

// alarmAttacks are forged messages of SNS, and what is sent as an event of EventBridge and is none. None of them may
// make the server ask anybody.
func alarmAttacks() []attack {
	post := func(name, body string, want []int) attack {
		return attack{name: name, text: posted(alarmsOf+"?delta=1", body), want: want, key: "alarms/" + name}
	}
	var out []attack
	const file = "/SimpleNotificationService-0123456789abcdef.pem"
	for _, url := range []string{
		"http://sns.us-east-1.amazonaws.com" + file, "https://sns.us-east-1.amazonaws.com.evil.test" + file, "https://evil.test/sns.us-east-1.amazonaws.com" + file, "https://sns.us-east-1.amazonaws.com@127.0.0.1" + file,
		"https://127.0.0.1" + file, "https://[::1]" + file, "https://sns.us-east-1.amazonaws.com:8443" + file, "https://sns.us-east-1.amazonaws.com:443" + file, "https://sns.eu-west-1.amazonaws.com" + file,
		"https://sns.us-east-1.amazonaws.com" + file + "?x=y", "https://sns.us-east-1.amazonaws.com" + file + "#x", "https://sns.us-east-1.amazonaws.com/x" + file, "https://sns.us-east-1.amazonaws.com/../evil.pem",
		"https://SNS.us-east-1.amazonaws.com" + file, "https://sns.us-east-1.amazonaws.com." + file, "https://sns.us-east-1.amazonaws.com%2eevil.test" + file, "https://sns.us-east-1.amazonaws.com\\@evil.test" + file,
		"https://sns.us-east-1.amazonaws.com\n.evil.test" + file, "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-%2e%2e%2f.pem", "https://s3.us-east-1.amazonaws.com" + file, "https://sns。us-east-1。amazonaws。com" + file,
		"file:///etc/passwd", "//sns.us-east-1.amazonaws.com" + file, "javascript:x", "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-.pem", "https:sns.us-east-1.amazonaws.com" + file,
	} {
		out = append(out, post("the certificate of "+url, forged(map[string]any{"SigningCertURL": url}), append(forbidden, malformed...)))
	}
	for _, url := range []string{"https://evil.test/?Action=ConfirmSubscription", "http://127.0.0.1/", "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe", "file:///etc/passwd", ""} {
		for _, kind := range []string{"SubscriptionConfirmation", "UnsubscribeConfirmation"} {
			fields := map[string]any{"Type": kind, "SubscribeURL": url, "Token": "t"}
			out = append(out, post(kind+" at "+url, forged(fields), append(forbidden, malformed...)))
		}
	}
	for name, fields := range sorted(map[string]map[string]any{
		"an old message": {"Timestamp": "2020-01-01T00:00:00Z"}, "a message to come": {"Timestamp": "2999-01-01T00:00:00Z"},
	}) {
		out = append(out, post(name, forged(fields), forbidden))
	}
	for name, fields := range sorted(map[string]map[string]any{
		"no time": {"Timestamp": "now"}, "another type": {"Type": "Delivery"}, "a type of control characters": {"Type": "\x1b[2J"}, "version 3 of signatures": {"SignatureVersion": "3"}, "no signature": {"Signature": ""},
		"a signature that is no base64": {"Signature": "%%%"}, "a signature with a line break": {"Signature": "AAAA\n"}, "a topic that is none": {"TopicArn": "arn:aws:s3:::x"}, "a topic with a line break": {"TopicArn": topic + "\nType"},
		"a topic of another host": {"TopicArn": "arn:aws:sns:us-east-1.evil.test/:1:x"}, "an id with a path": {"MessageId": "../../x"}, "an id of 1,000 letters": {"MessageId": strings.Repeat("a", 1000)},
		"a subject with a line break": {"Subject": "a\nMessage\nb"}, "a number for a message": {"Message": 5}, "a number for an id": {"MessageId": 5}, "no certificate": {"SigningCertURL": nil},
	}) {
		out = append(out, post(name, forged(fields), malformed))
	}
	event := func(detail any, more map[string]any) string {
		body := map[string]any{"detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch", "id": "e1", "resources": []any{"arn:x"}, "detail": detail}
		maps.Copy(body, more)
		return document(body)
	}
	alarm := map[string]any{"alarmName": "A\x1b[2J", "state": map[string]any{"value": "ALARM", "reason": "x\u202e", "timestamp": "2026-03-04T12:00:00.000+0000"}}
	for name, body := range sorted(map[string]string{
		"an event without detail": event(nil, nil), "an event of another source": event(alarm, map[string]any{"source": "aws.ec2"}), "an event of another kind": event(alarm, map[string]any{"detail-type": "\x1b[2J"}),
		"an event with a long id": event(alarm, map[string]any{"id": strings.Repeat("i", 200)}), "an event without an id": event(alarm, map[string]any{"id": ""}), "an event in no state": event(map[string]any{"alarmName": "A"}, nil),
		"an event in another state": event(map[string]any{"alarmName": "A", "state": map[string]any{"value": "\x1b[2J"}}, nil), "raw delivery of an alarm": `{"AlarmName":"A","NewStateValue":"ALARM"}`,
	}) {
		out = append(out, post(name, body, malformed))
	}
	return append(out,
		attack{name: "a raw delivery", text: posted(alarmsOf, forged(nil), "X-Amz-Sns-Rawdelivery: true"), want: malformed},
		post("an event", event(alarm, nil), taken), attack{name: "the same event again", text: posted(alarmsOf+"?delta=1", event(alarm, nil)), want: []int{200, 202}, key: "alarms/an event"},
		attack{name: "credentials for SNS by a stranger", text: ask("POST "+alarmsOf, forged(nil), "Authorization: "+basic("sns", lab.Token+"x")), want: stranger},
	)
}

// keyAttacks are keys that are odd, and keys that come again.
func keyAttacks() []attack {
	one := func(name, key string, want []int) attack {
		a := attack{name: name, text: posted(scaleSum, `{"delta":1}`, "Idempotency-Key: "+key), want: want}
		if want[0] == http.StatusAccepted {
			a.delta = 1
		}
		return a
	}
	out := []attack{
		one("255 letters", strings.Repeat("k", 255), taken), one("256 letters", strings.Repeat("k", 256), malformed), one("10,000 letters", strings.Repeat("k", 10_000), malformed),
		one("not ASCII", "ключ", malformed), one("not UTF-8", "\xff\xfe", malformed), one("a tab within", "a\tb", malformed), one("a path", "../../etc/passwd", taken), one("like one of another pool", "http/alerts/x", taken),
		one("quotes", `"'--;DROP TABLE operations`, taken), one("percent signs", "%s%n%00", taken), one("a slash", "/", taken), one("empty", "", taken),
		{name: "two of them", text: posted(scaleSum, `{"delta":25}`, "Idempotency-Key: first", "Idempotency-Key: second"), want: malformed},
	}
	again := []string{`{"delta":1}`, `{"delta":25}`, `{"count":5}`, `{"delta":1,"reason":"other"}`, `{"delta":-25}`}
	for i, body := range again {
		out = append(out, attack{name: fmt.Sprintf("the same, time %d", i+1), text: posted(scaleSum, body, "Idempotency-Key: again"), want: []int{http.StatusAccepted, http.StatusOK}, delta: 1, key: "again"})
	}
	return append(out,
		attack{name: "the same, with a mistake", text: posted(scaleSum, `{"delta":"x"}`, "Idempotency-Key: again"), want: malformed},
		attack{name: "the same, in capitals", text: posted(scaleSum, `{"delta":1}`, "Idempotency-Key: AGAIN"), want: taken, delta: 1},
	)
}

// holdAttacks ask for operations that are not there, and for holds without end.
func holdAttacks() []attack {
	var out []attack
	for name, lasts := range sorted(map[string]string{
		"below zero": "-1h", "nothing": "0", "beyond all numbers": "99999999999999999h", "longer than may be": "10000h", "a nanosecond": "1ns", "words": "forever", "a number": "30", "NaN": "NaNs", "empty": "",
		"control characters": "1h\x1b[2J", "10,000 digits": strings.Repeat("1", 10_000) + "h", "in other digits": "１h", "a micro sign": "1µs",
	}) {
		out = append(out, attack{name: "a hold for " + name, text: posted("/hold/"+poolHeld, document(map[string]any{"for": lasts})), want: malformed})
	}
	for name, body := range sorted(map[string]string{
		"a number": `{"for":30}`, "a list": `{"for":["1h"]}`, "null": `{"for":null}`, "a field nobody knows": `{"for":"1h","pool":"sum"}`, "twice": `{"for":"1h","for":"2h"}`,
	}) {
		out = append(out, attack{name: "a hold for " + name + " in JSON", text: posted("/hold/"+poolHeld, body), want: malformed})
	}
	for _, id := range []string{"0", "00000000000000000000000000", "%00", "..", "%1b[2J", "-1", "null", strings.Repeat("a", 200), "0cp41mvo3uka04jg2k8ba3vd4c%20"} {
		out = append(out,
			attack{name: "operation " + short(id), text: known("GET /operations/"+id, ""), want: missing},
			attack{name: "the end of operation " + short(id), text: known("DELETE /operations/"+id, ""), want: missing})
	}
	return append(out,
		attack{name: "a hold with a hostile reason", text: posted("/hold/"+poolHeld, `{"for":"1h","reason":"\u001b]0;x\u0007\u202e\u009b<script>"}`), want: done},
		attack{name: "a scaling of what is held", text: posted("/scale/"+poolHeld+"?force=true", `{"delta":25}`), want: []int{http.StatusConflict}},
		attack{name: "the page, while it is", text: known("GET /", ""), want: done}, attack{name: "the status, while it is", text: known("GET /status", ""), want: done},
		attack{name: "its end, with a parameter", text: known("DELETE /hold/"+poolHeld+"?all=true", ""), want: malformed},
		attack{name: "its end", text: known("DELETE /hold/"+poolHeld, ""), want: done}, attack{name: "its end, again", text: known("DELETE /hold/"+poolHeld, ""), want: done},
		attack{name: "the end of a hold on a path", text: known("DELETE /hold/..%2f..%2fetc", ""), want: append(missing, http.StatusOK)},
	)
}
