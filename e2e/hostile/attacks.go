//go:build linux

package main

import (
	"net/http"
	"strings"
)

// The statuses that may be answered, in words.
var (
	done         = []int{http.StatusOK}
	taken        = []int{http.StatusAccepted}
	malformed    = []int{http.StatusBadRequest}
	stranger     = []int{http.StatusUnauthorized}
	forbidden    = []int{http.StatusForbidden}
	missing      = []int{http.StatusNotFound}
	noMethod     = []int{http.StatusMethodNotAllowed}
	tooLarge     = []int{http.StatusRequestEntityTooLarge}
	wrongType    = []int{http.StatusUnsupportedMediaType}
	headTooLarge = []int{http.StatusRequestHeaderFieldsTooLarge}
)

// The pools of the program.
const (
	// poolSum gets nothing but deltas, so that what it must be at the end is known.
	poolSum = "sum"
	// poolAlerts gets alerts. poolHeld is held and released.
	poolAlerts = "alerts"
	poolHeld   = "held"
)

const (
	scaleSum = "/scale/" + poolSum
	alertsOf = "/webhook/" + poolAlerts + "/prometheus"
	alarmsOf = "/webhook/" + poolAlerts + "/cloudwatch"
)

// kinds are all attacks by single requests.
func kinds() []kind {
	return []kind{
		{"methods", methodAttacks()}, {"without a token", strangerAttacks()}, {"tokens", tokenAttacks()}, {"paths", pathAttacks()},
		{"queries", queryAttacks()}, {"headers", headerAttacks()}, {"framing", framingAttacks()}, {"smuggling", smugglingAttacks()},
		{"other sites", siteAttacks()}, {"media types", mediaAttacks()}, {"bodies", bodyAttacks()}, {"JSON", jsonAttacks()},
		{"alerts", alertAttacks()}, {"alarms", alarmAttacks()}, {"keys", keyAttacks()}, {"operations and holds", holdAttacks()},
	}
}

// route is a route of the API: its methods and a path.
type route struct {
	methods, path string
	open          bool
}

func routes() []route {
	return []route{
		{"GET HEAD", "/", false}, {"GET HEAD", "/page/style.css", false}, {"POST", alarmsOf, false}, {"POST", alertsOf, false},
		{"POST", "/webhook/" + poolAlerts + "/azure", false}, {"POST", "/webhook/" + poolAlerts + "/google", false}, {"POST", "/signal/" + poolAlerts, false},
		{"POST", "/webhook/prometheus", false}, {"POST", scaleSum, false}, {"GET HEAD", "/status", false}, {"GET HEAD", "/pools", false},
		{"GET HEAD", "/pools/" + poolSum, false}, {"GET HEAD", "/operations", false}, {"GET HEAD DELETE", "/operations/0", false},
		{"GET HEAD", "/history", false}, {"GET HEAD POST DELETE", "/hold", false}, {"POST DELETE", "/hold/" + poolHeld, false},
		{"POST", "/cluster/forget/a", false}, {"GET HEAD", "/metrics", false}, {"POST", "/-/reload", false}, {"GET HEAD", "/healthz", true}, {"GET HEAD", "/readyz", true},
	}
}

// methodAttacks try every route by methods that it does not have.
func methodAttacks() []attack {
	var out []attack
	for _, r := range routes() {
		for _, method := range []string{"GET", "POST", "DELETE", "PUT", "TRACE", "get"} {
			if !strings.Contains(" "+r.methods+" ", " "+method+" ") {
				out = append(out, attack{name: method + " " + r.path, text: known(method+" "+r.path, ""), want: noMethod})
			}
		}
	}
	for _, method := range []string{"PATCH", "OPTIONS", "PROPFIND", "CONNECT", "BREW", strings.Repeat("A", 4000)} {
		out = append(out, attack{name: short(method) + " " + scaleSum, text: known(method+" "+scaleSum+"?delta=25", ""), want: noMethod})
	}
	return append(out,
		attack{name: "a method with a separator", text: known("PO(ST "+scaleSum, ""), want: malformed, plain: true},
		attack{name: "no method", text: known(" "+scaleSum, ""), want: malformed, plain: true},
		attack{name: "OPTIONS *", text: known("OPTIONS *", ""), want: append(missing, noMethod...)},
		attack{name: "the method is told by a header", text: known("GET "+scaleSum+"?delta=25", "", "X-HTTP-Method-Override: POST"), want: noMethod},
		attack{name: "the method is told by the query", text: known("GET "+scaleSum+"?_method=POST&delta=25", ""), want: noMethod},
	)
}

