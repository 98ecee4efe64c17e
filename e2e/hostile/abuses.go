//go:build linux

package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// abuses are all abuses of HTTP/2. The numbers in the comments on them are sections of RFC 9113.
func abuses() []abuse {
	return slices.Concat(prefaceAbuses(), floodAbuses(), resetAbuses(), continuationAbuses(), headerAbuses(), messageAbuses(), windowAbuses(), dataAbuses(), streamAbuses(), frameAbuses())
}

// scaling is a request that would scale.
func scaling(more ...string) []hpack.HeaderField {
	return request("POST", scaleSum+"?delta=25", more...)
}

// prefaceAbuses begin in another way than a connection begins (3.4).
func prefaceAbuses() []abuse {
	var out []abuse
	for _, text := range []string{
		"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n", "PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n", "GET /status HTTP/1.1\r\nHost: x\r\n\r\n", "\x00\x00\x00\x04\x00\x00\x00\x00\x00", strings.Repeat("\x00", 24),
		"PRI * HTTP/2.0\r\n\r\n", "", hidden, http2.ClientPreface + http2.ClientPreface, http2.ClientPreface + "\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		out = append(out, abuse{kind: "HTTP/2: prefaces", name: fmt.Sprintf("%.60q", text), bare: true, ends: true, do: func(p *peer) { p.text(text) }})
	}
	return append(out, abuse{kind: "HTTP/2: prefaces", name: "a request before the settings", bare: true, ends: true, do: func(p *peer) {
		p.text(http2.ClientPreface)
		p.open(1, true, scaling())
	}})
}

// floodAbuses send cheap frames without end. A careless server answers each. A careful one answers some, or ends the
// connection.
func floodAbuses() []abuse {
	type frame struct {
		name   string
		kind   http2.FrameType
		flags  http2.Flags
		length int
	}
	var out []abuse
	for _, f := range []frame{{"settings", http2.FrameSettings, 0, 0}, {"pings", http2.FramePing, 0, 8}, {"answers to pings", http2.FramePing, http2.FlagPingAck, 8}, {"frames nobody knows", 0xee, 0xff, 100}} {
		for _, n := range []int{1000, 20_000} {
			out = append(out, abuse{kind: "HTTP/2: floods", may: true, name: fmt.Sprint(n, " ", f.name), do: func(p *peer) {
				for range n {
					if !p.frame(f.kind, f.flags, 0, strings.Repeat("\x00", f.length)) {
						return
					}
				}
			}})
		}
	}
	return append(out,
		abuse{kind: "HTTP/2: floods", may: true, name: "10,000 settings of a table's size", do: func(p *peer) {
			for i := range 10_000 {
				p.settings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: uint32(i)})
			}
		}},
		abuse{kind: "HTTP/2: floods", may: true, name: "10,000 settings of the window", do: func(p *peer) {
			for i := range 10_000 {
				p.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i)})
			}
		}},
		abuse{kind: "HTTP/2: floods", may: true, name: "20,000 priorities", do: func(p *peer) {
			for i := range uint32(20_000) {
				p.write(func(f *http2.Framer) error { return f.WritePriority(2*i+1, http2.PriorityParam{StreamDep: 2*i + 3}) })
			}
		}},
		abuse{kind: "HTTP/2: floods", may: true, name: "10,000 settings and nobody reads", do: func(p *peer) {
			p.mu.Lock() // the reader waits
			for range 10_000 {
				p.settings()
			}
			p.mu.Unlock()
		}},
	)
}

