package queue

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

// firing is an alert that its sender repeats while it fires, and that asks for one unit more. It began so long after
// noon.
func firing(identity string, since time.Duration) scale.Intent {
	i := scaletest.Signal(scale.Signal{Alert: "Busy", Identity: identity, Since: scaletest.Noon.Add(since), Repeats: true})
	i.Key = identity + "/" + since.String() + "/firing"
	return i
}

// ended is the end of such a firing.
func ended(identity string, since, end time.Duration) scale.Intent {
	i := firing(identity, since)
	i.Signal.Cleared, i.Signal.Ended = true, scaletest.Noon.Add(end)
	i.Key = strings.TrimSuffix(i.Key, "firing") + "resolved"
	return i
}

func (w *world) breaks(broken bool) { w.set(func() { w.broken["worker"] = broken }) }

func TestAFailedAlertIsDecidedAfresh(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.breaks(true)
		r := begin(t, w)
		alert := firing("a", 0)
		failed := []string{r.accepted(alert)}
		r.wants(FinalFailed, failed[0])

		// The first repeat is decided at once, and each further failure doubles the wait.
		for i, seconds := range []int{0, 15, 30, 60, 120, 240, 480, 900, 900} {
			wait := time.Duration(seconds) * time.Second
			end := r.result(failed[len(failed)-1]).EndedAt
			until := end.Add(wait)
			if wait > 0 {
				time.Sleep(time.Until(until) - time.Second)
				sub := r.submit(alert)[0]
				if sub.Accepted || !sub.Duplicate || sub.Decision.Outcome != scale.CoolingDown || !sub.Decision.Until.Equal(until) {
					t.Fatalf("after %d failures: %q until %s, %s after the last one", i+1, sub.Decision.Outcome, sub.Decision.Until, sub.Decision.Until.Sub(end))
				}
				if sub.Operation.ID != failed[len(failed)-1] || sub.Operation.Result != FinalFailed || sub.Operation.Error == "" {
					t.Errorf("the answer does not tell what became of the last one: %+v", sub.Operation)
				}
				time.Sleep(time.Until(until))
			}
			sub := r.submit(alert)[0]
			if !sub.Accepted || sub.Duplicate || sub.Previous == nil || sub.Previous.ID != failed[len(failed)-1] || sub.Previous.Result != FinalFailed {
				t.Fatalf("after %d failures and %s: %+v", i+1, wait, sub)
			}
			if again := r.submit(alert)[0]; !again.Duplicate || again.Operation.ID != sub.Operation.ID {
				t.Errorf("while it is tried again: %+v", again)
			}
			failed = append(failed, sub.Operation.ID)
			r.wants(FinalFailed, sub.Operation.ID)
		}

		// The wait and the count outlive the process.
		r.stop()
		<-r.stopped
		w.breaks(false)
		r = start(t, w, r.journal.copied())
		last := r.result(failed[len(failed)-1])
		if sub := r.submit(alert)[0]; sub.Accepted || !sub.Decision.Until.Equal(last.EndedAt.Add(15*time.Minute)) || last.Failures != len(failed)-1 {
			t.Errorf("after a restart: %+v", sub)
		}
		time.Sleep(15 * time.Minute)
		id := r.accepted(alert)
		r.wants(FinalScaled, id)
		if op := r.result(id); op.Previous != last.ID {
			t.Errorf("it does not know what it tries again: %q", op.Previous)
		}
		time.Sleep(time.Hour)
		if sub := r.submit(alert)[0]; !sub.Duplicate || sub.Operation.ID != id || sub.Accepted {
			t.Errorf("a repeat of what has scaled: %+v", sub)
		}
		r.wantCounts(4, 2, len(failed)+1)
	})
}

func TestAFailedAlertThatHasClearedIsOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.breaks(true)
		r := begin(t, w)
		id := r.accepted(firing("a", 0))
		r.wants(FinalFailed, id)
		w.breaks(false)
		r.submit(ended("a", 0, time.Minute))
		if sub := r.submit(firing("a", 0))[0]; sub.Accepted || sub.Decision.Outcome != scale.Cleared || sub.Previous == nil || sub.Previous.ID != id {
			t.Errorf("it is tried again: %+v", sub)
		}
	})
}

