package parse

// badSchedules has a document for every rule that a window can break.
func badSchedules() []badDocument {
	const (
		mustBeZone = "must be the name of a time zone in the IANA database, such as UTC or Europe/Berlin"
		mustBeTime = `must be a local time from "00:00" to "23:59", as a string`
		mustBeDate = "must be a date such as 2026-12-24"
		mustBeIn   = "must be an integer from 1 to 10, the rule's own min and max"
		mustBeName = "must be a name of 1 to 63 characters"
	)
	mistake := func(name, window, path, found, expected string) badDocument {
		return oneMistake(name, "schedules", "["+window+"]", "schedules"+path, found, expected)
	}
	return []badDocument{
		oneMistake("schedules that are no list", "schedules", `{"min":1}`, "schedules", `{"min":1}`, "must be a list of windows"),
		mistake("a window that is no object", `"mon"`, "[0]", `"mon"`, "must be a window: an object with min, max or count, and when they hold"),
		mistake("an unknown field of a window", `{"min":1,"until":"8"}`, "[0].until", `"8"`, "no such field in a window"),
		mistake("a window without a name in its name", `{"min":1,"name":""}`, "[0].name", `""`, mustBeName),
		mistake("two windows of one name", `{"min":1,"name":"a"},{"min":2,"name":"a"}`, "[1].name", `"a"`,
			"must be the window's own: another one has it, and messages tell windows apart by their names").invisible(),
		mistake("a day in full", `{"min":1,"days":["monday"]}`, "[0].days[0]", `"monday"`, "must be mon, tue, wed, thu, fri, sat or sun"),
		mistake("no days", `{"min":1,"days":[]}`, "[0].days", `[]`, "must be a list of at least one of mon, tue, wed, thu, fri, sat and sun"),
		mistake("a date that does not exist", `{"min":1,"dates":["2026-02-29"]}`, "[0].dates[0]", `"2026-02-29"`, mustBeDate).invisible(),
		mistake("a date of another form", `{"min":1,"dates":["2026-2-9"]}`, "[0].dates[0]", `"2026-2-9"`, mustBeDate),
		mistake("no dates", `{"min":1,"dates":[]}`, "[0].dates", `[]`, "must be a list of at least one date, such as 2026-12-24"),
		mistake("days and dates", `{"min":1,"days":["mon"],"dates":["2026-02-28"]}`, "[0].dates", `["2026-02-28"]`,
			"must be left out where days are given: the two exclude each other"),
		mistake("a time past the day", `{"min":1,"from":"24:00"}`, "[0].from", `"24:00"`, mustBeTime),
		mistake("a time that is a number", `{"min":1,"to":8}`, "[0].to", `8`, mustBeTime),
		mistake("an unknown zone", `{"min":1,"zone":"Europe/Berln"}`, "[0].zone", `"Europe/Berln"`, mustBeZone).invisible(),
		mistake("the machine's own zone", `{"min":1,"zone":"Local"}`, "[0].zone", `"Local"`, mustBeZone),
		mistake("an empty zone", `{"min":1,"zone":""}`, "[0].zone", `""`, mustBeZone),
		mistake("a zone that is a path", `{"min":1,"zone":"../../etc/passwd"}`, "[0].zone", `"../../etc/passwd"`, mustBeZone),
		mistake("a window's min outside of the rule's bounds", `{"min":0}`, "[0].min", `0`, mustBeIn).invisible(),
		mistake("a window's max outside of the rule's bounds", `{"max":11}`, "[0].max", `11`, mustBeIn).invisible(),
		mistake("a window's count outside of the rule's bounds", `{"count":11}`, "[0].count", `11`, mustBeIn).invisible(),
		mistake("a count and a max", `{"count":1,"max":2}`, "[0].count", `1`, "must be left out where min or max is given: it stands for both"),
		mistake("a window's min above its max", `{"min":9,"max":8}`, "[0]", `{"max":8,"min":9}`, "must have its min not above its max, and 9 is above 8").invisible(),
		mistake("a window without bounds", `{"days":["mon"]}`, "[0]", `{"days":["mon"]}`, "must have at least one of min, max and count"),
		mistake("a secret in a window", `{"min":1,"name":"[secret]"}`, "[0].name", `"[secret]"`, isSecret),
	}
}
