package board

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// evening is the end of the timelines here; a day of 24 hours has gone by since the day before.
var evening = time.Date(2026, 3, 4, 18, 30, 0, 0, time.UTC)

// ago is a moment before the evening.
func ago(d time.Duration) time.Time { return evening.Add(-d) }

// scaledAgo is a scaling of the pool worker that ended so long before the evening.
func scaledAgo(d time.Duration, from, to int) scale.Scaling {
	return scale.Scaling{Pool: "worker", From: from, To: to, Update: scale.Update{Succeeded: true, Start: ago(d + time.Minute), End: ago(d)}}
}

func failedAgo(d time.Duration, from, to int) scale.Scaling {
	s := scaledAgo(d, from, to)
	s.Succeeded = false
	return s
}

// counts are those of a timeline, as in "12:30 3".
func counts(t Timeline) string {
	var out []string
	for _, c := range t.Counts {
		out = append(out, fmt.Sprintf("%s %d", t.Clock(c.Since), c.Count))
	}
	return strings.Join(out, ", ")
}

func TestTimelineCounts(t *testing.T) {
	day := ago(24 * time.Hour)
	for name, test := range map[string]struct {
		past Past
		want string
		// told is what is said of them.
		told string
	}{
		"without a scaling it is what it is": {Past{Count: new(3), Since: day}, "12:30 3", "3 all the time"},
		"before a scaling it is what that began with, and after it what that led to": {
			Past{Count: new(5), Since: day, Scalings: []scale.Scaling{scaledAgo(time.Hour, 8, 5), scaledAgo(2*time.Hour, 3, 8)}},
			"12:30 3, 16:30 8, 17:30 5", "between 3 and 8, now 5",
		},
		"scalings from before say how it began": {
			Past{Count: new(5), Since: day, Scalings: []scale.Scaling{scaledAgo(7*time.Hour, 3, 5)}}, "12:30 5", "5 all the time",
		},
		"a scaling that failed has changed nothing": {
			Past{Count: new(3), Since: day, Scalings: []scale.Scaling{failedAgo(time.Hour, 3, 9)}}, "12:30 3", "3 all the time",
		},
		"those of other pools are not its own": {
			Past{Count: new(3), Since: day, Scalings: []scale.Scaling{{Pool: "api", From: 1, To: 2, Update: scale.Update{Succeeded: true, End: ago(time.Hour)}}}},
			"12:30 3", "3 all the time",
		},
		"what somebody changed without an update is seen at the end": {
			Past{Count: new(4), Since: day, Scalings: []scale.Scaling{scaledAgo(time.Hour, 3, 5)}}, "12:30 3, 17:30 5, 18:30 4", "between 3 and 5, now 4",
		},
		"before the oldest update that tells it nothing is known": {
			Past{Count: new(5), Since: ago(2 * time.Hour), Scalings: []scale.Scaling{scaledAgo(time.Hour, 3, 5), scaledAgo(2*time.Hour, 1, 3)}},
			"16:30 3, 17:30 5", "between 3 and 5, now 5, known since 16:30",
		},
		"if no update tells it, it is known now": {Past{Count: new(5)}, "18:30 5", "5 all the time, known since 18:30"},
		"if the present count is not known, the last is": {
			Past{Since: day, Scalings: []scale.Scaling{scaledAgo(time.Hour, 3, 5)}}, "12:30 3, 17:30 5", "between 3 and 5, now 5",
		},
		"nothing is known":                          {Past{}, "", "the count is not known"},
		"an update of the future tells nothing yet": {Past{Count: new(3), Since: day, Scalings: []scale.Scaling{scaledAgo(-time.Hour, 3, 5)}}, "12:30 3", "3 all the time"},
	} {
		t.Run(name, func(t *testing.T) {
			test.past.Rule = scale.Rule{Pool: "worker", Min: 1, Max: 10}
			got := TimelineOf(test.past, SpanNamed("6h"), evening)
			if counts(got) != test.want || got.Count() != test.told {
				t.Errorf("%s: %s\nwant %s: %s", counts(got), got.Count(), test.want, test.told)
			}
		})
	}
}