// resetAbuses open streams and reset them at once: CVE-2023-44487, and its kin.
func resetAbuses() []abuse {
	var out []abuse
	for _, n := range []uint32{100, 500, 2000} {
		for name, header := range sorted(map[string][]hpack.HeaderField{"strangers' requests": strange("/status"), "requests": request("GET", "/nowhere")}) {
			out = append(out, abuse{kind: "HTTP/2: resets", name: fmt.Sprint(n, " ", name), want: append(stranger, http.StatusNotFound), do: func(p *peer) {
				for i := range n {
					if !p.open(2*i+1, true, header) || !p.write(func(f *http2.Framer) error { return f.WriteRSTStream(2*i+1, http2.ErrCodeCancel) }) {
						return
					}
				}
				p.open(2*n+1, true, strange("/status"))
				p.answered(1)
			}})
		}
	}
	made := func(name string, do func(p *peer, stream uint32)) {
		out = append(out, abuse{kind: "HTTP/2: resets", name: "500 made: " + name, want: stranger, do: func(p *peer) {
			for i := range uint32(500) {
				do(p, 2*i+1)
			}
			p.open(1001, true, strange("/status"))
			p.answered(1)
		}})
	}
	made("a window beyond all", func(p *peer, s uint32) {
		p.open(s, false, strange("/status"))
		p.write(func(f *http2.Framer) error { return f.WriteWindowUpdate(s, 1<<31-1) })
	})
	made("a dependence on itself", func(p *peer, s uint32) {
		p.open(s, false, strange("/status"))
		p.write(func(f *http2.Framer) error { return f.WritePriority(s, http2.PriorityParam{StreamDep: s}) })
	})
	made("half a request", func(p *peer, s uint32) {
		p.open(s, false, strange("/status"))
		p.write(func(f *http2.Framer) error { return f.WriteRSTStream(s, http2.ErrCodeNo) })
	})
	return out
}

// continuationAbuses are headers without end: CVE-2024-27316, and its kin (6.10).
func continuationAbuses() []abuse {
	const kind = "HTTP/2: continuations"
	var out []abuse
	for name, payload := range sorted(map[string]string{"empty": "", "a letter": "\x00\x01x\x01y", "16 kB": "\x00\x01x\x7f\xff\x7f" + strings.Repeat("v", 16_000)}) {
		for _, n := range []int{200, 5000} {
			out = append(out, abuse{kind: kind, name: fmt.Sprint(n, " of ", name), ends: true, do: func(p *peer) {
				p.frame(http2.FrameHeaders, 0, 1, p.encode(strange("/status")))
				for range n {
					if !p.frame(http2.FrameContinuation, 0, 1, payload) {
						break
					}
				}
				p.frame(http2.FramePing, 0, 0, "12345678") // in the midst of a header
			}})
		}
	}
	one := func(name string, do func(*peer)) {
		out = append(out, abuse{kind: kind, name: name, ends: true, want: stranger, do: do})
	}
	one("without a header", func(p *peer) {
		p.frame(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, p.encode(scaling()))
	})
	one("of another stream", func(p *peer) {
		p.frame(http2.FrameHeaders, 0, 1, p.encode(scaling()))
		p.frame(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 3, "")
	})
	one("of stream 0", func(p *peer) {
		p.frame(http2.FrameHeaders, 0, 1, p.encode(scaling()))
		p.frame(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 0, "")
	})
	one("after the last", func(p *peer) {
		p.open(1, false, strange("/status"))
		p.frame(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, "")
	})
	one("with data between", func(p *peer) {
		p.frame(http2.FrameHeaders, 0, 1, p.encode(scaling()))
		p.frame(http2.FrameData, http2.FlagDataEndStream, 1, "x")
	})
	return out
}

// headerAbuses are header lists and compression that cost the server much, or that make no sense.
func headerAbuses() []abuse {
	const kind = "HTTP/2: headers"
	large := []int{http.StatusRequestHeaderFieldsTooLarge}
	var out []abuse
	for _, size := range [][2]int{{1, 100_000}, {100, 1000}, {1000, 100}, {20_000, 1}} {
		out = append(out, abuse{kind: kind, name: fmt.Sprintf("%d of %d bytes", size[0], size[1]), ends: true, want: large, do: func(p *peer) { p.long(1, many(size[0], size[1])); p.answered(1) }})
	}
	out = append(out, abuse{kind: kind, name: "a bomb of one field 16,000 times", want: large, do: func(p *peer) {
		block := p.encode(append(strange("/status"), hpack.HeaderField{Name: "x", Value: strings.Repeat("v", 4000)}))
		p.frame(http2.FrameHeaders, http2.FlagHeadersEndStream, 1, block)
		// The byte is the newest entry of the table.
		p.frame(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, strings.Repeat("\xbe", 16_000))
		p.answered(1)
	}})
	for name, block := range sorted(map[string]string{
		"an index of 0": "\x80", "an index beyond the table": "\xff\xff\xff\x7f", "a number without end": "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "a text longer than the block": "\x00\x7f\xff\x7fabc",
		"wrong Huffman code": "\x00\x81\xff\x81\xff", "a table of 4 GB": "\x3f\xff\xff\xff\xff\x0f", "nothing but rubbish": strings.Repeat("\xff", 100),
	}) {
		out = append(out, abuse{kind: kind, name: "compression: " + name, ends: true, do: func(p *peer) {
			p.frame(http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream, 1, block)
		}})
	}
	return append(out,
		abuse{kind: kind, name: "padding longer than the frame", do: func(p *peer) {
			p.frame(http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersPadded, 1, "\xff"+p.encode(scaling()))
		}},
		abuse{kind: kind, name: "a stream that depends on itself", do: func(p *peer) {
			p.frame(http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersPriority|http2.FlagHeadersEndStream, 1, "\x00\x00\x00\x01\x00"+p.encode(scaling()))
		}},
	)
}

