//go:build linux

package main

import (
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http2"
)

const windows = "HTTP/2: windows"

// windowAbuses leave the server no window to answer in, or more window than there is (6.9).
func windowAbuses() []abuse {
	const kind = windows
	none := http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}
	shut := func(n uint32, path string) func(*peer) {
		return func(p *peer) {
			p.settings(none)
			for i := range n {
				p.open(2*i+1, true, request("GET", path))
			}
			p.answered(int(n))
		}
	}
	update := func(stream, by uint32) func(*peer) {
		return func(p *peer) {
			p.open(1, false, strange("/status"))
			p.write(func(f *http2.Framer) error { return f.WriteWindowUpdate(stream, by) })
		}
	}
	return []abuse{
		{kind: kind, name: "none for the metrics", want: done, do: shut(1, "/metrics")},
		{kind: kind, name: "none for 100 statuses", want: done, do: shut(100, "/status")},
		{kind: kind, name: "none, and then the sender leaves", ends: true, want: done, do: func(p *peer) {
			shut(20, "/metrics")(p)
			_ = p.conn.Close()
		}},
		{kind: kind, name: "a byte at a time", want: done, do: func(p *peer) {
			p.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
			p.open(1, true, request("GET", "/metrics"))
			for range 2000 {
				p.write(func(f *http2.Framer) error { return f.WriteWindowUpdate(1, 1) })
			}
		}},
		{kind: kind, name: "opened by 0", want: stranger, do: update(1, 0)},
		{kind: kind, name: "opened by 0 for all", ends: true, want: stranger, do: update(0, 0)},
		{kind: kind, name: "opened beyond all for all", ends: true, want: stranger, do: update(0, 1<<31-1)},
		{kind: kind, name: "opened for a stream that is not", ends: true, want: stranger, do: update(99, 1)},
		{kind: kind, name: "a first size beyond all", ends: true, do: func(p *peer) { p.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31}) }},
	}
}

// dataAbuses send more data than there is room for, or empty data without end.
func dataAbuses() []abuse {
	const kind = windows
	return []abuse{
		{kind: kind, name: "more data than there is room for", want: append(stranger, http.StatusRequestEntityTooLarge), do: func(p *peer) {
			p.open(1, false, strange("/status"))
			for range 400 {
				if !p.frame(http2.FrameData, 0, 1, strings.Repeat("x", 16<<10)) {
					return
				}
			}
		}},
		{kind: kind, name: "20,000 frames without data", want: append(malformed, http.StatusRequestEntityTooLarge), do: func(p *peer) {
			p.open(1, false, request("POST", scaleSum, "content-type", "application/json"))
			for range 20_000 {
				p.frame(http2.FrameData, 0, 1, "")
			}
			p.frame(http2.FrameData, http2.FlagDataEndStream, 1, "")
			p.answered(1)
		}},
		{kind: kind, name: "frames of nothing but padding", want: append(malformed, http.StatusRequestEntityTooLarge), do: func(p *peer) {
			p.open(1, false, request("POST", scaleSum, "content-type", "application/json"))
			for range 100 {
				p.frame(http2.FrameData, http2.FlagDataPadded, 1, "\xff"+strings.Repeat("\x00", 255))
			}
			p.frame(http2.FrameData, http2.FlagDataEndStream, 1, "")
			p.answered(1)
		}},
	}
}