// A timeline with all that there can be.
func full(span string) Timeline {
	zone, _ := scale.LoadZone("Europe/Berlin")
	rule := scale.Rule{
		Pool: "worker", Min: 1, Max: 10,
		Schedules: []scale.Window{{Name: "evening", From: 18 * 60, To: 22 * 60, Zone: zone, Min: 4, Max: 12}},
		Metrics:   []scale.Metric{{Name: "queue", Every: 30 * time.Second}, {Name: "lost", Every: time.Minute}},
	}
	past := Past{Rule: rule, Count: new(5), Since: ago(30 * 24 * time.Hour), Scalings: []scale.Scaling{
		scaledAgo(time.Hour, 8, 5), failedAgo(90*time.Minute, 8, 11), scaledAgo(2*time.Hour, 3, 8), scaledAgo(9*time.Hour, 2, 3),
	}}
	for i := range 5 * 60 { // from five hours ago, with an hour without
		if at := ago(5 * time.Hour).Add(time.Duration(i) * time.Minute); i < 120 || i >= 180 {
			past.Samples = append(past.Samples, scale.Sample{Metric: "queue", Value: float64(i), At: at})
		}
	}
	past.Samples = append(past.Samples, scale.Sample{Metric: "of no rule", Value: 1, At: ago(time.Hour)})
	return TimelineOf(past, SpanNamed(span), evening)
}

func TestTimelineInWords(t *testing.T) {
	want := "worker over the last 6 hours: between 3 and 8, now 5, within 1 and 10, from 17:00 within 4 and 12; " +
		"3 scalings: 3 to 8 at 16:30, 8 to 11 at 17:00 failed, 8 to 5 at 17:30; queue between 0 and 299, last 299; lost had no value."
	if diff := cmp.Diff(want, full("6h").Sentence()); diff != "" {
		t.Error(diff)
	}
	if got := full("week").Within(); got != "within 4 and 12 or within 1 and 10, changing 14 times, now within 4 and 12" {
		t.Error(got)
	}
	if got := full("week").Sentence(); !strings.Contains(got, "over the last week: between 2 and 8") || !strings.Contains(got, "2 to 3 at Wed 09:30") {
		t.Error(got)
	}
	many := Past{Rule: scale.Rule{Pool: "worker", Max: 10}, Since: ago(10 * time.Hour)}
	for i := range 12 {
		many.Scalings = append(many.Scalings, scaledAgo(time.Duration(i+1)*time.Minute, 3, 5))
	}
	if got := TimelineOf(many, SpanNamed(""), evening).Sentence(); strings.Count(got, "3 to 5 at") != toldScalings || !strings.Contains(got, "12 scalings: the last 10 are ") {
		t.Error(got)
	}
	rows := TimelineOf(many, SpanNamed(""), evening).Rows()
	if got := rows[len(rows)-1].Scalings; got != "12, of which 0 failed" {
		t.Errorf("in a row: %s", got)
	}
}