func TestOnlyWhatCameToNothingIsTriedAgain(t *testing.T) {
	for result, want := range map[Final]bool{
		FinalScaled: false, FinalUnverified: false, FinalCancelled: false, FinalSuperseded: false, Final(scale.NoChange): false,
		FinalFailed: true, Final(scale.Refused): true, Final(scale.Guarded): true, Final(scale.Paused): true, Final(scale.CoolingDown): true,
	} {
		t.Run(string(result), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				alert := firing("a", 0)
				alert.Signal.Repeats = true
				journal := newMemory()
				op := Operation{
					ID: newOperationID(time.Now().Add(-time.Hour)), Intent: alert, State: Done, Result: result, EndedAt: time.Now().Add(-time.Minute), Failures: 9,
				}
				if _, err := journal.Add([]Operation{op}); err != nil {
					t.Fatal(err)
				}
				r := start(t, newWorld(t), journal)
				sub := r.submit(alert)[0]
				waits := want && result != Final(scale.Paused) && result != Final(scale.CoolingDown)
				if sub.Duplicate != (!want || waits) || sub.Accepted != (want && !waits) || sub.Decision.Until.IsZero() == waits {
					t.Errorf("a minute later: %+v", sub)
				}
				time.Sleep(15 * time.Minute)
				if sub = r.submit(alert)[0]; waits && !sub.Accepted || !want && !sub.Duplicate {
					t.Errorf("when the wait is over: %+v", sub)
				}
			})
		})
	}
}

func TestARequestIsNotTriedAgain(t *testing.T) {
	once := keyed(scaletest.SignalUp(), "message") // as SNS sends it: a second time, it is the same message
	for name, intent := range map[string]scale.Intent{"a direct request": keyed(scaletest.ByDelta(1), "k"), "an event that is told of once": once} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.breaks(true)
				r := begin(t, w)
				id := r.accepted(intent)
				r.wants(FinalFailed, id)
				w.breaks(false)
				time.Sleep(time.Hour)
				if sub := r.submit(intent)[0]; !sub.Duplicate || sub.Accepted || sub.Operation.ID != id || sub.Operation.Result != FinalFailed {
					t.Errorf("its key is another event: %+v", sub)
				}
			})
		})
	}
}

func TestAClearedAlertIsOver(t *testing.T) {
	busy := func(w *world) { w.values["worker"] = 4; w.record(scale.Update{End: time.Now()}) } // the cooldown has just begun
	cases := []struct {
		name string
		// before are the intents of the cooldown, and after those that come when it is over.
		before, after []scale.Intent
		want          []scale.Outcome
	}{
		{"its firing comes late", []scale.Intent{firing("a", 0), ended("a", 0, time.Minute)}, []scale.Intent{firing("a", 0)}, []scale.Outcome{scale.Cleared}},
		{"its firing comes after its end alone", []scale.Intent{ended("a", 0, time.Minute)}, []scale.Intent{firing("a", 0)}, []scale.Outcome{scale.Cleared}},
		{"an earlier firing comes late", []scale.Intent{ended("a", time.Hour, 2*time.Hour)}, []scale.Intent{firing("a", 0)}, []scale.Outcome{scale.Cleared}},
		{"a later firing is another one", []scale.Intent{ended("a", 0, time.Minute)}, []scale.Intent{firing("a", 2*time.Minute)}, []scale.Outcome{scale.Scale}},
		{"so is another alert of the same name", []scale.Intent{ended("a", 0, time.Minute)}, []scale.Intent{firing("b", 0)}, []scale.Outcome{scale.Scale}},
		{"an alert that does not say since when it fires is decided", []scale.Intent{clearedAlarm("Busy")}, []scale.Intent{scaletest.Signal(scale.Signal{Alert: "Busy"})}, []scale.Outcome{scale.Scale}},
		{"a repeat of the end changes nothing", []scale.Intent{ended("a", 0, time.Minute), ended("a", 0, time.Minute)}, []scale.Intent{firing("a", 0)}, []scale.Outcome{scale.Cleared}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				busy(w)
				r := begin(t, w)
				for _, intent := range c.before {
					if sub := r.submit(intent)[0]; sub.Accepted {
						t.Errorf("accepted: %+v", sub)
					}
				}
				time.Sleep(10 * time.Minute)
				r.stop()
				<-r.stopped
				r = start(t, w, r.journal.copied()) // it outlives the process
				for i, intent := range c.after {
					if sub := r.submit(intent)[0]; sub.Decision.Outcome != c.want[i] || sub.Decision.Reason == "" && c.want[i] == scale.Cleared {
						t.Errorf("%d: %q (%s); want %q", i, sub.Decision.Outcome, sub.Decision.Reason, c.want[i])
					}
				}
			})
		})
	}
}

func TestTheEndOfAnEarlierFiringEndsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", func(r *scale.Rule) {
			r.OnCooldown = scale.Defer
			r.Triggers = map[string]scale.Trigger{"Busy": {OnClear: &scale.Trigger{Delta: new(-1)}}}
		})
		r := begin(t, w)
		r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
		id := r.accepted(firing("a", time.Hour)) // deferred
		if sub := r.submit(ended("a", 0, time.Minute))[0]; sub.Accepted || sub.Decision.Outcome != scale.Cleared {
			t.Errorf("the late end of an earlier firing: %+v", sub)
		}
		if sub := r.submit(ended("b", time.Hour, 2*time.Hour))[0]; !sub.Accepted {
			t.Errorf("the end of another alert of the same name: %+v", sub)
		}
		if op, err := r.Operation(id); err != nil || op.Result == FinalCancelled {
			t.Errorf("it has ended with it: %+v, %v", op, err)
		}
	})
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", deferring)
		r := begin(t, w)
		r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
		id := r.accepted(firing("a", time.Hour))
		r.submit(ended("a", time.Hour-time.Minute, 2*time.Hour)) // the sender has learnt that it began earlier
		r.wants(FinalCancelled, id)
	})
}

func TestNothingIsSaidOfAnEndThatCannotBeRemembered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := begin(t, newWorld(t))
		full := &JournalError{Err: errors.New("no space left")}
		r.journal.fail(full)
		end := keyed(ended("a", 0, time.Minute), "")
		if _, err := r.Submit(t.Context(), []scale.Intent{end}); !errors.Is(err, full) {
			t.Errorf("it was answered as if it were: %v", err)
		}
		r.journal.fail(nil)
		r.submit(end)
		if sub := r.submit(firing("a", 0))[0]; sub.Decision.Outcome != scale.Cleared {
			t.Errorf("it is not remembered when it comes again: %+v", sub)
		}
	})
}

func TestAnEndWithoutAMeasurementScalesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", func(r *scale.Rule) {
			r.OnCooldown = scale.Defer
			r.Triggers = map[string]scale.Trigger{"Busy": {Direction: scale.Up, OnClear: &scale.Trigger{Delta: new(-1)}}}
		})
		r := begin(t, w)
		r.wants(FinalScaled, r.accepted(scaletest.ByDelta(1)))
		id := r.accepted(firing("a", 0))
		end := ended("a", 0, time.Minute)
		end.Signal.Lapsed = "the data have come back"
		if sub := r.submit(end)[0]; sub.Accepted || sub.Decision.Outcome != scale.Cleared || sub.Decision.Reason != "the data have come back" {
			t.Errorf("it is a reason to scale in: %+v", sub)
		}
		r.wants(FinalCancelled, id)
	})
}

