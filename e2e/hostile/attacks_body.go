//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"sync"
)

const maxBody = 1 << 20

// bomb is a lot of nothing, compressed.
var bomb = sync.OnceValue(func() string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(make([]byte, 32*maxBody)) // a buffer takes everything
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return ""
	}
	return out.String()
})

// mediaAttacks are bodies of other types than they should have.
func mediaAttacks() []attack {
	var out []attack
	for _, media := range []string{
		"text/html", "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/octet-stream", "application/jsonx",
		"application/json-patch+json", "json", "*/*", "application/json, text/plain", "application/json;;;=", "application/json\x80", ";", "application/x-ndjson", "image/svg+xml",
	} {
		out = append(out, attack{name: media, text: known("POST "+scaleSum, `{"delta":25}`, "Content-Type: "+media), want: wrongType})
	}
	for _, coding := range []string{"gzip", "br", "identity", "deflate, gzip", "x"} {
		out = append(out, attack{name: "encoded: " + coding, text: posted(scaleSum, `{"delta":25}`, "Content-Encoding: "+coding), want: wrongType})
	}
	return append(out,
		attack{name: "alerts as text", text: known("POST "+alertsOf, firing("Media", "x"), "Content-Type: text/plain"), want: wrongType},
		attack{name: "a hold as a form", text: known("POST /hold", "for=1h", "Content-Type: application/x-www-form-urlencoded"), want: wrongType},
		attack{name: "a bomb", text: posted(scaleSum, bomb(), "Content-Encoding: gzip"), want: wrongType},
		attack{name: "a bomb without a word", text: posted(scaleSum, bomb()), want: malformed},
		attack{name: "a bomb for a reload", text: posted("/-/reload", bomb(), "Content-Encoding: gzip"), want: wrongType},
		attack{name: "another charset", text: known("POST "+scaleSum, "\xfe\xff\x00{\x00}", "Content-Type: application/json; charset=utf-16"), want: malformed},
		attack{name: "two types", text: posted(scaleSum, `{"delta":1}`, "Content-Type: text/html"), want: append(append(wrongType, malformed...), taken...), delta: 1},
		attack{name: "no type", text: known("POST "+scaleSum, `{"delta":1}`), want: taken, delta: 1},
	)
}

// bodyAttacks are bodies that are too large, or not all there.
func bodyAttacks() []attack {
	long := func(n int) string { return `{"delta":25,"reason":"` + strings.Repeat("x", n) + `"}` }
	exactly := `{"delta":1,"reason":"` + strings.Repeat("x", maxBody-len(`{"delta":1,"reason":""}`)) + `"}`
	var out []attack
	for name, path := range sorted(map[string]string{"a count": scaleSum, "alerts": alertsOf, "an alarm": alarmsOf, "a hold": "/hold/" + poolHeld}) {
		out = append(out,
			attack{name: name + ", a byte too many", text: posted(path, exactly+" "), want: tooLarge},
			attack{name: name + ", 8 MiB", text: posted(path, long(8*maxBody)), want: tooLarge},
			attack{name: name + ", 2 MiB in chunks", text: known("POST "+path, "", asJSON, "Transfer-Encoding: chunked") + "200000\r\n" + strings.Repeat(" ", 2*maxBody) + "\r\n0\r\n\r\n", want: tooLarge},
			attack{name: name + ", half of it", text: posted(path, long(10))[:len(posted(path, long(10)))-5], want: malformed, half: true},
			attack{name: name + ", nothing of it", text: known("POST "+path, "", asJSON, "Content-Length: 12"), want: malformed, half: true},
			attack{name: name + ", empty", text: known("POST "+path, "", asJSON, "Content-Length: 0"), want: malformed})
	}
	return append(out,
		attack{name: "exactly as much as may be", text: posted(scaleSum, exactly), want: taken, delta: 1},
		attack{name: "less than was said", text: known("POST "+scaleSum, "", asJSON, "Content-Length: 1000000000000") + "{", want: malformed, half: true},
		attack{name: "more than was said", text: known("POST "+scaleSum, "", asJSON, "Content-Length: 11") + `{"delta":1}` + hidden, want: taken, delta: 1},
		attack{name: "a reload with a body", text: posted("/-/reload", `{"a":1}`), want: done},
		attack{name: "a GET with a body", text: known("GET /status", long(1000)), want: done},
		attack{name: "an expectation is met", text: known("POST "+scaleSum, "", asJSON, "Expect: 100-continue", "Content-Length: 11") + `{"delta":1}`, want: taken, delta: 1},
	)
}