// The table has the numbers of the picture, from tick to tick.
func TestTimelineRows(t *testing.T) {
	var got []string
	line := full("6h")
	for _, r := range line.Rows() {
		got = append(got, strings.Join(append([]string{line.Clock(r.From) + "-" + line.Clock(r.To), r.Count, r.Bounds, r.Scalings}, r.Metrics...), "|"))
	}
	want := []string{
		"12:30-13:00|3|1 to 10|||",
		"13:00-14:00|3|1 to 10||0 to 29|",
		"14:00-15:00|3|1 to 10||30 to 89|",
		"15:00-16:00|3|1 to 10||90 to 119|",
		"16:00-17:00|3 to 8|1 to 10|3 to 8 at 16:30, 8 to 11 at 17:00 failed|180 to 209|",
		"17:00-18:00|5 to 8|4 to 12|8 to 5 at 17:30|210 to 269|",
		"18:00-18:30|5|4 to 12||270 to 299|",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTimelineTicks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		span string
		now  time.Time
		want string
	}{
		"hours":                           {"6h", evening, "13:00 14:00 15:00 16:00 17:00 18:00"},
		"an end at an hour is no tick":    {"6h", evening.Truncate(time.Hour), "13:00 14:00 15:00 16:00 17:00"},
		"each fourth hour":                {"day", evening, "20:00 00:00 04:00 08:00 12:00 16:00"},
		"days":                            {"week", evening, "Thu Fri Sat Sun Mon Tue Wed"},
		"by the clock of the zone":        {"day", evening.In(berlin), "20:00 00:00 04:00 08:00 12:00 16:00"},
		"on the day that has no 02:00":    {"day", time.Date(2026, 3, 29, 18, 30, 0, 0, berlin), "20:00 00:00 04:00 08:00 12:00 16:00"},
		"across the hour that is missing": {"6h", time.Date(2026, 3, 29, 4, 30, 0, 0, berlin), "22:00 23:00 00:00 01:00 03:00 04:00"},
	} {
		t.Run(name, func(t *testing.T) {
			line := TimelineOf(Past{}, SpanNamed(test.span), test.now)
			var got []string
			for _, at := range line.Ticks() {
				got = append(got, line.Label(at))
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTimelineTop(t *testing.T) {
	for name, test := range map[string]struct {
		count, lower, upper, want int
	}{
		"it reaches the upper bound":                          {3, 1, 10, 10},
		"nothing is too small to be seen":                     {0, 0, 1, 4},
		"a count outside the bounds is inside the picture":    {12, 1, 10, 12},
		"a bound far above all counts is left out":            {5, 1, 1000, 10},
		"but not the lower one":                               {5, 30, 1000, 30},
		"a pool without anything is not all of its upper one": {0, 0, 50, 4},
	} {
		t.Run(name, func(t *testing.T) {
			past := Past{Rule: scale.Rule{Min: test.lower, Max: test.upper}, Count: &test.count, Since: ago(7 * time.Hour)}
			if got := TimelineOf(past, SpanNamed("6h"), evening).Top(); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
}

func TestSpans(t *testing.T) {
	for length, want := range map[time.Duration]string{time.Hour: "6h", 6 * time.Hour: "6h", 24 * time.Hour: "day", 168 * time.Hour: "week", 1000 * time.Hour: "week"} {
		if got := SpanLasting(length).Name; got != want {
			t.Errorf("%s: %s, want %s", length, got, want)
		}
	}
	if SpanNamed("day").Length != 24*time.Hour || SpanNamed("century").Name != "6h" {
		t.Error("spans are found by other names")
	}
}

// A line of very many values keeps its gaps and its extremes.
func TestSeriesIsThinned(t *testing.T) {
	line := full("6h")
	queue := line.Series[0]
	if len(queue.Runs) != 2 || len(line.Series[1].Runs) != 0 {
		t.Fatalf("%d runs, and %d of what was lost", len(queue.Runs), len(line.Series[1].Runs))
	}
	queue.Runs[0][7].Value = 1e6
	queue.Runs[0][8].Value = -1e6
	thin := queue.Thinned(line.From, line.To, 12)
	seen := map[float64]bool{}
	for _, run := range thin {
		for _, p := range run {
			seen[p.Value] = true
		}
	}
	if len(thin) != 2 || len(thin[0]) > 4*5 || !seen[1e6] || !seen[-1e6] || !seen[0] || !seen[299] {
		t.Errorf("%d runs, the first of %d: %v", len(thin), len(thin[0]), thin)
	}
	one := Series{Runs: [][]Point{{{line.To, 3}}}}
	if got := one.Thinned(line.From, line.To, 12); len(got[0]) != 1 {
		t.Error(got)
	}
}

// Names and reasons come from outside.
func TestTimelineMayBeShown(t *testing.T) {
	rule := scale.Rule{Pool: "work\x1b[31mer", Max: 5, Metrics: []scale.Metric{{Name: "que\nue"}}}
	scaling := scaledAgo(time.Hour, 3, 5)
	scaling.Pool, scaling.Message = rule.Pool, "why\x1b[2J"
	line := TimelineOf(Past{Rule: rule, Since: ago(9 * time.Hour), Scalings: []scale.Scaling{scaling}}, SpanNamed("6h"), evening)
	if text := line.Sentence() + line.Scalings[0].Why; strings.ContainsAny(text, "\x1b\n") || len(line.Scalings) != 1 {
		t.Errorf("%q", text)
	}
}
