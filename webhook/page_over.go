package webhook

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// over is the part of the page that shows how the pools stood during a span of time.
type over struct {
	Spans []spanLink
	// Plots are the pictures of the pools, one below the other. Omitted counts the pools that have no picture.
	Plots   []template.HTML
	Omitted int
	// Trouble says that something could not be shown; empty if everything could.
	Trouble string
}

// spanLink is a link to the page with the pictures of one span. Current says that the page shows this span now.
type spanLink struct {
	board.Span
	Current bool
}

// mostPlots is how many pools the page has pictures of at most.
const mostPlots = 30

// drawOver draws how the pools stood during the span that the query names. If a picture cannot be drawn in full, the
// missing part is left out and the reason is logged. The rest of the page stays as it is.
func (s *Server) drawOver(r *http.Request, o queue.Overview) (out over) {
	span, now := board.SpanNamed(r.URL.Query().Get("span")), s.Now()
	for _, other := range board.Spans() {
		out.Spans = append(out.Spans, spanLink{other, other.Name == span.Name})
	}
	updates, rules := s.Queue.Past(now.Add(-span.Length))
	for i, pool := range o.Pools {
		if i == mostPlots {
			out.Omitted = len(o.Pools) - mostPlots
			break
		}
		drawn, err := s.drawPool(fmt.Sprint("plot-", i+1), pool, span, updates, rules, now)
		if err != nil {
			out.Trouble = "Some of it cannot be shown: the server's log says why."
			if s.strangers.admits(s.Log, floodPicture) {
				s.Log.Error("what a pool was like cannot be shown in full", "pool", pool.Rule.Pool, "reason", err.Error())
			}
		}
		out.Plots = append(out.Plots, drawn)
	}
	return out
}

// drawPool returns the picture of one pool. Even with an error, it returns what could be drawn, which may be nothing. A
// panic is returned as an error.
func (s *Server) drawPool(id string, pool scale.Standing, span board.Span, updates []scale.Update, rules scale.Rules, now time.Time) (_ template.HTML, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	past := board.Past{Rule: pool.Rule, Count: pool.Count}
	if rule, known := rules[pool.Rule.Pool]; known && rule.ConfigKey == pool.Rule.ConfigKey {
		past.Scalings, past.Since = scale.Scalings(updates, pool.Rule.Pool), scale.KnownSince(updates, pool.Rule.Pool)
	}
	if len(pool.Rule.Metrics) > 0 {
		past.Samples, err = s.Queue.Samples(pool.Rule.Pool, now.Add(-span.Length))
	}
	var text bytes.Buffer
	if problem := pageTemplate().ExecuteTemplate(&text, "plot", newPlot(id, board.TimelineOf(past, span, now))); problem != nil {
		return "", problem
	}
	return template.HTML(text.String()), err
}
