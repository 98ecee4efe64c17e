//go:build linux

package main

import (
	"encoding/base64"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// short is a text in a form that fits into a name.
func short(text string) string {
	if len(text) > 60 {
		return text[:60] + "..."
	}
	return text
}

// pathAttacks ask for paths that are not there, or that mean another path.
func pathAttacks() []attack {
	var out []attack
	for _, path := range []string{
		"/page/../../../../etc/passwd", "/page/..%2f..%2f..%2fetc%2fpasswd", "/page/%2e%2e/%2e%2e/etc/passwd", "/page/%2e%2e%2fserver.go",
		"/page/..%5c..%5cserver.go", "/page/style.css%00.html", "/page/", "/page", "/page/style.css/", "/page/STYLE.CSS", "/page/.", "/page/*",
		"/operations/..%2f..%2fetc%2fpasswd", "/operations/%00", "/operations/" + strings.Repeat("z", 8000), "/operations/'%20OR%201=1--",
		"/pools/", "/pools/%2e", "/pools/%2e%2e", "/pools/SUM", "/pools/sum%00", "/pools/sum%20", "/pools/sum%0d%0aX-Injected:%20yes", "/pools/%ff%fe",
		"/pools/ѕum", "/pools/sum%E2%80%AE", "/pools/%1b[2J%1b]0;x%07", "/pools/sum;x=1", "/pools/sum/..", "/pools/./sum", "/pools//sum", "/status/", "/Status",
		"/status%20", "/%73tatus/x", "/.env", "/debug/pprof/heap", "/-/", "/-/quit", "/metrics/..", "/index.html", "/{$}", "/pools/{pool}", "/%2f", "//", "/..", "/./",
		"/server-status", "/actuator/env", "/cgi-bin/.%2e/.%2e/bin/sh", "/$%7bjndi:ldap://127.0.0.1/a%7d", "/pools/%25s%25n%25d", "/pools/" + strings.Repeat("a/", 2000),
	} {
		out = append(out, attack{name: short(path), text: known("GET "+path, ""), want: missing})
	}
	for _, path := range []string{"/scale", "/scale/", "/scale/sum/", "/scale//sum", "/scale/../scale/sum", "/./scale/sum", "/scale/sum/../sum", "/scale/sum%2f", "/scale/sum/extra", "//scale/sum"} {
		out = append(out, attack{name: "POST " + path, text: known("POST "+path+"?delta=25", ""), want: missing})
	}
	for _, pool := range []string{"%2e%2e", "nobody", "sum%0a", "%00", "sum%2f..%2fsum", strings.Repeat("p", 10_000), "%F0%9F%92%A5"} {
		out = append(out, attack{name: "alerts of " + short(pool), text: posted("/webhook/"+pool+"/prometheus", firing("Path", "x")), want: missing})
	}
	return append(out,
		attack{name: "an unknown pool", text: posted("/scale/summ", `{"delta":25}`), want: missing},
		attack{name: "a pool as a path", text: posted("/scale/%2e%2e%2fsum", `{"delta":25}`), want: missing},
		attack{name: "a hold of an unknown pool", text: posted("/hold/nobody", `{"for":"1m"}`), want: missing},
		attack{name: "an escaped letter is that letter", text: posted("/scale/%73um", `{"delta":1}`), want: taken, delta: 1},
		attack{name: "a whole URL", text: posted("http://evil.test"+scaleSum, `{"delta":1}`), want: taken, delta: 1},
		attack{name: "a wrong escape", text: known("GET /pools/%zz", ""), want: malformed, plain: true},
		attack{name: "half an escape", text: known("GET /pools/%2", ""), want: malformed, plain: true},
		attack{name: "no slash", text: known("GET status", ""), want: malformed, plain: true},
		attack{name: "a space", text: known("GET /pools/a b", ""), want: malformed, plain: true},
		attack{name: "a control character", text: known("GET /pools/\x01", ""), want: malformed, plain: true},
		attack{name: "bytes that are no letters", text: known("GET /pools/\xff\xfe", ""), want: missing},
		attack{name: "longer than all headers may be", text: known("GET /"+strings.Repeat("a", 60_000), ""), want: headTooLarge, plain: true},
		attack{name: "another scheme", text: known("GET file:///etc/passwd", ""), want: append(missing, malformed...), plain: true},
	)
}

// queryAttacks ask for counts that are not counts.
func queryAttacks() []attack {
	var out []attack
	for _, query := range []string{
		"", "?", "delta", "delta=", "delta=1e3", "delta=0x10", "delta=1_000", "delta=1.0", "delta=1.5", "delta=99999999999999999999999999", "delta=-99999999999999999999",
		"delta=2147483648000", "delta=NaN", "delta=Infinity", "delta=-Inf", "delta=--1", "delta=%2B%2B1", "delta=1%00", "delta=1%0a", "delta=%EF%BC%91", "delta=1;count=5",
		"delta=1&delta=2", "delta=1&count=5", "count=-1", "count=", "count=1e1", "count=null", "count[]=5", "count=%zz", "Delta=1", "DELTA=1", "delta%00=1", "delta=1&x=y",
		"delta=25&dryRun=yes", "delta=25&dryRun=1", "delta=25&dryrun=true", "delta=25&dryRun=true&dryRun=false", "delta=25&force=TRUE", "delta=25&force=",
		"delta=25&pool=alerts", "delta=25&reason=a&reason=b", "delta=$(id)", "delta=1'--", "delta=%1b[2J", "%ff=1", "delta=%ff",
	} {
		out = append(out, attack{name: short(query), text: known("POST "+scaleSum+"?"+query, ""), want: malformed})
	}
	for _, query := range []string{"direction=sideways", "delta=1&count=1", "delta=x", "count=-1", "direction=up&direction=down", "dryRun=true", "%zz", "direction=up;delta=1"} {
		out = append(out, attack{name: "of a webhook: " + query, text: posted(alertsOf+"?"+query, firing("Query", query)), want: malformed})
	}
	for _, limit := range []string{"0", "-1", "1001", "1e3", "abc", "99999999999999999999", "%00"} {
		out = append(out, attack{name: "limit=" + limit, text: known("GET /operations?limit="+limit, ""), want: malformed},
			attack{name: "history, limit=" + limit, text: known("GET /history?limit="+limit, ""), want: malformed})
	}
	return append(out,
		attack{name: "a plus as people type it", text: known("POST "+scaleSum+"?delta=+1", ""), want: taken, delta: 1},
		attack{name: "a reason of control characters", text: known("POST "+scaleSum+"?delta=1&reason=%1b[2J%00%0d%0aX:%20y%e2%80%ae%c2%9b", ""), want: taken, delta: 1},
		attack{name: "a reason of 10,000 letters", text: known("POST "+scaleSum+"?delta=1&reason="+strings.Repeat("r", 10_000), ""), want: taken, delta: 1},
		attack{name: "a reason like a command", text: known("POST "+scaleSum+"?delta=1&reason=%24(touch%20x)%60id%60--target%3d%27", ""), want: taken, delta: 1},
		attack{name: "a thousand parameters", text: known("POST "+scaleSum+"?delta=25"+strings.Repeat("&a=b", 1000), ""), want: malformed},
		attack{name: "history of an unknown pool", text: known("GET /history?pool=%1b[2J", ""), want: missing},
		attack{name: "operations of an unknown pool", text: known("GET /operations?pool=%1b[2J", ""), want: append(missing, http.StatusOK)},
	)
}

// headerAttacks have headers that are large, odd, or stand twice.
func headerAttacks() []attack {
	status := func(headers ...string) string { return known("GET /status", "", headers...) }
	bare := func(headers ...string) string {
		return raw("GET /status HTTP/1.1", "", append([]string{withToken, "Connection: close"}, headers...)...)
	}
	return []attack{
		{name: "one of 40,000 bytes", text: status("X: " + strings.Repeat("x", 40_000)), want: headTooLarge, plain: true},
		{name: "one of 12,000 bytes", text: status("X: " + strings.Repeat("x", 12_000)), want: done},
		{name: "a long name", text: status(strings.Repeat("X", 40_000) + ": x"), want: headTooLarge, plain: true},
		{name: "10,000 of them", text: status(strings.TrimSuffix(strings.Repeat("X: y\r\n", 10_000), "\r\n")), want: headTooLarge, plain: true},
		{name: "a name with a space", text: status("X : y"), want: malformed, plain: true},
		{name: "a name with a NUL", text: status("X\x00: y"), want: malformed, plain: true},
		{name: "a name that is not ASCII", text: status("X-é: y"), want: malformed, plain: true},
		{name: "an empty name", text: status(": y"), want: malformed, plain: true},
		{name: "no colon", text: status("X"), want: malformed, plain: true},
		{name: "a value with a NUL", text: status("X: a\x00b"), want: malformed, plain: true},
		{name: "a value with an escape", text: status("X: \x1b[2J"), want: malformed, plain: true},
		{name: "a value with a bare carriage return", text: status("X: a\rb"), want: malformed, plain: true},
		{name: "a line that begins with a space", text: raw("GET /status HTTP/1.1", "", " X: y", hostHeader, withToken), want: malformed, plain: true},
		{name: "a folded line", text: status("X: a\r\n b"), want: append(malformed, http.StatusOK), plain: true},
		{name: "a folded host", text: bare("Host:\r\n pulumiscale.test"), want: append(malformed, http.StatusOK), plain: true},
		{name: "no host", text: bare(), want: malformed, plain: true},
		{name: "two hosts", text: bare("Host: a.test", "Host: b.test"), want: malformed, plain: true},
		{name: "an empty host", text: bare("Host:"), want: append(malformed, http.StatusOK), plain: true},
		{name: "a host with a path", text: bare("Host: a.test/x"), want: append(malformed, http.StatusOK), plain: true},
		{name: "a host with a space", text: bare("Host: a test"), want: malformed, plain: true},
		{name: "a host with an escape", text: bare("Host: \x1b[2J"), want: malformed, plain: true},
		{name: "a host with a script", text: bare("Host: <script>alert(1)</script>"), want: append(malformed, http.StatusOK), plain: true},
		{name: "a host of 10,000 bytes", text: bare("Host: " + strings.Repeat("h", 10_000)), want: done},
		{name: "an expectation", text: status("Expect: miracles"), want: []int{http.StatusExpectationFailed}, plain: true},
		{name: "an upgrade to h2c", text: status("Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), want: done},
		{name: "another connection option", text: known("GET /status", "", "Connection: authorization, close"), want: done},
		{name: "a range", text: status("Range: bytes=0-0,1-1,2-2,0-"), want: done},
		{name: "many ranges of a file", text: known("GET /page/style.css", "", "Range: bytes=0-"+strings.Repeat(",0-", 3000)), want: []int{200, 206, 416}, plain: true},
		{name: "preconditions", text: known("GET /page/style.css", "", "If-Match: *", "If-Modified-Since: x", "If-None-Match: \"\""), want: []int{200, 304, 412}},
		{name: "another URL in a header", text: known("GET /healthz", "", "X-Original-URL: "+scaleSum, "X-Rewrite-Url: "+scaleSum), want: done},
		{name: "another host in a header", text: status("X-Forwarded-Host: evil.test", "Forwarded: host=evil.test;proto=https"), want: done},
		{name: "a cookie of 10,000 bytes", text: status("Cookie: " + strings.Repeat("c=d;", 2500)), want: done},
		{name: "encodings nobody knows", text: status("Accept-Encoding: zstd;q=NaN, gzip;q=1e9, *;q=0", "Accept: */*;q=-1"), want: done},
		{name: "metrics in a strange form", text: known("GET /metrics", "", "Accept: application/openmetrics-text;version=99;charset=\x80, text/plain;q=9"), want: done},
		{name: "a preference without a number", text: posted(scaleSum, `{"delta":25}`, "Prefer: wait=soon"), want: malformed},
		{name: "a preference below zero", text: posted(scaleSum, `{"delta":25}`, "Prefer: wait=-1"), want: malformed},
		{name: "a preference beyond all numbers", text: posted(scaleSum, `{"delta":25}`, "Prefer: wait=99999999999999999999"), want: malformed},
		{name: "an odd preference", text: posted(scaleSum, `{"delta":1}`, `Prefer: , ;=,wait="0",respond-async;x`), want: taken, delta: 1},
		{name: "a trace that is none", text: status("Traceparent: 00-"+strings.Repeat("z", 500), "Tracestate: \xff=\xff"), want: done},
	}
}

// sorted goes through a map in the order of its keys, so that a run is like the one before.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}