// streamAbuses use streams that are not theirs to use (5.1).
func streamAbuses() []abuse {
	const kind = "HTTP/2: streams"
	return []abuse{
		{kind: kind, name: "an even number", ends: true, do: func(p *peer) { p.open(2, true, scaling()) }},
		{kind: kind, name: "number 0", ends: true, do: func(p *peer) { p.open(0, true, scaling()) }},
		{kind: kind, name: "a smaller number", ends: true, want: stranger, do: func(p *peer) {
			p.open(5, true, strange("/status"))
			p.open(3, true, scaling())
		}},
		{kind: kind, name: "the same again", ends: true, want: stranger, do: func(p *peer) {
			p.open(1, true, strange("/status"))
			p.answered(1)
			p.open(1, true, scaling())
		}},
		{kind: kind, name: "the last number of all", want: stranger, do: func(p *peer) {
			p.open(1<<31-1, true, strange("/status"))
			p.answered(1)
		}},
		{kind: kind, name: "data of one that is not", ends: true, do: func(p *peer) { p.frame(http2.FrameData, 0, 1, "x") }},
		{kind: kind, name: "data of number 0", ends: true, do: func(p *peer) { p.frame(http2.FrameData, 0, 0, "x") }},
		{kind: kind, name: "the end of one that is not", ends: true, do: func(p *peer) { p.frame(http2.FrameRSTStream, 0, 9, "\x00\x00\x00\x08") }},
		{kind: kind, name: "5,000 at once", want: stranger, do: func(p *peer) {
			for i := range uint32(5000) {
				p.open(2*i+1, false, strange("/status"))
			}
		}},
		{kind: kind, name: "5,000 requests", want: stranger, do: func(p *peer) {
			for i := range uint32(5000) {
				p.open(2*i+1, true, strange("/"+strings.Repeat("x", 100)))
			}
		}},
		{kind: kind, name: "100 bodies that never come", do: func(p *peer) {
			for i := range uint32(100) {
				p.open(2*i+1, false, request("POST", scaleSum, "content-type", "application/json"))
			}
		}, want: append(malformed, http.StatusServiceUnavailable)},
	}
}

// frameAbuses are frames that are not what they say they are (6).
func frameAbuses() []abuse {
	const kind = "HTTP/2: frames"
	var out []abuse
	for _, f := range []struct {
		name    string
		kind    http2.FrameType
		flags   http2.Flags
		stream  uint32
		payload string
	}{
		{"larger than they may be", http2.FrameData, 0, 1, strings.Repeat("x", 2<<20)}, {"a ping of 7 bytes", http2.FramePing, 0, 0, "1234567"}, {"a ping of a stream", http2.FramePing, 0, 1, "12345678"},
		{"settings of 5 bytes", http2.FrameSettings, 0, 0, "12345"}, {"settings of a stream", http2.FrameSettings, 0, 1, ""}, {"an answer to settings with settings", http2.FrameSettings, http2.FlagSettingsAck, 0, "\x00\x01\x00\x00\x00\x00"},
		{"a push", http2.FramePushPromise, http2.FlagPushPromiseEndHeaders, 1, "\x00\x00\x00\x02"}, {"a reset of 3 bytes", http2.FrameRSTStream, 0, 1, "abc"}, {"a window of 3 bytes", http2.FrameWindowUpdate, 0, 0, "abc"},
		{"a priority of 4 bytes", http2.FramePriority, 0, 1, "abcd"}, {"a farewell of 2 bytes", http2.FrameGoAway, 0, 0, "ab"}, {"a farewell of a stream", http2.FrameGoAway, 0, 1, "12345678"},
		{"data of nothing, padded", http2.FrameData, http2.FlagDataPadded, 1, ""}, {"a frame size of 1", http2.FrameSettings, 0, 0, "\x00\x05\x00\x00\x00\x01"}, {"pushes of 2", http2.FrameSettings, 0, 0, "\x00\x02\x00\x00\x00\x02"},
	} {
		out = append(out, abuse{kind: kind, name: f.name, ends: true, want: stranger, do: func(p *peer) {
			if f.kind != http2.FrameSettings {
				p.open(1, false, strange("/status"))
			}
			p.frame(f.kind, f.flags, f.stream, f.payload)
		}})
	}
	for _, size := range []int{0, 1, 100} {
		out = append(out, abuse{kind: kind, name: fmt.Sprintf("a farewell with %d letters, and then a request", size), ends: true, want: stranger, do: func(p *peer) {
			p.frame(http2.FrameGoAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x00"+strings.Repeat("x", size))
			p.open(1, true, strange("/status"))
		}})
	}
	return out
}
