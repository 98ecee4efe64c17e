package scale_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
)

// TestAWeekOfWindows goes through weeks, minute by minute, and compares the bounds by which each moment is decided with
// the tables in testdata/week: when others are in force, in UTC and as clocks there show it. In each week but that of
// UTC the clocks change, over the end of the night.
func TestAWeekOfWindows(t *testing.T) {
	files, err := filepath.Glob("testdata/week/*.txt")
	if err != nil || len(files) != 7 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(content)), "\n")
			zoneName, ends := strings.TrimPrefix(lines[0], "zone "), strings.TrimPrefix(lines[1], "night ends ")
			zone, ok := scale.LoadZone(zoneName)
			if !ok {
				t.Fatalf("there is no zone %q", zoneName)
			}
			rules, err := parse.Rules([]byte(fmt.Sprintf(`{"worker":{"urn":"urn:pulumi:dev::demo::pkg:index:Pool::w","configKey":"count","min":1,"max":20,"schedules":[
				{"name":"office","days":["mon","tue","wed","thu","fri"],"from":"08:00","to":"18:00","zone":%[1]q,"min":6},
				{"name":"night","from":"22:00","to":%[2]q,"zone":%[1]q,"count":1}]}}`, zoneName, ends)))
			if err != nil {
				t.Fatal(err)
			}
			rule := rules["worker"]
			var got []string
			begin := timeOf(t, lines[2])
			for now := begin; !now.After(timeOf(t, lines[len(lines)-1])); now = now.Add(time.Minute) {
				line := boundsBy(t, rule, now)
				if len(got) > 0 && strings.SplitN(got[len(got)-1], "  ", 3)[2] == line {
					continue
				}
				got = append(got, now.Format("2006-01-02T15:04Z")+"  "+now.In(zone.Of()).Format("Mon 15:04")+"  "+line)
			}
			if diff := cmp.Diff(lines[2:], got); diff != "" {
				t.Errorf("-written +decided\n%s", diff)
			}
			// From each boundary, the next one is known.
			for i, line := range lines[2 : len(lines)-1] {
				at, _, ok := rule.NextBounds(timeOf(t, line))
				if next := timeOf(t, lines[i+3]); !ok || !at.Equal(next) {
					t.Errorf("after %s comes %s, want %s", line, at.UTC(), next)
				}
			}
		})
	}
}

func timeOf(t *testing.T, line string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04Z", strings.Fields(line)[0])
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// boundsBy are the bounds to which decisions clamp what is asked for at a moment, and their window.
func boundsBy(t *testing.T, rule scale.Rule, now time.Time) string {
	t.Helper()
	decide := func(count int) int {
		return scale.Decide(rule, scale.Pool{Count: new(10), Configured: new(10)}, scale.Intent{Pool: "worker", Count: &count, Force: true}, now).To
	}
	window := rule.Bounds(now).Window
	if window == "" {
		window = "-"
	}
	return fmt.Sprintf("%2d to %-2d  %s", decide(0), decide(1000), window)
}
