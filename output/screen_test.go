package output

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

func before(d time.Duration) *time.Time { t := noon.Add(-d); return &t }
func after(d time.Duration) *time.Time  { t := noon.Add(d); return &t }

// busy is a stack on which everything goes on at once.
func busy() *board.Status {
	move := board.Operation{
		ID: "a", Pool: "worker-pool", From: num(6), To: num(9), Ask: "delta +3", Source: "http", Reason: "queue of 12,000 jobs", Accepted: before(4 * time.Second),
		Decision: board.Decision{Outcome: "scale"},
	}
	return &board.Status{
		Project: "shop", Stack: "dev", Now: noon, ReadAt: before(3 * time.Second), Ready: true,
		Pools: []board.Pool{
			{Pool: "api", Count: num(6), Min: 2, Max: 12, Cooldown: board.Cooldown{UpUntil: after(170 * time.Second), DownUntil: after(590 * time.Second)}, Last: &board.Scaling{From: 4, To: 6, End: before(10 * time.Second)}},
			{Pool: "batch", Count: num(2), Min: 0, Max: 8, Paused: "down"},
			{Pool: "reports", Count: num(9), Configured: num(4), Min: 1, Max: 4},
			{Pool: "worker-pool", Count: num(6), Min: 1, Max: 50},
		},
		Running: &board.Work{Operations: []string{"a"}, StartedAt: *before(3800 * time.Millisecond), Runs: []board.Run{{
			Steps: []board.Step{{
				ResourceStep: scale.ResourceStep{Op: "update", URN: poolURN, Type: "localcloud:index:Pool", Name: "worker-pool", Diffs: []scale.PropertyDiff{{Path: "size", Old: 6, New: 9}}},
				State:        board.StepRunning, StartedAt: *before(1300 * time.Millisecond),
			}},
			Said: []scale.Diagnostic{{Severity: "warning", URN: poolURN, Message: "<{%fg 3%}>deprecated<{%reset%}>\n"}},
		}}},
		Open: []board.Operation{move, {
			ID: "b", Pool: "api", State: "deferred", NotBefore: after(170 * time.Second), Ask: "signal HighLatency", Source: "prometheus", Reason: "HighLatency", Accepted: before(9 * time.Second),
		}},
		Failures: []board.Operation{{
			ID: "c", Pool: "worker-pool", Result: "failed", From: num(6), To: num(20), Source: "http", Reason: "load test", Started: before(20 * time.Second), Ended: before(15 * time.Second),
			Error: "the update failed: 1 error occurred:\n\t* quota exceeded: 16 of 16 workers in use",
		}},
		Scalings: []board.Scaling{
			{Pool: "worker-pool", From: 6, To: 20, Start: before(16 * time.Second), End: before(15 * time.Second), By: "ana", Why: "http: load test"},
			{Pool: "api", From: 4, To: 6, Succeeded: true, Start: before(12 * time.Second), End: before(10 * time.Second), Why: "http: more checkouts"},
		},
	}
}

const wide = `shop/dev  PulumiScale                                                                 as of 12:00:00
● Scaling  the stack was read 3s ago

Running for 3.8s
  worker-pool  6 → 9  http: queue of 12,000 jobs  delta +3
  running  1.3s  ~  update  worker-pool  localcloud:index:Pool  size 6 → 9
    worker-pool: deprecated

Pools
  api          6      2 ████░░░░░░ 12  cooldown up 2m50s, down 9m50s  10s ago, 4 → 6
  batch        2      0 ███░░░░░░░ 8   paused down                    never scaled
  reports      9      1 ██████████ 4                                  never scaled
    The count is outside the guardrails.
    The stack is configured for 4.
  worker-pool  6 → 9  1 █▒░░░░░░░░ 50                                 never scaled

Waiting
  api  signal HighLatency  waits for the cooldown, 2m50s  9s ago  prometheus: HighLatency

Failures
  failed  worker-pool 6 → 20  15s ago  took 5.0s  http: load test
    the update failed: 1 error occurred:
        * quota exceeded: 16 of 16 workers in use

Recent scalings
  11:59:45  15s ago  worker-pool  6 → 20  failed     1s  last commit by ana  http: load test
  11:59:50  10s ago  api          4 → 6   succeeded  2s                      http: more checkouts


q quit  ? keys                                                                 http://127.0.0.1:8080`