// strangerAttacks try every route without a token.
func strangerAttacks() []attack {
	var out []attack
	for _, r := range routes() {
		method, _, _ := strings.Cut(r.methods, " ")
		want := stranger
		if r.open {
			want = done
		}
		out = append(out, attack{name: method + " " + r.path, text: ask(method+" "+r.path, ""), want: want})
	}
	for _, path := range []string{"/nowhere", "/scale/", "/debug/pprof/", "/.git/config", "/..%2f..%2fetc%2fpasswd", "/healthz/../status", "//status", "/readyz/.."} {
		out = append(out, attack{name: "GET " + path, text: ask("GET "+path, ""), want: stranger})
	}
	return append(out,
		attack{name: "OPTIONS *", text: ask("OPTIONS *", ""), want: stranger},
		attack{name: "TRACE", text: ask("TRACE /healthz", "", "Cookie: a=b"), want: stranger},
		attack{name: "a count with a body", text: ask("POST "+scaleSum, `{"delta":25}`, asJSON), want: stranger},
		attack{name: "a large body", text: ask("POST "+scaleSum, strings.Repeat(" ", 4<<20), asJSON), want: stranger},
		attack{name: "an expectation is not met first", text: ask("POST "+scaleSum, "", "Expect: 100-continue", "Content-Length: 12"), want: stranger},
		attack{name: "a body that never comes", text: ask("POST "+scaleSum, "", "Content-Length: 1000000000000"), want: stranger},
	)
}

// tokenAttacks bear tokens that are not the server's. Some bear the right one, in a form that counts or in one that
// does not.
func tokenAttacks() []attack {
	token := strings.TrimPrefix(withToken, "Authorization: Bearer ")
	right := map[string]string{
		"a scheme in other letters": "Authorization: bEARER " + token, "spaces before it": "Authorization: Bearer    " + token,
		"Basic, any user": "Authorization: " + basic("nobody", token), "Basic, no user": "Authorization: " + basic("", token),
		"Basic, a user of control characters": "Authorization: " + basic("\x1b[2J\x00\r\n", token),
		"Basic, a user of 5,000 letters":      "Authorization: " + basic(strings.Repeat("u", 5000), token),
		"Basic, a user in other letters":      "Authorization: " + basic("ユーザー\u202e", token),
		"spaces after it":                     "Authorization: Bearer " + token + "   ",
		"on a folded line":                    "Authorization: Bearer\r\n " + token,
	}
	wrong := map[string]string{
		"empty": "Authorization:", "a scheme alone": "Authorization: Bearer", "an empty token": "Authorization: Bearer ",
		"no scheme": "Authorization: " + token, "another one": "Authorization: Bearer " + strings.Repeat("x", len(token)),
		"all but the last letter": "Authorization: Bearer " + token[:len(token)-1], "a letter more": "Authorization: Bearer " + token + "x",
		"in capitals": "Authorization: Bearer " + strings.ToUpper(token), "twice with a comma": "Authorization: Bearer " + token + ", Bearer " + token,
		"twice with a space": "Authorization: Bearer " + token + " " + token, "in quotes": `Authorization: Bearer "` + token + `"`,
		"two headers": withToken + "\r\n" + withToken, "two headers, the first wrong": "Authorization: Bearer x\r\n" + withToken,
		"two headers, the last empty": withToken + "\r\nAuthorization:",
		"long":                        "Authorization: Bearer " + strings.Repeat("x", 12_000), "not ASCII": "Authorization: Bearer " + token + "é",
		"not UTF-8": "Authorization: Bearer \xff\xfe" + token, "in full-width letters": "Authorization: Bearer ｌａｂ－０１２３４５６７８９",
		"Basic, as the user": "Authorization: " + basic(token, ""), "Basic, no colon": "Authorization: Basic bm9ib2R5",
		"Basic, no base64": "Authorization: Basic %%%", "Basic, empty": "Authorization: Basic", "Basic of the bare token": "Authorization: Basic " + token,
		"Digest": `Authorization: Digest username="` + token + `"`, "Negotiate": "Authorization: Negotiate " + token,
		"a JWT without algorithm": "Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.", "a scheme with a tab": "Authorization: Bearer\t" + token,
		"for a proxy": "Proxy-Authorization: Bearer " + token, "in a cookie": "Cookie: token=" + token, "in a header of its own": "X-Api-Key: " + token,
		"a user who is believed": "X-Forwarded-User: admin", "from this machine, says the sender": "X-Forwarded-For: 127.0.0.1\r\nX-Real-Ip: 127.0.0.1",
		"an underscore for a dash": "Author_ization: Bearer " + token,
	}
	var out []attack
	for name, header := range sorted(right) {
		out = append(out, attack{name: name, text: ask("GET /status", "", header), want: done})
	}
	for name, header := range sorted(wrong) {
		out = append(out, attack{name: name, text: ask("POST "+scaleSum+"?delta=25", "", header), want: stranger})
	}
	return append(out,
		attack{name: "in the query", text: ask("POST "+scaleSum+"?delta=25&token="+token+"&access_token="+token, ""), want: stranger},
		attack{name: "in the URL's user", text: ask("POST http://x:"+token+"@pulumiscale.test"+scaleSum+"?delta=25", ""), want: stranger},
		attack{name: "with a NUL", text: ask("GET /status", "", "Authorization: Bearer \x00"+token), want: malformed, plain: true},
		attack{name: "with a bare carriage return", text: ask("GET /status", "", withToken+"\rX: y"), want: malformed, plain: true},
		attack{name: "longer than a header may be", text: ask("GET /status", "", "Authorization: Bearer "+strings.Repeat("x", 40_000)), want: headTooLarge, plain: true},
	)
}

