package scale_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
)

// scheduled is a rule from 0 to 100 with these windows, as JSON.
func scheduled(t testing.TB, windows ...string) scale.Rule {
	t.Helper()
	rules, err := parse.Rules([]byte(`{"web": {"urn": "urn:pulumi:dev::demo::pkg:index:Pool::web", "configKey": "count", "min": 0, "max": 100, "schedules": [` + strings.Join(windows, ",") + `]}}`))
	if err != nil {
		t.Fatal(err)
	}
	return rules["web"]
}

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestTheFirstWindowThatHoldsGivesTheBounds(t *testing.T) {
	rule := scheduled(t,
		`{"name": "sale", "dates": ["2026-11-27"], "min": 40}`,
		`{"name": "office", "days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00", "min": 10, "max": 50}`,
		`{"name": "night", "from": "22:00", "to": "06:00", "count": 2}`,
	)
	for at, want := range map[string]scale.Bounds{
		"2026-11-26T07:59:59Z": {0, 100, ""},
		"2026-11-26T08:00:00Z": {10, 50, "office"}, // a window holds from its first moment
		"2026-11-26T17:59:59Z": {10, 50, "office"},
		"2026-11-26T18:00:00Z": {0, 100, ""}, // and not at its end
		"2026-11-26T23:59:59Z": {2, 2, "night"},
		"2026-11-27T00:00:00Z": {40, 100, "sale"}, // a date lasts until midnight, and comes before what holds then too
		"2026-11-27T12:00:00Z": {40, 100, "sale"},
		"2026-11-27T23:59:59Z": {40, 100, "sale"},
		"2026-11-28T00:00:00Z": {2, 2, "night"}, // it began the day before
		"2026-11-28T05:59:59Z": {2, 2, "night"},
		"2026-11-28T06:00:00Z": {0, 100, ""},
		"2026-11-28T12:00:00Z": {0, 100, ""}, // a Saturday
		"2026-11-30T12:00:00Z": {10, 50, "office"},
	} {
		if got := rule.Bounds(moment(t, at)); got != want {
			t.Errorf("%s: %+v, want %+v", at, got, want)
		}
	}
}

func TestAWindowAcrossMidnightBelongsToTheDayOnWhichItBegins(t *testing.T) {
	rule := scheduled(t, `{"name": "w", "days": ["fri"], "from": "22:00", "to": "06:00", "zone": "Europe/Berlin", "count": 1}`)
	for at, want := range map[string]string{
		"2026-11-27T05:59:00+01:00": "", "2026-11-27T22:00:00+01:00": "w", "2026-11-28T05:59:00+01:00": "w", "2026-11-28T06:00:00+01:00": "",
		"2026-11-28T22:00:00+01:00": "",
	} {
		if got := rule.Bounds(moment(t, at)); got.Window != want {
			t.Errorf("%s: %q, want %q", at, got.Window, want)
		}
	}
}