const slim = `shop/dev  PulumiScale     as of 12:00:00
● Scaling  the stack was read 3s ago

Running for 3.8s
  worker-pool  6 → 9
    http: queue of 12,000 jobs  delta +3
  running  1.3s  ~  update  worker-pool
    localcloud:index:Pool  size 6 → 9
    worker-pool: deprecated

Pools
  api  6  2 ██░░░░ 12
    cooldown up 2m50s, down 9m50s
    10s ago, 4 → 6
`

func TestScreen(t *testing.T) {
	screen := Screen{Status: busy(), From: "http://127.0.0.1:8080", At: noon}
	got, furthest := bare.Screen(screen, 100, 30)
	if diff := cmp.Diff(wide, got); diff != "" || furthest != 0 {
		t.Errorf("wide, furthest %d (-want +got):\n%s", furthest, diff)
	}
	got, _ = bare.Screen(screen, 40, 80)
	if diff := cmp.Diff(slim, got[:len(slim)]); diff != "" {
		t.Errorf("narrow (-want +got):\n%s", diff)
	}
}

// A failure after which the pool was scaled is told as a thing of the past.
func TestAMendedFailureIsMuted(t *testing.T) {
	status := busy()
	colored := NewStyle(ColorAlways, nil)
	red := colored.red.Bold(true).Render("Failures")
	if body := strings.Join(colored.body(Screen{Status: status, At: noon}, 100), "\n"); !strings.Contains(body, red) {
		t.Errorf("a failure is not red:\n%s", body)
	}
	status.Pools[3].Last = &board.Scaling{Pool: "worker-pool", From: 6, To: 9, Succeeded: true, Start: before(5 * time.Second), End: before(4 * time.Second)}
	body := strings.Join(colored.body(Screen{Status: status, At: noon}, 100), "\n")
	if strings.Contains(body, red) || !strings.Contains(body, colored.dim.Render("failed, scaled since")) {
		t.Errorf("it is not muted:\n%s", body)
	}
}

// Whatever the terminal's size, the picture is exactly as high as the terminal, and no line is wider.
func TestScreenFits(t *testing.T) {
	status := busy()
	status.Pools[0].Pool = strings.Repeat("世界", 20)
	status.Failures[0].Error = strings.Repeat("x", 300) + " 世界"
	status.Problem, status.Ready = "dial tcp:\n\tconnection refused", false
	status.RuleErrors = []scale.Problem{{Pool: "worker-pool", Field: "mni", Expected: "not a field of a rule"}}
	for _, style := range []*Style{bare, NewStyle(ColorAlways, nil)} {
		for _, width := range []int{1, 10, 40, 80, 140} {
			for _, height := range []int{1, 3, 5, 24, 60} {
				for _, screen := range []Screen{{}, {Lost: "connection refused"}, {Status: status, Lost: "connection refused", LostFor: time.Minute}, {Status: status, Top: 1000}, {Status: status, Help: true}} {
					screen.At = noon
					got, _ := style.Screen(screen, width, height)
					lines := strings.Split(got, "\n")
					if len(lines) != height {
						t.Errorf("at %dx%d there are %d lines", width, height, len(lines))
					}
					for _, line := range lines {
						if ansi.StringWidth(line) > width {
							t.Errorf("at %dx%d this is %d wide: %s", width, height, ansi.StringWidth(line), line)
						}
					}
				}
			}
		}
	}
}

func TestScreenScrolls(t *testing.T) {
	_, furthest := bare.Screen(Screen{Status: busy(), At: noon}, 100, 12)
	if furthest != 24-8 {
		t.Errorf("furthest is %d", furthest)
	}
	got, _ := bare.Screen(Screen{Status: busy(), At: noon, Top: furthest}, 100, 12)
	if lines := strings.Split(got, "\n"); !strings.Contains(lines[10], "more checkouts") || !strings.Contains(lines[11], "lines 17–24 of 24") {
		t.Error(got)
	}
	beyond, _ := bare.Screen(Screen{Status: busy(), At: noon, Top: 1000}, 100, 12)
	check(t, beyond, got)
}

