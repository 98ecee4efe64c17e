package output

import (
	"strings"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

func TestChangesOfNothing(t *testing.T) {
	later := busy()
	later.Now = *after(time.Minute)
	later.ReadAt = after(time.Minute)
	check(t, bare.Changes(busy(), later, time.UTC), "")
}

func TestChangesBeginWithHowThingsStand(t *testing.T) {
	check(t, bare.Changes(nil, busy(), time.UTC), `2026-03-04 12:00:00 dev: Scaling
2026-03-04 12:00:00 api: 6, from 2 to 12
2026-03-04 12:00:00 batch: 2, from 0 to 8
2026-03-04 12:00:00 reports: 9, from 1 to 4
2026-03-04 12:00:00 worker-pool: 6, from 1 to 50
2026-03-04 12:00:00 worker-pool 6 -> 9 begun (http: queue of 12,000 jobs)
2026-03-04 12:00:00 api signal HighLatency waits for the cooldown, 2m50s (prometheus: HighLatency)
`)
}

func TestChanges(t *testing.T) {
	for name, c := range map[string]struct {
		change func(before, now *board.Status)
		want   string
	}{
		"a scaling explains the count, and tells whose it is": {func(_, now *board.Status) {
			now.Open, now.Running, now.Pools[3].Count = now.Open[1:], nil, num(9)
			now.Scalings = append([]board.Scaling{{Pool: "worker-pool", From: 6, To: 9, Succeeded: true, Start: before(3 * time.Second), End: before(time.Second), By: "ana", Why: "http"}}, now.Scalings...)
		}, "worker-pool 6 -> 9 succeeded in 2s, last commit by ana (http)\ndev: Ready\n"},
		"a server knows the time of a scaling first by its own clock": {func(before, _ *board.Status) {
			end := before.Scalings[1].End.Add(1300 * time.Millisecond)
			before.Scalings[1].End = &end
		}, ""},
		"a count that no scaling explains": {func(_, now *board.Status) { now.Pools[0].Count = num(7) }, "api 6 -> 7\n"},
		"a failure, once and in the engine's words": {func(before, _ *board.Status) {
			before.Failures, before.Scalings = nil, before.Scalings[1:]
		}, "worker-pool 6 -> 20 failed in 5.0s: the update failed: 1 error occurred: * quota exceeded: 16 of 16 workers in use\n"},
		"a failed scaling that a server's failure tells of is not told again": {func(before, _ *board.Status) { before.Scalings = before.Scalings[1:] }, ""},
		"a failed scaling of somebody else": {func(before, now *board.Status) {
			before.Scalings, before.Failures, now.Failures = before.Scalings[1:], nil, nil
		}, "worker-pool 6 -> 20 failed in 1s, last commit by ana (http: load test)\n"},
		"the stack cannot be read": {func(_, now *board.Status) { now.Ready, now.Problem = false, "no\nroute" }, "dev: Stack cannot be read: no route\n"},
		"rules with mistakes": {func(_, now *board.Status) {
			now.RuleErrors = []scale.Problem{{Pool: "api", Field: "mni", Expected: "not a field of a rule"}}
		}, "dev: Rules have mistakes: api: mni: not a field of a rule\n"},
		"pools come and go": {func(before, now *board.Status) {
			now.Pools[1].Pool = "crunch"
		}, "crunch: 2, from 0 to 8\nbatch is no pool any more\n"},
		"the checkout is no longer what was deployed, and a pool waits for that": {func(before, now *board.Status) {
			before.Remarks = []string{"known already"}
			now.Remarks = []string{"known already", "the stack was deployed from\ncommit a"}
			now.Pools[0].Pending = []scale.PendingChange{{Op: "output", Name: "url"}}
			before.Pools[1].Pending = []scale.PendingChange{{Op: "output", Name: "url"}}
			now.Pools[1].Pending = before.Pools[1].Pending
		}, "dev: the stack was deployed from commit a\napi: Not scaled while changes are pending: stack output url.\n"},
		"what waited is begun": {func(before, _ *board.Status) { before.Running = nil }, "dev: Scaling\nworker-pool 6 -> 9 begun (http: queue of 12,000 jobs)\n"},
	} {
		t.Run(name, func(t *testing.T) {
			was, now := busy(), busy()
			c.change(was, now)
			want := ""
			for _, line := range strings.SplitAfter(c.want, "\n")[:strings.Count(c.want, "\n")] {
				want += "2026-03-04 12:00:00 " + line
			}
			check(t, bare.Changes(was, now, time.UTC), want)
		})
	}
}