func TestASignalDuringAnUpdateWaitsForItWhereNoCooldownIs(t *testing.T) {
	free := func(up, down time.Duration) scaletest.RuleEdit {
		return func(r *scale.Rule) { r.Cooldown = scale.Cooldown{Up: up, Down: down, Split: true} }
	}
	none := func(r *scale.Rule) { r.Cooldown = scale.Cooldown{} }
	step := func(d scale.Direction) scale.Intent {
		return scaletest.Signal(scale.Signal{Alert: "Busy", Direction: d})
	}
	cases := []struct {
		name string
		rule scaletest.RuleEdit
		// first begins the update during which the others come.
		first  scale.Intent
		during []scale.Intent
		want   []State
		worker int
		finals []Final
	}{
		{"up: 0 holds nothing", free(0, time.Minute), scaletest.ByDelta(1), []scale.Intent{scaletest.SignalUp()}, []State{Deferred}, 5, []Final{FinalScaled}},
		{"nor does no cooldown at all", none, scaletest.ByDelta(1), []scale.Intent{scaletest.SignalUp()}, []State{Deferred}, 5, []Final{FinalScaled}},
		{"it may go the other way", none, scaletest.ByDelta(2), []scale.Intent{step(scale.Down)}, []State{Deferred}, 4, []Final{FinalScaled}},
		{"a scale-in is held by its own cooldown", free(0, time.Minute), scaletest.ByDelta(1), []scale.Intent{step(scale.Down)}, []State{""}, 4, nil},
		{"a scale-out is not held by the one of a scale-in", free(time.Minute, time.Minute), scaletest.ByDelta(-1), []scale.Intent{scaletest.SignalUp()}, []State{Deferred}, 3, []Final{FinalScaled}},
		{"but by that of a scale-out", free(time.Minute, 0), scaletest.ByDelta(1), []scale.Intent{scaletest.SignalUp()}, []State{""}, 4, nil},
		{"what the update does already may fail", none, scaletest.ByDelta(1), []scale.Intent{alarm("A", 4)}, []State{Deferred}, 4, []Final{Final(scale.NoChange)}},
		{
			"the one that needs most is kept", none, scaletest.ByDelta(1), []scale.Intent{alarm("A", 6), alarm("B", 9), alarm("C", 7)},
			[]State{Deferred, Deferred, Done}, 9, []Final{FinalSuperseded, FinalScaled, FinalSuperseded},
		},
		{
			"its alert may clear meanwhile", none, scaletest.ByDelta(1), []scale.Intent{scaletest.Signal(scale.Signal{Alert: "Busy"}), clearedAlarm("Busy")},
			[]State{Deferred, ""}, 4, []Final{FinalCancelled, ""},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.rule("worker", c.rule)
				r := begin(t, w)
				first := r.accepted(c.first)
				time.Sleep(updateTime / 2)
				var ids []string
				for i, intent := range c.during {
					sub := r.submit(intent)[0]
					ids = append(ids, sub.Operation.ID)
					if op, err := r.Operation(sub.Operation.ID); err == nil {
						sub.Operation = op
					}
					if sub.Operation.State != c.want[i] {
						t.Errorf("%s: %q, %q (%s)", intent.Ask(), sub.Operation.State, sub.Decision.Outcome, sub.Decision.Reason)
					}
				}
				r.wants(FinalScaled, first)
				time.Sleep(3 * updateTime)
				for i, final := range c.finals {
					if final != "" {
						r.wants(final, ids[i])
					}
				}
				if got := w.counts()[0]; got != c.worker {
					t.Errorf("the pool is at %d and not at %d", got, c.worker)
				}
			})
		})
	}
}

func TestAFloodDuringAnUpdateIsOneMore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.rule("worker", func(r *scale.Rule) { r.Cooldown = scale.Cooldown{} })
		r := begin(t, w)
		first := r.accepted(scaletest.ByDelta(1))
		time.Sleep(updateTime / 2)
		for i := range 1000 {
			if sub := r.submit(firing("a", time.Duration(i)))[0]; sub.Operation.ID == "" {
				t.Fatalf("%d: %+v", i, sub)
			}
			if n := len(r.Open()); n > 2 {
				t.Fatalf("after %d, %d operations are open", i, n)
			}
		}
		r.wants(FinalScaled, first)
		time.Sleep(10 * updateTime)
		r.wantCounts(5, 2, 2)
	})
}
