package webhook

import (
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// measured lets a pool's rule name a metric, and keeps a value of it for each of so many minutes.
func (r *rig) measured(pool, metric string, minutes int) {
	r.t.Helper()
	r.stack.rule(pool, func(rule *scale.Rule) {
		rule.Metrics = append(rule.Metrics, scale.Metric{Name: metric, Every: time.Minute, HTTP: &scale.HTTPQuery{}})
	})
	r.post("/-/reload", nil).is(http.StatusOK)
	for i := range minutes {
		r.Queue.KeepSample(pool, scale.Sample{Metric: metric, Value: float64(i), At: time.Now().Add(-time.Duration(i) * time.Minute)})
	}
}

// pictures are the names and the descriptions of the page's pictures.
func pictures(t *testing.T, page string) (out []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for n := range root.Descendants() {
		if id := attr(n, "id"); id != "" && n.FirstChild != nil {
			texts[id] = n.FirstChild.Data
		}
	}
	for n := range root.Descendants() {
		if attr(n, "role") == "img" {
			out = append(out, texts[attr(n, "aria-labelledby")], texts[attr(n, "aria-describedby")])
		}
	}
	return out
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func TestPageShowsPoolsOverTime(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.done(r.post(pathScale, `{"count":5,"reason":"sale"}`).is(202).operation(), "scaled")
		r.measured("worker", "queue", 10)                    // not before: what the metric asks for could be carried out with the request
		now, begun := time.Now(), time.Now().Add(-time.Hour) // when the stack was deployed
		want := []string{
			"api over the last 6 hours", "api over the last 6 hours: 2 all the time, known since " + begun.Format("15:04") + ", within 1 and 10; no scaling.",
			"worker over the last 6 hours", "worker over the last 6 hours: between 3 and 5, now 5, known since " + begun.Format("15:04") +
				", within 1 and 10; 1 scaling: 3 to 5 at " + now.Format("15:04") + "; queue between 0 and 9, last 0.",
		}
		body := r.page().Body.String()
		if diff := cmp.Diff(want, pictures(t, body)); diff != "" {
			t.Error(diff)
		}
		for _, part := range []string{
			`<a href="?span=6h" aria-current="true">6 hours</a> <a href="?span=day">Day</a> <a href="?span=week">Week</a>`,
			`<title>3 to 5 at ` + now.Format("15:04") + `: http: sale</title>`, `<path class="metric" vector-effect="non-scaling-stroke" d="M`,
		} {
			if !strings.Contains(body, part) {
				t.Errorf("no %s in\n%s", part, body)
			}
		}
		r.shows("Over time 6 hours Day Week api 2 all the time, known since .* Numbers of worker Time Count Bounds Scalings queue .* 1 to 10 3 to 5 at .* 0 to 9 ")
		for query, words := range map[string]string{"span=day": "worker over the last day", "span=week": "worker over the last week", "span=%00": "worker over the last 6 hours"} {
			body := r.get("/?" + query).is(http.StatusOK).Body.String()
			if got := pictures(t, body); got[2] != words || strings.Count(body, "aria-current") != 1 {
				t.Errorf("%s shows %q", query, got[2])
			}
		}
	})
}

// What cannot be shown is left out, and said. The page stays.
func TestPageStaysIfAPictureCannotBeDrawn(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.measured("worker", "queue", 10)
		r.journal.mu.Lock()
		r.journal.samplesErr = errors.New("the disk is odd")
		r.journal.mu.Unlock()
		for range 2 * floodFirst {
			r.shows("Pools Pool Count", "Over time .* Some of it cannot be shown: the server's log says why. api 2 all the time.* worker 3 all the time")
		}
		if n := strings.Count(r.logged.String(), "the disk is odd"); n != floodFirst {
			t.Errorf("it is logged %d times", n)
		}
	})
}

func TestPageEscapesWhatPicturesName(t *testing.T) {
	const forged = `"><script>alert(1)</script>`
	serving(t, func(t *testing.T, r *rig) {
		r.measured("worker", forged, 3)
		r.stack.scaled("worker", 4, time.Hour/2)
		r.stack.set(func() { r.stack.updates[0].Message = forged })
		r.post("/-/reload", nil).is(http.StatusOK)
		body := r.page().Body.String()
		if strings.Contains(body, "<script>alert") || !strings.Contains(textOf(t, body), "3 to 4 at "+time.Now().Add(-time.Hour/2).Format("15:04")+": "+forged) {
			t.Error(body)
		}
	})
}

// timelineAt is a timeline of six hours that ends at noon.
func timelineAt(change func(*board.Timeline)) board.Timeline {
	noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	t := board.Timeline{Pool: "worker", Span: board.SpanNamed("6h"), From: noon.Add(-6 * time.Hour), To: noon}
	t.Bounds = []scale.BoundsSince{{Bounds: scale.Bounds{Min: 1, Max: 10}, Since: t.From}}
	change(&t)
	return t
}