// jsonAttacks are bodies that are not quite JSON, or not what they should be.
func jsonAttacks() []attack {
	var out []attack
	for name, body := range sorted(map[string]string{
		"nothing but space": "   ", "null": "null", "a list": `[{"delta":25}]`, "a text": `"delta"`, "a number": "25", "true": "true", "two values": `{"delta":25}{"delta":25}`,
		"something after it": `{"delta":25}x`, "cut off": `{"delta":25`, "cut off in a text": `{"delta":25,"reason":"`, "a comma at the end": `{"delta":25,}`, "a comment": `{"delta":25/**/}`,
		"single quotes": `{'delta':25}`, "no quotes": `{delta:25}`, "a byte order mark": "\ufeff{\"delta\":25}", "UTF-16": "{\x00\"\x00d\x00", "a byte that is no letter": "{\"delta\":25,\"reason\":\"\xff\"}",
		"an overlong letter": "{\"delta\":25,\"reason\":\"\xc0\xaf\"}", "half a surrogate as bytes": "{\"delta\":25,\"reason\":\"\xed\xa0\x80\"}", "a NUL": "{\"delta\":25}\x00",
		"a raw NUL in a text": "{\"delta\":25,\"reason\":\"a\x00b\"}", "a raw line break in a text": "{\"delta\":25,\"reason\":\"a\nb\"}", "a wrong escape": `{"delta":25,"reason":"\x41"}`,
		"nested 33 deep": `{"delta":25,"x":` + strings.Repeat("[", 33) + strings.Repeat("]", 33) + "}", "nested 100,000 deep": strings.Repeat("[", 100_000),
		"objects 100,000 deep": strings.Repeat(`{"a":`, 100_000), "a key twice": `{"delta":1,"delta":25}`, "a key twice, once escaped": `{"delta":1,"\u0064elta":25}`,
		"a key twice, one of 1,000": "{" + strings.Repeat(`"x":1,`, 1000) + `"delta":25}`, "a field nobody knows": `{"delta":25,"pool":"alerts"}`, "a prototype": `{"__proto__":{"delta":25}}`,
		"a field in capitals": `{"Delta":25}`, "a field with a NUL": `{"delta\u0000":25}`, "a field of 1 MB": `{"` + strings.Repeat("k", 1_000_000) + `":1}`,
		"a field of control characters": `{"\u001b[2J\u0007\u202e\u009b":1}`, "an empty field": `{"":25}`, "both": `{"delta":25,"count":5}`, "neither": `{}`,
		"a text for a number": `{"delta":"25"}`, "true for a number": `{"delta":true}`, "null for a number": `{"delta":null}`, "a list for a number": `{"delta":[25]}`,
		"an object for a number": `{"delta":{"$gt":0}}`, "a number for a text": `{"delta":25,"reason":5}`, "a fraction": `{"delta":1.5}`, "an exponent": `{"delta":1e1}`,
		"an exponent beyond all numbers": `{"delta":1e999999999}`, "a long number": `{"delta":` + strings.Repeat("9", 500_000) + "}", "minus zero and a half": `{"count":-0.5}`,
		"below zero": `{"count":-1}`, "NaN": `{"delta":NaN}`, "infinity": `{"delta":Infinity}`, "in hexadecimal": `{"delta":0x19}`, "a leading zero": `{"delta":025}`, "a plus": `{"delta":+25}`,
		"2 to the 63rd": `{"delta":9223372036854775808}`, "minus 2 to the 63rd": `{"delta":-9223372036854775808}`, "2 to the 31st": `{"count":2147483648}`,
		"dryRun in the body": `{"delta":25,"dryRun":true}`, "force in the body": `{"delta":25,"force":true}`, "in the body and the query": `{"delta":25,"reason":"a"}`,
	}) {
		path := scaleSum
		if name == "in the body and the query" {
			path += "?delta=1"
		}
		out = append(out, attack{name: name, text: posted(path, body), want: malformed})
	}
	return append(out,
		attack{name: "an escaped field is that field", text: posted(scaleSum, `{"\u0064elta":1}`), want: taken, delta: 1},
		attack{name: "halves of surrogates", text: posted(scaleSum, `{"delta":1,"reason":"\ud800 \udfff"}`), want: taken, delta: 1},
		attack{name: "a reason of escapes", text: posted(scaleSum, `{"delta":1,"reason":"\u001b]0;x\u0007\u0000\u202e\u009b2J\u2028"}`), want: taken, delta: 1},
		attack{name: "a reason of HTML", text: posted(scaleSum, `{"delta":1,"reason":"</script><img src=x onerror=alert(1)>"}`), want: taken, delta: 1},
		attack{name: "a reason of template words", text: posted(scaleSum, `{"delta":1,"reason":"${aws:token} {{.Token}} %s %n"}`), want: taken, delta: 1},
		attack{name: "zero", text: posted(scaleSum, `{"delta":0}`), want: []int{http.StatusOK, http.StatusAccepted}},
		attack{name: "minus zero", text: posted(scaleSum, `{"delta":-0}`), want: []int{http.StatusOK, http.StatusAccepted}},
	)
}
