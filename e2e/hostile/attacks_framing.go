//go:build linux

package main

import (
	"net/http"
	"strconv"
	"strings"
)

// hidden is a request that would scale, if it were ever taken for one. It has the token, so that nothing else stands in
// its way.
const hidden = "POST " + scaleSum + "?delta=25 HTTP/1.1\r\n" + hostHeader + "\r\n" + withToken + "\r\n\r\n"

// framed is a POST with the token, with these headers and whatever comes after them.
func framed(after string, headers ...string) string {
	return raw("POST "+scaleSum+"?delta=x HTTP/1.1", "", append([]string{hostHeader, withToken, asJSON}, headers...)...) + after
}

// framingAttacks are what is hardly HTTP.
func framingAttacks() []attack {
	var out []attack
	for name, text := range sorted(map[string]string{
		"rubbish": "\x00\x01\x02\x03\r\n\r\n", "a line of rubbish": "hello\r\n\r\n", "a TLS hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"no version": "GET /status\r\n\r\n", "version 0.9": raw("GET /status HTTP/0.9", "", hostHeader, withToken), "version 3.0": raw("GET /status HTTP/3.0", "", hostHeader),
		"version 1.2":    raw("GET /status HTTP/1.2", "", hostHeader, withToken, "Connection: close"),
		"version 11":     raw("GET /status HTTP/11", "", hostHeader),
		"version of ten": raw("GET /status HTTP/1.10", "", hostHeader), "in small letters": raw("GET /status http/1.1", "", hostHeader),
		"two spaces": raw("GET  /status HTTP/1.1", "", hostHeader), "tabs": raw("GET\t/status\tHTTP/1.1", "", hostHeader),
		"a word more": raw("GET /status HTTP/1.1 x", "", hostHeader), "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"an SMTP greeting": "EHLO evil.test\r\n\r\n", "a Redis command": "*1\r\n$4\r\nPING\r\n\r\n",
	}) {
		want := []int{http.StatusBadRequest, http.StatusHTTPVersionNotSupported}
		switch name {
		case "version 1.2": // it is answered as 1.1 is
			want = append(want, http.StatusOK)
		case "the preface of HTTP/2": // to the library it is a request, and one of a stranger
			want = stranger
		}
		out = append(out, attack{name: name, text: text, want: want, then: malformed, plain: true})
	}
	for name, header := range sorted(map[string]string{
		"below zero": "-1", "with a plus": "+5", "in hexadecimal": "0x5", "with a fraction": "5.0", "with an exponent": "5e0", "empty": "", "two in one": "5, 5",
		"two different in one": "5, 6", "beyond all numbers": "99999999999999999999999999", "with a letter": "5a", "with a space": "5 5", "in other digits": "５",
		"with an underscore": "1_0", "in quotes": `"5"`,
	}) {
		out = append(out, attack{name: "a length " + name, text: framed("hello", "Content-Length: "+header), want: malformed, plain: true})
	}
	for name, line := range sorted(map[string]string{
		"no number": "", "no hexadecimal": "xyz", "below zero": "-5", "with a prefix": "0x5", "beyond all numbers": "fffffffffffffffff", "with a plus": "+5",
		"with a space before": " 5", "with a NUL": "5\x00", "in other digits": "５", "a long extension": "5;" + strings.Repeat("x", 20_000),
	}) {
		out = append(out, attack{name: "a chunk size " + name, text: framed(line+"\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: malformed, plain: true, half: true})
	}
	return append(out,
		attack{name: "lines end in bare line feeds", text: "GET /status HTTP/1.1\n" + hostHeader + "\n" + withToken + "\nConnection: close\n\n", want: append(malformed, http.StatusOK), plain: true},
		attack{name: "a hundred blank lines first", text: strings.Repeat("\r\n", 100) + known("GET /status", ""), want: append(malformed, http.StatusOK), plain: true},
		attack{name: "version 1.0", text: raw("GET /status HTTP/1.0", "", withToken), want: done},
		attack{name: "the header ends early", text: "GET /status HTTP/1.1\r\nHost: x", want: malformed, plain: true, half: true},
		attack{name: "a chunk without its end", text: framed("5\r\nhelloX\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: malformed, plain: true, half: true},
		attack{name: "chunks without a last one", text: framed("5\r\nhello\r\n", "Transfer-Encoding: chunked"), want: malformed, plain: true, half: true},
		attack{name: "a chunk that ends early", text: framed("ffff\r\nhello", "Transfer-Encoding: chunked"), want: malformed, half: true},
		attack{name: "a million tiny chunks", text: framed(strings.Repeat("1\r\n \r\n", 200_000)+"0\r\n\r\n", "Transfer-Encoding: chunked", "Connection: close"), want: malformed},
		attack{name: "a trailer with the token", text: ask("POST "+scaleSum+"?delta=25", "", "Transfer-Encoding: chunked", "Trailer: Authorization") +
			"0\r\n" + withToken + "\r\n\r\n", want: stranger, then: malformed},
		attack{name: "long trailers", text: framed("0\r\n"+strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 100)+"\r\n", "Transfer-Encoding: chunked"), want: malformed, then: malformed, plain: true},
	)
}

// smugglingAttacks hide a request in what another one may take for its body.
func smugglingAttacks() []attack {
	last := "0\r\n\r\n" + hidden
	length := "Content-Length: " // of what is hidden and what is before it
	out := []attack{
		{name: "a length and chunks", text: framed(last, length+strconv.Itoa(len(last)), "Transfer-Encoding: chunked"), want: malformed, plain: true},
		{name: "chunks and a length", text: framed(last, "Transfer-Encoding: chunked", length+"4"), want: malformed, plain: true},
		{name: "a length and chunks, without a token", text: strings.ReplaceAll(framed("0\r\n\r\nPOST "+scaleSum+"?delta=25 HTTP/1.1\r\nX: ", length+"80", "Transfer-Encoding: chunked"), withToken+"\r\n", "") +
			"GET / HTTP/1.1\r\n" + hostHeader + "\r\n" + withToken + "\r\n\r\n", want: stranger, plain: true},
		{name: "two equal lengths", text: framed("hello", length+"5", length+"5", "Connection: close"), want: malformed, plain: true},
		{name: "two different lengths", text: framed(hidden, length+"0", length+strconv.Itoa(len(hidden))), want: malformed, plain: true},
		{name: "a length on a folded line", text: framed(hidden, "Content-Length:\r\n "+strconv.Itoa(len(hidden)), "Connection: close"), want: malformed, plain: true},
		{name: "a body of GET", text: raw("GET /healthz HTTP/1.1", hidden, hostHeader, "Connection: close"), want: done},
		{name: "a body of DELETE", text: raw("DELETE /hold HTTP/1.1", hidden, hostHeader, withToken, "Connection: close"), want: done},
		{name: "a body that is refused", text: raw("POST /nowhere HTTP/1.1", hidden, hostHeader, withToken), want: missing},
		{name: "a body of a stranger", text: raw("POST "+scaleSum+" HTTP/1.1", hidden, hostHeader), want: stranger},
		{name: "a body of the wrong type", text: raw("POST "+scaleSum+" HTTP/1.1", hidden, hostHeader, withToken, "Content-Type: text/html"), want: wrongType},
		{name: "a body of a wrong expectation", text: raw("POST "+scaleSum+" HTTP/1.1", hidden, hostHeader, withToken, "Expect: x"), want: []int{http.StatusExpectationFailed}, plain: true},
		{name: "behind a carriage return", text: framed("", "X: a\r\r\n"+length+"0"), want: malformed, plain: true},
		{name: "in a path", text: known("GET /pools/%20HTTP/1.1%0d%0a"+withToken[:13]+"%0d%0a%0d%0aPOST%20"+scaleSum, ""), want: missing},
		{name: "a length of version 1.0", text: raw("POST "+scaleSum+"?delta=x HTTP/1.0", hidden, hostHeader, withToken, asJSON), want: malformed},
		{name: "chunks of version 1.0", text: raw("POST "+scaleSum+"?delta=x HTTP/1.0", "", withToken, asJSON, "Transfer-Encoding: chunked", "Connection: keep-alive") + last, want: malformed, then: malformed, plain: true},
	}
	for _, coding := range []string{
		"chunked, chunked", "identity", "gzip, chunked", "chunked, identity", "xchunked", "chunked\x0b", "\x0bchunked", "chunked;q=0", `"chunked"`, "ch\r\n unked", "", "chunked,", "gzip", "CHUNKED",
	} {
		want := []int{http.StatusBadRequest, http.StatusNotImplemented}
		out = append(out, attack{name: "an encoding " + strings.Trim(strconv.Quote(coding), `"`), text: framed(last, "Transfer-Encoding: "+coding, length+strconv.Itoa(len(last))), want: want, plain: true})
	}
	for name, header := range sorted(map[string]string{
		"a space before the colon": "Transfer-Encoding : chunked", "a tab before the colon": "Transfer-Encoding\t: chunked", "a space first": " Transfer-Encoding: chunked",
		"a bare line feed": "X: y\nTransfer-Encoding: chunked", "a bare carriage return": "X: y\rTransfer-Encoding: chunked", "twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
		"twice, chunked last": "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "an underscore": "Transfer_Encoding: chunked", "a NUL": "Transfer-Encoding: chunked\x00",
	}) {
		out = append(out, attack{name: "an encoding after " + name, text: framed(last, length+strconv.Itoa(len(last)), header), want: []int{http.StatusBadRequest, http.StatusNotImplemented}, plain: true})
	}
	return out
}
