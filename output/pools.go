package output

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// driftMark is printed after a pool's count if the configuration file and the last successful update have different counts.
const driftMark = " *"

// Pools renders a table of how the pools stand.
func (s *Style) Pools(pools []scale.Standing, now time.Time) string {
	if len(pools) == 0 {
		return fmt.Sprintf("the stack output %q has no pools\n", scale.OutputName)
	}
	pools = tidy(pools)
	rows := make([][]string, len(pools))
	for i, pool := range pools {
		bounds := pool.Rule.Bounds(now)
		rows[i] = []string{
			pool.Rule.Pool, s.present(pool), strconv.Itoa(bounds.Min), strconv.Itoa(bounds.Max),
			cooldown(pool, now), held(pool, now), lastScaled(pool, now),
		}
	}
	return s.table([]string{"POOL", "COUNT", "MIN", "MAX", "COOLDOWN", "PAUSED", "LAST SCALED"}, rows) + windows(pools, now) + metrics(pools)
}

// windows has a line for each pool with schedules: which window sets its bounds now, and what comes next.
func windows(pools []scale.Standing, now time.Time) string {
	var out strings.Builder
	for _, pool := range pools {
		if schedule := board.ScheduleOf(pool.Rule, now); schedule != nil {
			fmt.Fprintf(&out, "%s: %s\n", pool.Rule.Pool, schedule.Words(now))
		}
	}
	return out.String()
}

// metrics has a line for each pool with metrics: their names, and how often each is looked at.
func metrics(pools []scale.Standing) string {
	var out strings.Builder
	for _, pool := range pools {
		var names []string
		for _, m := range pool.Rule.Metrics {
			names = append(names, fmt.Sprintf("%s every %s", m.Name, board.Elapsed(m.Every)))
		}
		if len(names) > 0 {
			fmt.Fprintf(&out, "%s: metrics %s\n", pool.Rule.Pool, strings.Join(names, ", "))
		}
	}
	return out.String()
}

// present returns the pool's count, the configured count if it differs, and marks for what is not as it should be.
func (s *Style) present(pool scale.Standing) string {
	text := board.Count(pool.Count)
	if pool.Err != nil {
		return s.red.Render("invalid")
	}
	if pool.Count != nil && pool.Configured != nil && *pool.Count != *pool.Configured {
		text += s.yellow.Render(fmt.Sprintf(" (config %d)", *pool.Configured))
	}
	if pool.Unverified != nil && !pool.Unsettled {
		text += s.red.Render(" (not verified)")
	}
	if pool.Unsettled {
		text += s.red.Render(" (unsettled)")
	}
	if pool.Drift != nil && !pool.Restored {
		text += s.yellow.Render(driftMark)
	}
	return text
}

// cooldown says what is left of the pool's cooldown.
func cooldown(pool scale.Standing, now time.Time) string {
	return cmp.Or(board.CooldownLeft(pool.UpUntil.Sub(now), pool.DownUntil.Sub(now)), none)
}

// held says whether the rule is paused, and whether somebody holds the pool.
func held(pool scale.Standing, now time.Time) string {
	text := paused(pool.Rule.Paused)
	if pool.Hold == nil {
		return text
	}
	left := "held " + board.Left(pool.Hold.Until.Sub(now))
	if text == none {
		return left
	}
	return text + ", " + left
}

func paused(p scale.Pause) string {
	switch p {
	case scale.PauseNone:
		return none
	case scale.PauseBoth:
		return "yes"
	}
	return string(p)
}

func lastScaled(pool scale.Standing, now time.Time) string {
	last := pool.Last
	switch {
	case last == nil && pool.LastAmong > 0:
		return board.NeverScaled(pool.LastAmong)
	case last == nil:
		return none
	}
	return fmt.Sprintf("%s, %d -> %d", board.Ago(now.Sub(last.End)), last.From, last.To)
}

// RuleChecks says of each pool whether the engine proves its rule right.
func (s *Style) RuleChecks(checks []scale.RuleCheck) string {
	var out strings.Builder
	for _, p := range tidy(checks) {
		if p.Problem != "" {
			fmt.Fprintf(&out, "%s %s: %s\n", s.red.Render("✗"), s.bold.Render(p.Pool), s.engine(p.Problem))
			continue
		}
		fmt.Fprintf(&out, "%s %s: ok, a count of %d changes %s\n", s.green.Render("✓"), s.bold.Render(p.Pool), p.To, plural(len(whole(p.Steps)), "target"))
	}
	return out.String()
}

// longestAuthor is how many characters of an author are shown. What comes after the author stands in columns.
const longestAuthor = 60

// History renders a table of past scalings, newest first, in the local time of now.
func (s *Style) History(scalings []scale.Scaling, now time.Time) string {
	if len(scalings) == 0 {
		return "no scaling yet\n"
	}
	rows := make([][]string, len(scalings))
	for i, scaling := range scalings {
		title, _, _ := strings.Cut(strings.TrimSpace(scaling.Message), "\n")
		scaling.Message = title
		scaling = tidy(scaling)
		result := s.green.Render("succeeded")
		if !scaling.Succeeded {
			result = s.red.Render("failed")
		}
		rows[i] = []string{
			scaling.End.In(now.Location()).Format(time.DateTime), scaling.Pool, fmt.Sprintf("%d -> %d", scaling.From, scaling.To),
			result, scaling.End.Sub(scaling.Start).Round(time.Second).String(), cmp.Or(board.OneLine(scaling.By, longestAuthor), none), scaling.Message,
		}
	}
	return s.table([]string{"TIME", "POOL", "COUNT", "RESULT", "TOOK", "COMMIT BY", "MESSAGE"}, rows)
}

// Restored says which counts were restored in the configuration file.
func (s *Style) Restored(restored []scale.Drift, file string, committed Committed) string {
	if len(restored) == 0 {
		return "nothing to restore\n"
	}
	var out strings.Builder
	file = clean(file)
	for _, d := range tidy(restored) {
		fmt.Fprintf(&out, "%s: config %q %s -> %s in %s%s\n", s.bold.Render(d.Pool), d.Key, orMissing(d.File), orMissing(d.Configured), file, committed.text(d))
	}
	return out.String()
}

// Committed are the counts that a commit has, by pool. Commit is empty if there is no commit to compare with.
type Committed struct {
	Commit string
	Counts map[string]*string
}

// text says how a restored count compares with what the commit has.
func (c Committed) text(d scale.Drift) string {
	has := c.Counts[d.Pool]
	commit := "commit " + clean(scale.Abbreviate(c.Commit))
	switch {
	case c.Commit == "":
		return ""
	case has == nil:
		return "; " + commit + " has none"
	case d.Configured != nil && *has == *d.Configured:
		return ", as " + commit + " has it"
	}
	return "; " + commit + " has " + clean(*has)
}

func orMissing(of *string) string {
	if of == nil {
		return "missing"
	}
	return *of
}