// Between answers the times go on. If no answer comes, that is said.
func TestScreenWithoutAnswers(t *testing.T) {
	got, _ := bare.Screen(Screen{Status: busy(), At: noon.Add(20 * time.Second), Lost: "connection refused", LostFor: 20 * time.Second}, 100, 40)
	for _, want := range []string{"No answer for 20s: connection refused; this is as of 12:00:00", "the stack was read 23s ago", "cooldown up 2m30s, down 9m30s", "Running for 24s"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	got, _ = bare.Screen(Screen{Lost: "connection refused", LostFor: time.Second}, 100, 5)
	check(t, got, "PulumiScale\nNo answer for 1s: connection refused\n\n\nq quit  ? keys")
}

// What is not as it was deployed stands above what goes on, and takes no more room than it needs.
func TestScreenOfWhatWasDeployed(t *testing.T) {
	status := &board.Status{Stack: "dev", Now: noon, Ready: true, Remarks: []string{"the stack was deployed from commit a"}}
	for range 20 {
		status.Remarks = append(status.Remarks, strings.Repeat("x", 1000))
	}
	got, _ := bare.Screen(Screen{Status: status, At: noon}, 500, 100)
	if !strings.Contains(got, "Not as it was deployed\n  the stack was deployed from commit a\n") {
		t.Error(got)
	}
	if many := strings.Count(got, "xxx…"); many != 9 {
		t.Errorf("%d of the others, or they are not cut:\n%s", many, got)
	}
	if strings.Index(got, "deployed") > strings.Index(got, "Pools") {
		t.Error(got)
	}
}

// What comes from elsewhere does nothing to the terminal.
func TestScreenIsClean(t *testing.T) {
	const forged = "\x1b[2J\x1b]0;title\a\x9b31m\r\u202eevil\b<{%fg 1%}>\u200b"
	status := busy()
	status.Stack, status.Problem, status.Ready = "dev"+forged, forged, false
	status.RuleErrors = []scale.Problem{{Pool: forged, Found: forged, Expected: forged}}
	status.Remarks = []string{forged}
	for i := range status.Pools {
		status.Pools[i].Pool, status.Pools[i].Problem, status.Pools[i].Paused = forged, forged, forged
		status.Pools[i].Pending = []scale.PendingChange{{Op: forged, Name: forged}}
	}
	for _, ops := range [][]board.Operation{status.Open, status.Failures} {
		for i := range ops {
			ops[i].Pool, ops[i].Ask, ops[i].Source, ops[i].Reason, ops[i].Error, ops[i].Result = forged, forged, forged, forged, forged, forged
		}
	}
	status.Running.WaitsFor, status.Running.Settling = forged, []string{forged}
	run := &status.Running.Runs[0]
	run.Message, run.Said[0].Message, run.Said[0].URN = forged, forged, forged
	run.Steps[0].Name, run.Steps[0].Type, run.Steps[0].Op, run.Steps[0].State = forged, forged, forged, forged
	run.Steps[0].Diffs = []scale.PropertyDiff{{Path: forged, Old: forged, New: forged}}
	for i := range status.Scalings {
		status.Scalings[i].Pool, status.Scalings[i].By, status.Scalings[i].Why, status.Scalings[i].Message = forged, forged, forged, forged
	}
	got, _ := bare.Screen(Screen{Status: status, At: noon, From: forged, Lost: forged}, 100, 200)
	got += bare.Changes(nil, status, time.UTC) + bare.Changes(&board.Status{}, status, time.UTC)
	for _, r := range got {
		if r != '\n' && !unicode.IsGraphic(r) {
			t.Fatalf("%q is in\n%q", r, got)
		}
	}
	if strings.Count(got, "evil") < 20 || strings.Contains(got, "{%") {
		t.Error(got)
	}
}

func TestBar(t *testing.T) {
	for _, c := range []struct {
		count, target *int
		min, max      int
		want          string
	}{
		{nil, nil, 1, 9, "1 ········ 9"}, {num(1), nil, 1, 9, "1 ░░░░░░░░ 9"}, {num(9), nil, 1, 9, "1 ████████ 9"}, {num(5), nil, 1, 9, "1 ████░░░░ 9"},
		{num(3), num(5), 1, 9, "1 ██▒▒░░░░ 9"}, {num(5), num(3), 1, 9, "1 ██▒▒░░░░ 9"}, {num(20), nil, 1, 9, "1 ████████ 9"}, {num(0), nil, 1, 9, "1 ░░░░░░░░ 9"},
		{num(3), nil, 3, 3, "3 ████████ 3"},
	} {
		check(t, bar(board.Pool{Count: c.count, Min: c.min, Max: c.max}, c.target, 8), c.want)
	}
}
