package output

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

func threeStacks(at time.Time) *board.Fleet {
	three := 3
	f := &board.Fleet{Now: at, Engines: board.Engines{Places: 4, Running: 2, Silent: 1, Waiting: 7}, Stacks: []board.FleetStack{
		{Name: "web", State: "Ready", Severity: board.Good, Pools: []board.FleetPool{{Pool: "worker", Count: &three}, {Pool: "api"}}},
		{Name: "new", State: "Opening", Severity: board.Busy},
		board.UnopenedStack("shop", errors.New("no such\nprogram \x1b[31mhere"), at.Add(time.Minute)),
	}}
	f.Sort()
	return f
}

func TestAFleetOnAScreen(t *testing.T) {
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	s := NewStyle(ColorNever, nil)
	picture, furthest := s.Screen(Screen{Fleet: threeStacks(at), From: "https://fleet.example.com", At: at}, 100, 12)
	var lines []string
	for line := range strings.Lines(ansi.Strip(picture)) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	want := []string{
		"Stacks  PulumiScale" + strings.Repeat(" ", 100-len("Stacks  PulumiScale")-len("as of 12:00:00")) + "as of 12:00:00",
		"● 1 of 3 in trouble  2 of 4 engines, 1 of them silent; 7 wait",
		"",
		"  shop  Cannot be opened, again in 1m",
		"    no such",
		"    program here",
		"  new   Opening",
		"  web   Ready                          worker 3, api ?",
	}
	if diff := cmp.Diff(want, lines[:len(want)]); diff != "" || furthest != 0 {
		t.Errorf("%d: %s", furthest, diff)
	}
}

func TestChangesOfAFleet(t *testing.T) {
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	s := NewStyle(ColorNever, nil)
	first := threeStacks(at)
	all := ansi.Strip(s.FleetChanges(nil, first, time.UTC))
	if n := strings.Count(all, "\n"); n != 3 || !strings.Contains(all, "2026-03-04 12:00:00 web: Ready; worker 3, api ?\n") {
		t.Error(all)
	}
	if same := s.FleetChanges(first, threeStacks(at.Add(time.Second)), time.UTC); same != "" {
		t.Error(same)
	}
	next := threeStacks(at.Add(time.Second))
	four := 4
	next.Stacks[2].Pools[0].Count = &four
	next.Stacks = next.Stacks[1:]
	want := "2026-03-04 12:00:01 web: Ready; worker 4, api ?\n2026-03-04 12:00:01 shop: no longer served\n"
	if diff := cmp.Diff(want, ansi.Strip(s.FleetChanges(first, next, time.UTC))); diff != "" {
		t.Error(diff)
	}
}
