package scale_test

import (
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// FuzzWindows holds that the bounds lie inside the rule's own at all times, and change when it was said that they do,
// and at no other time.
func FuzzWindows(f *testing.F) {
	f.Add(uint8(0b0111110), int16(8*60), int16(18*60), uint8(1), int64(1_774_746_000), uint8(3), uint8(9)) // Berlin, forward
	f.Add(uint8(0), int16(150), int16(150), uint8(1), int64(1_792_890_000), uint8(0), uint8(20))           // Berlin, back
	f.Add(uint8(0b1000001), int16(22*60), int16(6*60), uint8(3), int64(1_775_300_000), uint8(5), uint8(5)) // Lord Howe, back
	f.Add(uint8(0), int16(0), int16(0), uint8(5), int64(1_325_239_200), uint8(1), uint8(2))                // Apia leaves out a day
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia", "Asia/Kathmandu"}
	f.Fuzz(func(t *testing.T, days uint8, from, to int16, zone uint8, at int64, least, most uint8) {
		now := time.Unix(at%(1<<32), 0).UTC()
		z, ok := scale.LoadZone(zones[int(zone)%len(zones)])
		if !ok {
			t.Fatal("there is no zone")
		}
		day := func(n int16) scale.TimeOfDay { return scale.TimeOfDay((int(n)%1440 + 1440) % 1440) }
		w := scale.Window{Name: "w", From: day(from), To: day(to), Zone: z, Min: int(min(least, most)), Max: int(max(least, most))}
		for d := range 7 {
			if days&(1<<d) != 0 {
				w.Days = append(w.Days, time.Weekday(d))
			}
		}
		other := scale.Window{Name: "o", Dates: []scale.Date{scale.DateOf(now.In(z.Of()))}, From: w.To, To: w.From, Zone: z, Min: 1, Max: 1}
		rule := scale.Rule{Min: 0, Max: 255, Schedules: []scale.Window{other, w}}
		present := rule.Bounds(now)
		if present.Min < 0 || present.Max > 255 || present.Min > present.Max {
			t.Fatalf("%+v at %s", present, now)
		}
		next, then, ok := rule.NextBounds(now)
		last := now.AddDate(0, 0, 8)
		if ok {
			if got := rule.Bounds(next); !next.After(now) || got != then || got == present {
				t.Fatalf("at %s they become %+v, and were to become %+v; they are %+v", next, got, then, present)
			}
			last = next.Add(-time.Nanosecond)
		}
		for _, share := range []int64{1, 2, 3, 5, 8, 13, 21, 34, 55} {
			between := now.Add(time.Duration(int64(last.Sub(now)) / 55 * share))
			if got := rule.Bounds(between); got != present {
				t.Fatalf("at %s they are %+v, and no change was foreseen since %s, when they were %+v", between, got, now, present)
			}
		}
	})
}
