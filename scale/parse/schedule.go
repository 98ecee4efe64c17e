package parse

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// The patterns of the strings of a window. The JSON schema in docs/ holds the same patterns, and a test checks that it
// does.
var (
	windowPattern = regexp.MustCompile(`^[^\s"].{0,62}$`)
	timePattern   = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	datePattern   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	zonePattern   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+/-]*$`)
)

// weekdays are the days of the week as a rule writes them, in the order of [time.Weekday].
func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// readSchedules reads the windows of a rule. Their bounds must lie inside the rule's own. whole says that the rule's
// own bounds are valid.
func readSchedules(v node, rule scale.Rule, whole bool) []scale.Window {
	var windows []scale.Window
	names := map[string]bool{}
	for _, item := range v.list(0, "a list of windows") {
		o, ok := item.object("a window: an object with min, max or count, and when they hold")
		if !ok {
			continue
		}
		w := windowFields(o, rule, whole)
		if w.Name == "" {
			w.Name = describe(w)
		} else if names[w.Name] {
			o.field("name").wrong("must be the window's own: another one has it, and messages tell windows apart by their names")
		}
		names[w.Name] = true
		o.end("a window")
		windows = append(windows, w)
	}
	return windows
}

// windowFields reads the fields of a window in the order of docs/rules.md.
func windowFields(o *object, rule scale.Rule, whole bool) scale.Window {
	var w scale.Window
	w.Name = withDefault(o, "name", textForm(windowPattern, "a name of 1 to 63 characters"), "")
	if v, ok := o.take("days"); ok {
		w.Days = readDays(v)
	}
	if v, ok := o.take("dates"); ok {
		w.Dates = readDates(v)
		if o.has("days") {
			v.wrong("must be left out where days are given: the two exclude each other")
		}
	}
	w.From = withDefault(o, "from", timeForm(), 0)
	w.To = withDefault(o, "to", timeForm(), 0)
	w.Zone = withDefault(o, "zone", zoneForm(), scale.Zone{})
	w.Min, w.Max = readBounds(o, rule, whole)
	return w
}

// readBounds reads the bounds of a window. A bound that is left out is the rule's own.
func readBounds(o *object, rule scale.Rule, whole bool) (lowest, highest int) {
	form := intForm(0, scale.MaxNumber)
	if whole {
		form = intForm(rule.Min, rule.Max)
		form.expected += ", the rule's own min and max"
	}
	lowest = withDefault(o, "min", form, rule.Min)
	highest = withDefault(o, "max", form, rule.Max)
	count := optional(o, "count", form)
	switch {
	case o.has("count") && (o.has("min") || o.has("max")):
		o.field("count").wrong("must be left out where min or max is given: it stands for both")
	case count != nil:
		return *count, *count
	}
	o.needsOneOf("min", "max", "count")
	if whole && lowest > highest {
		o.wrong(fmt.Sprintf("must have its min not above its max, and %d is above %d", lowest, highest))
	}
	return lowest, highest
}

func readDays(v node) []time.Weekday {
	var days []time.Weekday
	for _, item := range v.list(1, "a list of at least one of mon, tue, wed, thu, fri, sat and sun") {
		if word, ok := as(item, wordForm("mon", "tue", "wed", "thu", "fri", "sat", "sun")); ok {
			days = append(days, time.Weekday(slices.Index(weekdays(), word)))
		}
	}
	return days
}

func readDates(v node) []scale.Date {
	var dates []scale.Date
	for _, item := range v.list(1, "a list of at least one date, such as 2026-12-24") {
		if date, ok := as(item, dateForm()); ok {
			dates = append(dates, date)
		}
	}
	return dates
}

// dateForm is the form of a day of the calendar, as RFC 3339 writes it.
func dateForm() form[scale.Date] {
	return form[scale.Date]{
		expected: "a date such as 2026-12-24",
		read: func(json any) (scale.Date, bool) {
			text, ok := json.(string)
			if !ok || !datePattern.MatchString(text) {
				return scale.Date{}, false
			}
			t, err := time.Parse(time.DateOnly, text)
			return scale.DateOf(t), err == nil
		},
	}
}

// timeForm is the form of a local time, to the minute. An end of 00:00 is the midnight at which the day ends.
func timeForm() form[scale.TimeOfDay] {
	return form[scale.TimeOfDay]{
		expected: `a local time from "00:00" to "23:59", as a string`,
		read: func(json any) (scale.TimeOfDay, bool) {
			text, ok := json.(string)
			if !ok || !timePattern.MatchString(text) {
				return 0, false
			}
			hour, minute, _ := strings.Cut(text, ":")
			hours, err1 := strconv.Atoi(hour)
			minutes, err2 := strconv.Atoi(minute)
			return scale.TimeOfDay(hours*60 + minutes), err1 == nil && err2 == nil
		},
	}
}

// zoneForm is the form of the name of a zone in the IANA database.
func zoneForm() form[scale.Zone] {
	return form[scale.Zone]{
		expected: "the name of a time zone in the IANA database, such as UTC or Europe/Berlin",
		read: func(json any) (scale.Zone, bool) {
			text, _ := json.(string)
			zone, ok := scale.LoadZone(text)
			return zone, ok && zonePattern.MatchString(text)
		},
	}
}

// describe returns what messages call a window that has no name.
func describe(w scale.Window) string {
	when := "every day"
	switch {
	case len(w.Dates) > 0:
		when = commaList(w.Dates, scale.Date.String)
	case len(w.Days) > 0:
		when = commaList(w.Days, func(d time.Weekday) string { return weekdays()[d] })
	}
	return fmt.Sprintf("%s %s to %s %s", when, w.From, w.To, w.Zone)
}

func commaList[T any](items []T, text func(T) string) string {
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = text(item)
	}
	return strings.Join(words, ",")
}