// siteAttacks are what a browser sends for another site, with and without the credentials that it keeps.
func siteAttacks() []attack {
	var out []attack
	for name, header := range sorted(map[string]string{
		"cross-site": "Sec-Fetch-Site: cross-site", "same-site": "Sec-Fetch-Site: same-site", "an origin": "Origin: https://evil.test",
		"the origin null": "Origin: null", "an origin that is no URL": "Origin: \\\\evil", "an origin that begins like ours": "Origin: http://pulumiscale.test.evil.test",
		"an origin with our name as user": "Origin: http://pulumiscale.test@evil.test", "a site of two words": "Sec-Fetch-Site: same-origin, cross-site",
	}) {
		out = append(out,
			attack{name: name + ", POST", text: posted(scaleSum, `{"delta":25}`, header), want: forbidden},
			attack{name: name + ", DELETE", text: known("DELETE /hold/"+poolHeld, "", header), want: forbidden},
			attack{name: name + ", without a token", text: ask("POST "+scaleSum+"?delta=25", "", header), want: stranger})
	}
	return append(out,
		attack{name: "a form", text: known("POST "+scaleSum, "delta=25", "Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: cross-site"), want: forbidden},
		attack{name: "a preflight", text: ask("OPTIONS "+scaleSum, "", "Origin: https://evil.test", "Access-Control-Request-Method: POST"), want: stranger},
		attack{name: "a preflight with a token", text: known("OPTIONS "+scaleSum, "", "Origin: https://evil.test", "Access-Control-Request-Method: POST"), want: noMethod},
		attack{name: "a rebound name", text: raw("POST "+scaleSum+"?delta=25 HTTP/1.1", "", "Host: evil.test", "Connection: close", "Origin: http://evil.test"), want: stranger},
		attack{name: "a page for a frame", text: known("GET /", "", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: iframe"), want: done},
		attack{name: "a websocket", text: known("GET /status", "", "Origin: https://evil.test", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), want: done},
	)
}