// messageAbuses are requests that are malformed (8.1.1). Each must come to nothing.
func messageAbuses() []abuse {
	var out []abuse
	for name, header := range sorted(map[string][]hpack.HeaderField{
		"no method": fields(":scheme", "https", ":path", scaleSum), "no path": fields(":method", "POST", ":scheme", "https"), "no scheme": fields(":method", "POST", ":path", scaleSum),
		"an empty path": request("POST", ""), "two methods": scaling(":method", "GET"), "two paths": scaling(":path", "/"), "a pseudo-header nobody knows": append(fields(":evil", "x"), scaling()...),
		"a status": append(fields(":status", "200"), scaling()...), "a pseudo-header after another": append(fields("x", "y"), scaling()...), "a name in capitals": scaling("X-Y", "z"),
		"a name with a space": scaling("x y", "z"), "a name with a line break": scaling("x\r\ny", "z"), "an empty name": scaling("", "z"), "a value with a line break": scaling("x", "y\r\nauthorization: z"),
		"a value with a NUL": scaling("x", "\x00"), "a connection": scaling("connection", "close"), "chunks": scaling("transfer-encoding", "chunked"), "an upgrade": scaling("upgrade", "websocket"),
		"another te":            scaling("te", "gzip"),
		"a method with a space": request("POST x", scaleSum), "a path with a space": request("POST", scaleSum+" HTTP/1.1"), "a path without a slash": request("POST", "scale/sum"), "CONNECT with a path": request("CONNECT", scaleSum),
		"another host": append(scaling("host", "evil.test"), fields("authorization", "x")...),
	}) {
		refused := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed}
		out = append(out, abuse{kind: "HTTP/2: messages", name: name, want: refused, do: func(p *peer) { p.open(1, true, header); p.met() }})
	}
	// By sections 8.1.1 and 8.2.2 these are malformed too. But the library takes them for what they say, from a sender
	// who has the token.
	for name, more := range sorted(map[string][]string{
		"keep-alive": {"keep-alive", "5"}, "a length that is no number": {"content-length", "x"}, "a length without a body": {"content-length", "5"}, "two lengths": {"content-length", "0", "content-length", "5"},
	}) {
		header := request("POST", scaleSum+"?delta=1", more...)
		out = append(out, abuse{kind: "HTTP/2: messages", name: name, want: append(malformed, http.StatusAccepted), delta: 1, do: func(p *peer) { p.open(1, true, header); p.met() }})
	}
	return append(out,
		abuse{kind: "HTTP/2: messages", name: "a body longer than said", want: []int{400}, do: func(p *peer) {
			p.open(1, false, request("POST", scaleSum, "content-type", "application/json", "content-length", "2"))
			p.frame(http2.FrameData, http2.FlagDataEndStream, 1, `{"delta":25}`)
		}},
		abuse{kind: "HTTP/2: messages", name: "a body shorter than said", want: []int{400}, do: func(p *peer) {
			p.open(1, false, request("POST", scaleSum, "content-type", "application/json", "content-length", "100"))
			p.frame(http2.FrameData, http2.FlagDataEndStream, 1, `{"delta":25}`)
		}},
		abuse{kind: "HTTP/2: messages", name: "pseudo-headers in a trailer", want: []int{400}, do: func(p *peer) {
			p.open(1, false, request("POST", scaleSum, "content-type", "application/json"))
			p.open(1, true, scaling())
		}},
	)
}