func TestPlotOfCounts(t *testing.T) {
	line := timelineAt(func(t *board.Timeline) {
		half, end := t.From.Add(3*time.Hour), t.To
		t.Counts = []board.CountSince{{Since: t.From.Add(90 * time.Minute), Count: 5}, {Since: half, Count: 10}, {Since: end, Count: 0}}
		t.Bounds = append(t.Bounds, scale.BoundsSince{Bounds: scale.Bounds{Min: 2, Max: 500}, Since: half})
		t.Scalings = []board.Scaling{{From: 5, To: 10, Succeeded: true, End: &half}, {From: 10, To: 12, End: &end, Why: "load"}}
	})
	got := newPlot("plot-1", line).Counts
	want := countPanel{
		panel: panel{10, 120, 1000},
		Line:  "M250 90H500V60H1000V120H1000",
		Band:  "M0 60H500V114H0ZM500 0H1000V108H500Z",
		Upper: "M0 60H500", Lower: "M0 114H500V108H1000",
		Axis:  []label{{130, "0"}, {100, "5"}, {70, "10"}, {40, "15"}, {10, "20"}},
		Ends:  []label{{10, "max 500 ↑"}, {118, "min 2"}},
		Marks: []mark{{X: "50.00%", Y: 70, Title: "5 to 10 at 09:00"}, {X: "100.00%", Y: 70, Failed: true, Title: "10 to 12 at 12:00 failed: load"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(countPanel{})); diff != "" {
		t.Error(diff)
	}
}

func TestPlotNamesBoundsApart(t *testing.T) {
	for name, test := range map[string]struct {
		bounds scale.Bounds
		want   []label
	}{
		"far apart":      {scale.Bounds{Min: 0, Max: 10}, []label{{70, "max 10"}, {130, "min 0"}}},
		"near":           {scale.Bounds{Min: 10, Max: 11}, []label{{60.5, "max 11"}, {73.5, "min 10"}}},
		"equal":          {scale.Bounds{Min: 10, Max: 10}, []label{{70, "min, max 10"}}},
		"many":           {scale.Bounds{Min: 0, Max: 250_000}, []label{{10, "max 250k ↑"}, {130, "min 0"}}},
		"beyond it both": {scale.Bounds{Min: 30, Max: 40}, []label{{3.5, "max 40 ↑"}, {16.5, "min 30"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := nameBounds(test.bounds, 20, func(n int) float64 { return 120 - 6*float64(min(n, 20)) })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlotOfAMetric(t *testing.T) {
	line := timelineAt(func(t *board.Timeline) {
		at := func(hours int) time.Time { return t.From.Add(time.Duration(hours) * time.Hour) }
		t.Series = []board.Series{
			{Metric: "queue", Runs: [][]board.Point{{{At: at(0), Value: -10}, {At: at(3), Value: 30}}, {{At: at(6), Value: 10}}}, Least: -10, Most: 30, Last: 10},
			{Metric: "flat", Runs: [][]board.Point{{{At: at(1), Value: 7}, {At: at(2), Value: 7}}}, Least: 7, Most: 7, Last: 7},
			{Metric: "huge", Runs: [][]board.Point{{{At: at(0), Value: -math.MaxFloat64}, {At: at(6), Value: math.MaxFloat64}}}, Least: -math.MaxFloat64, Most: math.MaxFloat64},
			{Metric: "lost"},
		}
	})
	p := newPlot("plot-1", line)
	for i, want := range []struct{ line, caption string }{
		{"M0 40L500 0M1000 20h0", "queue: 10"}, {"M166.7 20L333.3 20", "flat: 7"}, {"M0 40L1000 0", "huge: 0"}, {"", "lost: no value"},
	} {
		if got := p.Metrics[i]; got.Line != want.line || got.Caption != want.caption {
			t.Errorf("%s: %s, want %s: %s", got.Caption, got.Line, want.caption, want.line)
		}
	}
	if got := p.Metrics[0]; got.Axis[0] != (label{float64(got.Y), "30"}) || got.Axis[1] != (label{float64(got.Y + metricHeight), "-10"}) {
		t.Errorf("%v", got.Axis)
	}
	if last := p.Metrics[3]; p.Floor != last.Y || p.Height <= p.Floor {
		t.Errorf("floor %d, height %d, the last metric at %d", p.Floor, p.Height, last.Y)
	}
}

func TestValuesAreBrief(t *testing.T) {
	for _, test := range []struct {
		least, most  float64
		lower, upper string
	}{
		{0, 1204, "0", "1204"}, {0.000556, 0.992, "0.00", "0.99"}, {1.2, 4.7, "1.2", "4.7"}, {1.2e9, 1.21e9, "1200M", "1210M"},
		{7, 7, "7", "7"}, {1.0 / 3, 1.0 / 3, "0.3333", "0.3333"}, {-12345, 12345, "-12k", "12k"}, {1e300, 2e300, "1e+288T", "2e+288T"},
		{1e-9, 2e-9, "1e-09", "2e-09"}, {-math.MaxFloat64, math.MaxFloat64, "-1.798e+296T", "1.798e+296T"},
	} {
		write := briefly(test.least, test.most)
		if lower, upper := write(test.least), write(test.most); lower != test.lower || upper != test.upper {
			t.Errorf("%g and %g: %s and %s, want %s and %s", test.least, test.most, lower, upper, test.lower, test.upper)
		}
	}
}