// The changes of the clock: Berlin and New York by an hour, Lord Howe by half an hour, UTC never.
func TestWindowsAndTheChangesOfTheClock(t *testing.T) {
	for _, c := range []struct{ name, zone, day, from, to, begin, end string }{
		{"a begin that does not exist is the first instant after the gap", "Europe/Berlin", "2026-03-29", "02:30", "04:00", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"},
		{"an end that does not exist is too", "Europe/Berlin", "2026-03-29", "01:00", "02:30", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"},
		{"the first moment of the gap is one that does not exist", "Europe/Berlin", "2026-03-29", "02:00", "03:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"},
		{"a begin that exists twice is the first", "Europe/Berlin", "2026-10-25", "02:30", "04:00", "2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z"},
		{"an end that exists twice is the second", "Europe/Berlin", "2026-10-25", "01:00", "02:30", "2026-10-24T23:00:00Z", "2026-10-25T01:30:00Z"},
		{"the hour that comes again exists once", "Europe/Berlin", "2026-10-25", "01:59", "03:00", "2026-10-24T23:59:00Z", "2026-10-25T02:00:00Z"},
		{"a day of 23 hours", "Europe/Berlin", "2026-03-29", "00:00", "00:00", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"a day of 25 hours", "Europe/Berlin", "2026-10-25", "00:00", "00:00", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"New York, forward", "America/New_York", "2026-03-08", "02:30", "03:30", "2026-03-08T07:00:00Z", "2026-03-08T07:30:00Z"},
		{"New York, back", "America/New_York", "2026-11-01", "01:30", "01:45", "2026-11-01T05:30:00Z", "2026-11-01T06:45:00Z"},
		{"New York, a night over the change", "America/New_York", "2026-10-31", "22:00", "06:00", "2026-11-01T02:00:00Z", "2026-11-01T11:00:00Z"},
		{"Lord Howe, forward by half an hour", "Australia/Lord_Howe", "2026-10-04", "02:15", "02:45", "2026-10-03T15:30:00Z", "2026-10-03T15:45:00Z"},
		{"Lord Howe, back by half an hour", "Australia/Lord_Howe", "2026-04-05", "01:45", "01:45", "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"},
		{"Lord Howe, a begin and an end that exist twice", "Australia/Lord_Howe", "2026-04-05", "01:40", "01:50", "2026-04-04T14:40:00Z", "2026-04-04T15:20:00Z"},
		{"UTC", "UTC", "2026-03-29", "02:30", "04:00", "2026-03-29T02:30:00Z", "2026-03-29T04:00:00Z"},
		{"a leap day", "Europe/Berlin", "2028-02-29", "12:00", "11:00", "2028-02-29T11:00:00Z", "2028-03-01T10:00:00Z"},
		{"a day that Samoa left out", "Pacific/Apia", "2011-12-30", "12:00", "13:00", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"midnight that does not exist", "America/Santiago", "2026-09-06", "00:00", "06:00", "2026-09-06T04:00:00Z", "2026-09-06T09:00:00Z"},
		{"a zone of quarters", "Asia/Kathmandu", "2026-05-01", "08:15", "09:00", "2026-05-01T02:30:00Z", "2026-05-01T03:15:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rule := scheduled(t, fmt.Sprintf(`{"name": "w", "dates": [%q], "from": %q, "to": %q, "zone": %q, "count": 1}`, c.day, c.from, c.to, c.zone))
			begin, end := moment(t, c.begin), moment(t, c.end)
			w := rule.Schedules[0]
			if diff := cmp.Diff([]time.Time{begin, end}, w.On(w.Dates[0])); diff != "" {
				t.Error(diff)
			}
			for at, want := range map[time.Time]bool{
				begin.Add(-time.Nanosecond): false, begin: begin.Before(end), end.Add(-time.Nanosecond): begin.Before(end), end: false,
			} {
				if got := rule.Bounds(at).Window == "w"; got != want {
					t.Errorf("%s: it holds: %v, want %v", at, got, want)
				}
			}
		})
	}
}

func TestNextBounds(t *testing.T) {
	rule := scheduled(t,
		`{"name": "holiday", "dates": ["2027-12-24"], "from": "10:00", "to": "12:00", "count": 7}`,
		`{"name": "office", "days": ["mon"], "from": "08:00", "to": "18:00", "min": 10}`,
		`{"name": "same", "days": ["mon"], "from": "18:00", "to": "20:00", "min": 10}`,
	)
	for _, c := range []struct{ at, next, window string }{
		{"2026-11-29T12:00:00Z", "2026-11-30T08:00:00Z", "office"},
		{"2026-11-30T08:00:00Z", "2026-11-30T18:00:00Z", "same"},
		{"2026-11-30T18:00:00Z", "2026-11-30T20:00:00Z", ""},
		{"2027-12-24T09:00:00Z", "2027-12-24T10:00:00Z", "holiday"},
		{"2027-12-24T11:00:00Z", "2027-12-24T12:00:00Z", ""},
	} {
		at, next, ok := rule.NextBounds(moment(t, c.at))
		if !ok || !at.Equal(moment(t, c.next)) || next.Window != c.window {
			t.Errorf("%s: %s %+v %v, want %s %q", c.at, at, next, ok, c.next, c.window)
		}
	}
	dates := scheduled(t, `{"name": "far", "dates": ["2031-01-01"], "count": 7}`)
	if at, next, ok := dates.NextBounds(moment(t, "2026-11-29T12:00:00Z")); !ok || !at.Equal(moment(t, "2031-01-01T00:00:00Z")) || next.Window != "far" {
		t.Error(at, next, ok)
	}
	if _, _, ok := dates.NextBounds(moment(t, "2031-01-02T00:00:00Z")); ok {
		t.Error("a rule whose only date is over changes its bounds")
	}
}

// The bounds change at the boundaries and nowhere else.
func TestBoundsAreThoseSinceTheLastBoundary(t *testing.T) {
	rule := scheduled(t,
		`{"name": "a", "days": ["mon", "wed"], "from": "07:30", "to": "19:15", "zone": "America/New_York", "min": 5}`,
		`{"name": "b", "from": "01:30", "to": "02:30", "zone": "Europe/Berlin", "max": 50}`,
		`{"name": "c", "days": ["sat", "sun"], "zone": "Australia/Lord_Howe", "count": 3}`,
	)
	for _, begin := range []string{"2026-03-01T00:00:00Z", "2026-10-01T00:00:00Z"} {
		at := moment(t, begin)
		next, bounds, ok := rule.NextBounds(at)
		for now := at; now.Before(moment(t, begin).AddDate(0, 0, 45)); now = now.Add(time.Minute) {
			if ok && !now.Before(next) {
				if got := rule.Bounds(next.Add(-time.Nanosecond)); got == bounds {
					t.Fatalf("%s: nothing changes", next)
				}
				at = now
				if got := rule.Bounds(now); got != bounds {
					t.Fatalf("%s: %+v, foreseen %+v", now, got, bounds)
				}
				next, bounds, ok = rule.NextBounds(now)
			}
			if got := rule.Bounds(now); got != rule.Bounds(at) {
				t.Fatalf("%s: %+v, though no change was foreseen since %s", now, got, at)
			}
		}
	}
}

func TestUselessWindows(t *testing.T) {
	now := moment(t, "2026-11-29T12:00:00Z")
	for name, c := range map[string]struct {
		windows []string
		want    []scale.Useless
	}{
		"none":           {[]string{`{"name": "a", "days": ["mon"], "min": 1}`, `{"name": "b", "min": 2}`}, nil},
		"hidden whole":   {[]string{`{"name": "a", "min": 1}`, `{"name": "b", "days": ["mon"], "min": 2}`}, []scale.Useless{{"b", "hidden by a, which comes first in the list"}}},
		"hidden by two":  {[]string{`{"name": "a", "to": "12:00", "min": 1}`, `{"name": "b", "from": "12:00", "min": 2}`, `{"name": "c", "from": "11:00", "to": "13:00", "min": 2}`}, []scale.Useless{{"c", "hidden by a and b, which come first in the list"}}},
		"over":           {[]string{`{"name": "a", "dates": ["2026-11-28"], "min": 1}`}, []scale.Useless{{"a", "its dates are over"}}},
		"not over today": {[]string{`{"name": "a", "dates": ["2026-11-29"], "min": 1}`}, nil},
		"in a gap":       {[]string{`{"name": "a", "dates": ["2027-03-28"], "from": "02:10", "to": "02:20", "zone": "Europe/Berlin", "min": 1}`}, []scale.Useless{{"a", "the clocks are set forward over it"}}},
		"hidden but for the hour that a clock takes": {[]string{`{"name": "a", "to": "23:00", "min": 1}`, `{"name": "b", "from": "22:30", "to": "23:30", "min": 2}`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, scheduled(t, c.windows...).UselessWindows(now)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecisionsInAWindow(t *testing.T) {
	rule := scheduled(t, `{"name": "night", "from": "22:00", "to": "06:00", "min": 2, "max": 8}`)
	rule.Cooldown = scale.Cooldown{Up: time.Hour, Down: time.Hour}
	night, day := moment(t, "2026-11-29T23:00:00Z"), moment(t, "2026-11-29T12:00:00Z")
	pool := func(count int) scale.Pool {
		return scale.Pool{Count: &count, Configured: &count, LastUp: night.Add(-time.Minute)}
	}
	inside := scale.Intent{Pool: "web", ToBounds: true, Source: "schedule"}
	for name, c := range map[string]struct {
		intent  scale.Intent
		count   int
		now     time.Time
		paused  scale.Pause
		outcome scale.Outcome
		to      int
		reason  string
	}{
		"a request is clamped":                     {scale.Intent{Pool: "web", Count: new(20), Force: true}, 5, night, scale.PauseNone, scale.Scale, 8, `clamped from 20 to max 8 of window "night"`},
		"not outside of the window":                {scale.Intent{Pool: "web", Count: new(20)}, 5, day, scale.PauseNone, scale.Scale, 20, ""},
		"a count above is moved inside":            {inside, 20, night, scale.PauseNone, scale.Scale, 8, `clamped from 20 to max 8 of window "night"`},
		"a count below is too":                     {inside, 0, night, scale.PauseNone, scale.Scale, 2, `clamped from 0 to min 2 of window "night"`},
		"a count inside stays":                     {inside, 5, night, scale.PauseNone, scale.NoChange, 5, "already at 5"},
		"the end of a window moves nothing":        {inside, 8, day, scale.PauseNone, scale.NoChange, 8, "already at 8"},
		"a pause refuses it":                       {inside, 20, night, scale.PauseBoth, scale.Paused, 0, "the rule is paused"},
		"so does one for its direction":            {inside, 20, night, scale.PauseDown, scale.Paused, 8, "the rule is paused for scaling down"},
		"a signal up above the window lowers none": {scale.Intent{Pool: "web", Signal: &scale.Signal{}}, 20, night, scale.PauseNone, scale.NoChange, 20, `already at 20, above max 8 of window "night": a signal for more never lowers it`},
	} {
		t.Run(name, func(t *testing.T) {
			rule := rule
			rule.Paused = c.paused
			d := scale.Decide(rule, pool(c.count), c.intent, c.now)
			if d.Outcome != c.outcome || d.To != c.to || d.Reason != c.reason {
				t.Errorf("%s %d %q, want %s %d %q", d.Outcome, d.To, d.Reason, c.outcome, c.to, c.reason)
			}
		})
	}
	t.Run("it starts no sooner than a count is known", func(t *testing.T) {
		if d := scale.Decide(rule, scale.Pool{}, inside, night); d.Outcome != scale.Refused {
			t.Error(d.Outcome, d.Reason)
		}
	})
}

// BoundsOver changes exactly where Bounds does, also over a change of the clocks and over dates.
func TestBoundsOver(t *testing.T) {
	zone, _ := scale.LoadZone("Europe/Berlin")
	rule := scale.Rule{Min: 1, Max: 10, Schedules: []scale.Window{
		{Name: "sale", Dates: []scale.Date{{Year: 2026, Month: time.March, Day: 28}}, From: 10 * 60, To: 12 * 60, Zone: zone, Min: 5, Max: 9},
		{Name: "night", From: 22 * 60, To: 6*60 + 30, Zone: zone, Min: 0, Max: 2},
		{Name: "weekend", Days: []time.Weekday{time.Saturday, time.Sunday}, From: 0, To: 0, Zone: zone, Min: 1, Max: 3},
	}}
	to := time.Date(2026, time.March, 30, 15, 10, 0, 0, time.UTC)
	for _, span := range []time.Duration{time.Minute, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
		from := to.Add(-span)
		want := []scale.BoundsSince{{Bounds: rule.Bounds(from), Since: from}}
		for at := from; !at.After(to); at = at.Add(time.Minute) {
			if b := rule.Bounds(at); b != want[len(want)-1].Bounds {
				want = append(want, scale.BoundsSince{Bounds: b, Since: at})
			}
		}
		got := rule.BoundsOver(from, to)
		for i := range got {
			got[i].Since = got[i].Since.UTC()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("over %s:\n%s", span, diff)
		}
	}
}
