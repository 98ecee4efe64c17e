package board

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestAPoolSaysWhichWindowHolds(t *testing.T) {
	berlin, ok := scale.LoadZone("Europe/Berlin")
	if !ok {
		t.Fatal("there is no zone")
	}
	rule := scale.Rule{Pool: "web", Min: 1, Max: 50, Schedules: []scale.Window{
		{Name: "sale", Dates: []scale.Date{{Year: 2026, Month: time.December, Day: 24}}, Zone: berlin, Min: 30, Max: 50},
		{Name: "office", Days: []time.Weekday{time.Monday}, From: 8 * 60, To: 18 * 60, Zone: berlin, Min: 6, Max: 40},
	}}
	viewer := time.FixedZone("", 2*60*60)
	for at, want := range map[string]struct{ words, doc string }{
		"2026-11-30T11:00:00Z": {"window office until 19:00, then 1 to 50", `{"window":"office","next":{"at":"2026-11-30T17:00:00Z","min":1,"max":50}}`},
		"2026-11-30T18:00:00Z": {"no window until 2026-12-07 09:00, then 6 to 40 by office", `{"next":{"at":"2026-12-07T07:00:00Z","min":6,"max":40,"window":"office"}}`},
		"2026-12-22T18:00:00Z": {"no window until Thu 01:00, then 30 to 50 by sale", `{"next":{"at":"2026-12-23T23:00:00Z","min":30,"max":50,"window":"sale"}}`},
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		p := PoolOf(scale.Standing{Rule: rule}, now)
		text, err := json.Marshal(p.Schedule)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Schedule.Words(now.In(viewer)); got != want.words || string(text) != want.doc {
			t.Errorf("%s: %q %s, want %q %s", at, got, text, want.words, want.doc)
		}
		if bounds := rule.Bounds(now); p.Min != bounds.Min || p.Max != bounds.Max {
			t.Errorf("%s: %d to %d, want %+v", at, p.Min, p.Max, bounds)
		}
	}
	if p := PoolOf(scale.Standing{Rule: scale.Rule{Max: 3}}, time.Now()); p.Schedule != nil || p.Max != 3 {
		t.Errorf("without schedules: %+v", p)
	}
}
