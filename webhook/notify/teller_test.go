package notify

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/notice"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// told are the pools and kinds of what a listener got, in order.
func told(t *testing.T, got []sent, host string) (out []string) {
	t.Helper()
	for _, s := range got {
		if strings.HasPrefix(s.host, host+".") {
			pool, kind := s.event(t)
			out = append(out, pool+" "+kind)
		}
	}
	return out
}

func TestEachIsToldOfWhatItWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &memory{}, &pools{}, &wire{},
			hook("all", nil),
			hook("web", func(s *Setting) { s.Pools = []string{"web"} }),
			hook("bad", func(s *Setting) { s.Events = []notice.Kind{notice.Failed, notice.Recovered} }),
			hook("end", func(s *Setting) { s.Events = []notice.Kind{notice.Recovered} }),
			hook("one", func(s *Setting) { s.Events = []notice.Kind{notice.Locked, notice.Recovered} }),
		).start()
		for _, e := range []queue.BatchDone{r.done("web", 1, queue.FinalScaled), r.done("db", 1, queue.FinalFailed), r.done("db", 2, queue.FinalScaled)} {
			r.Observe(e)
		}
		synctest.Wait()
		for name, want := range map[string][]string{
			"all": {"web scaled", "db failed", "db scaled", "db recovered"}, "web": {"web scaled"}, "bad": {"db failed", "db recovered"}, "end": {"db recovered"}, "one": nil,
		} {
			if diff := cmp.Diff(want, told(t, r.wire.taken(), name)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			if s := r.status(name); s.Told != len(want) || s.Waiting != 0 || s.Lost != 0 || len(want) > 0 && s.Host != name+".example.com" {
				t.Errorf("%s: %+v", name, s)
			}
		}
		r.stop()
		if n := r.outbox.letters(); n != 0 {
			t.Errorf("%d letters are left", n)
		}
	})
}

// A listener that is down is told when it is back, in order, and no other listener and nobody else waits for it.
func TestADeadListenerHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		w := &wire{answer: func(s sent) (int, http.Header, error) {
			if down.Load() && strings.HasPrefix(s.host, "dead.") {
				return 0, nil, errDown
			}
			return 200, nil, nil
		}}
		r := newRig(t, &memory{}, &pools{}, w, hook("dead", nil), hook("alive", nil)).start()
		var want []string
		for i := range 20 {
			r.Observe(r.done("web", i, queue.FinalScaled))
			want = append(want, "web scaled")
		}
		synctest.Wait()
		if diff := cmp.Diff(want, told(t, w.taken(), "alive")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := r.status("dead"); s.Waiting != 20 || s.Told != 0 || s.Problem != "connection refused" {
			t.Errorf("%+v", s)
		}
		if n := strings.Count(r.log.String(), "cannot be notified"); n != 1 {
			t.Errorf("it is said %d times:\n%s", n, r.log)
		}
		down.Store(false)
		time.Sleep(time.Hour)
		synctest.Wait()
		var numbers []string
		for _, s := range w.taken() {
			if strings.HasPrefix(s.host, "dead.") {
				_, after, _ := strings.Cut(s.body, `"from":`)
				from, _, _ := strings.Cut(after, ",")
				numbers = append(numbers, from)
			}
		}
		if len(numbers) != 20 {
			t.Errorf("got %v", numbers)
		}
		for i, n := range numbers {
			if n != fmt.Sprint(i) {
				t.Errorf("out of order: %v", numbers)
				break
			}
		}
		if !strings.Contains(r.log.String(), "can be notified again") {
			t.Errorf("its return is not said:\n%s", r.log)
		}
		r.stop()
	})
}

// A notice that a listener does not take waits for its retry, with what follows for the same pool; other pools go on.
func TestAPoolThatWaitsHoldsUpNoOtherPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var healed atomic.Bool
		w := &wire{answer: func(s sent) (int, http.Header, error) {
			if strings.Contains(s.body, `"subject":"web"`) && !healed.Load() {
				return 500, nil, nil
			}
			return 200, nil, nil
		}}
		r := newRig(t, &memory{}, &pools{}, w, hook("hook", nil)).start()
		for i := range 3 {
			r.Observe(r.done("web", i, queue.FinalScaled))
			r.Observe(r.done("db", i, queue.FinalScaled))
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"db scaled", "db scaled", "db scaled"}, told(t, w.taken(), "hook")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		healed.Store(true)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := told(t, w.taken(), "hook"); len(got) != 6 {
			t.Errorf("got %v", got)
		}
		r.stop()
	})
}

func TestWhatAListenerAnswers(t *testing.T) {
	const forever = 25 * time.Hour
	header := func(value string) http.Header { return http.Header{"Retry-After": {value}} }
	for name, test := range map[string]struct {
		answer func(try int) (int, http.Header, error)
		lasts  time.Duration
		// tries are at least and at most so many.
		least, most int
		told, lost  int
		problem     string
		stopped     bool
	}{
		"it hangs": {func(int) (int, http.Header, error) { return 0, nil, nil }, time.Minute, 2, 5, 0, 0, "it does not answer in time", false},
		"it is slow to heal": {func(try int) (int, http.Header, error) {
			if try < 5 {
				return 503, nil, nil
			}
			return 202, nil, nil
		}, time.Minute, 5, 5, 1, 0, "", false},
		"410 stops":                   {func(int) (int, http.Header, error) { return 410, nil, nil }, 3 * time.Hour, 1, 1, 0, 0, "it answers 410 Gone", true},
		"429 with seconds":            {func(int) (int, http.Header, error) { return 429, header("600"), nil }, 5 * time.Minute, 1, 1, 0, 0, "it answers 429 Too Many Requests", false},
		"429 with seconds, and again": {func(int) (int, http.Header, error) { return 429, header("600"), nil }, 11 * time.Minute, 2, 2, 0, 0, "it answers 429 Too Many Requests", false},
		"429 with a date": {func(int) (int, http.Header, error) {
			return 429, header(time.Now().Add(20 * time.Minute).UTC().Format(http.TimeFormat)), nil
		}, 19 * time.Minute, 1, 1, 0, 0, "it answers 429 Too Many Requests", false},
		"Retry-After is bounded":  {func(int) (int, http.Header, error) { return 503, header("99999999999"), nil }, 90 * time.Minute, 2, 2, 0, 0, "it answers 503 Service Unavailable", false},
		"Retry-After is nonsense": {func(int) (int, http.Header, error) { return 503, header("soon"), nil }, 10 * time.Second, 2, 5, 0, 0, "it answers 503 Service Unavailable", false},
		"a redirect is not followed": {func(int) (int, http.Header, error) {
			return 307, http.Header{"Location": {"https://evil.example.com/"}}, nil
		}, 10 * time.Second, 2, 5, 0, 0, "it answers 307: redirects are not followed", false},
		"what it never takes is lost": {func(int) (int, http.Header, error) { return 400, nil, nil }, time.Minute, 3, 3, 0, 1, "it answers 400 Bad Request", false},
		"what is too old is lost":     {func(int) (int, http.Header, error) { return 500, nil, nil }, forever, 50, 400, 0, 1, "it answers 500 Internal Server Error", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				w := &wire{}
				w.answer = func(s sent) (int, http.Header, error) {
					if s.host != "hook.example.com" {
						t.Errorf("%s was asked", s.host)
					}
					tries++
					return test.answer(tries)
				}
				r := newRig(t, &memory{}, &pools{}, w, hook("hook", nil)).start()
				r.Observe(r.done("web", 1, queue.FinalScaled))
				time.Sleep(test.lasts)
				synctest.Wait()
				s := r.status("hook")
				if tries < test.least || tries > test.most {
					t.Errorf("%d tries", tries)
				}
				if s.Told != test.told || s.Lost != test.lost || s.Problem != test.problem || s.Stopped != test.stopped {
					t.Errorf("%+v\n%s", s, r.log)
				}
				r.stop()
			})
		})
	}
}

// A listener that was gone is told of what waits after a reload, and that it is gone is said once.
func TestAListenerThatIsGoneComesBackByAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Bool
		w := &wire{answer: func(sent) (int, http.Header, error) {
			if back.Load() {
				return 200, nil, nil
			}
			return 410, nil, nil
		}}
		r := newRig(t, &memory{}, &pools{}, w, hook("hook", nil)).start()
		r.Observe(r.done("web", 1, queue.FinalScaled))
		synctest.Wait()
		r.Observe(r.done("db", 2, queue.FinalScaled))
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := r.status("hook"); !s.Stopped || s.Waiting != 2 || strings.Count(r.log.String(), "no longer exists") != 1 {
			t.Errorf("%+v\n%s", s, r.log)
		}
		back.Store(true)
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := r.status("hook"); s.Told != 0 {
			t.Errorf("it was told before a reload: %+v", s)
		}
		r.Reload()
		synctest.Wait()
		if s := r.status("hook"); s.Stopped || s.Told != 2 || s.Problem != "" {
			t.Errorf("%+v", s)
		}
		r.stop()
	})
}

// A secret that was changed is read anew when the listener refuses the old one, but not each time.
func TestSecretsAreReadAnewWhenTheyAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: func(s sent) (int, http.Header, error) {
			if s.header.Get("Authorization") != "Bearer new" {
				return 401, nil, nil
			}
			return 200, nil, nil
		}}
		r := newRig(t, &memory{}, &pools{}, w, hook("hook", func(s *Setting) { s.AuthorizationKey = "x:auth" }))
		var reads atomic.Int32
		var changed atomic.Bool
		secrets := r.Secrets
		r.vault.read = func(ctx context.Context, keys ...string) (map[string]string, error) {
			reads.Add(1)
			values, err := secrets(ctx, keys...)
			values["x:auth"] = map[bool]string{true: "Bearer new", false: "Bearer old"}[changed.Load()]
			return values, err
		}
		r.start()
		r.Observe(r.done("web", 1, queue.FinalScaled))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if n := reads.Load(); n != 1 {
			t.Errorf("%d reads within a minute", n)
		}
		changed.Store(true)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if s := r.status("hook"); s.Told != 1 || reads.Load() > 4 {
			t.Errorf("%d reads; %+v", reads.Load(), s)
		}
		r.stop()
	})
}

func TestWithoutItsSecretAListenerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &memory{}, &pools{}, &wire{}, hook("hook", nil))
		address := r.values["x:hook"]
		delete(r.values, "x:hook")
		r.start()
		r.Observe(r.done("web", 1, queue.FinalScaled))
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := r.status("hook"); s.Problem != `the stack's configuration has no value for the key "x:hook"` || s.Waiting != 1 {
			t.Errorf("%+v", s)
		}
		r.values = map[string]string{"x:hook": address, "x:secret": secret}
		r.Forget()
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := r.status("hook"); s.Told != 1 {
			t.Errorf("%+v", s)
		}
		r.stop()
	})
}

// A process that dies between any two steps tells all the same, and what was told is not told again.
func TestARestartLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox, p := &memory{}, &pools{}
		var up atomic.Bool
		answer := func(sent) (int, http.Header, error) {
			if up.Load() {
				return 200, nil, nil
			}
			return 0, nil, errDown
		}
		first := newRig(t, outbox, p, &wire{answer: answer}, hook("hook", nil), hook("gone", nil)).start()
		first.Observe(first.done("web", 1, queue.FinalFailed)) // it is put into the outbox, and not told
		synctest.Wait()
		first.stop()
		first.done("db", 1, queue.FinalScaled) // it ends, and the process dies before anybody hears of it
		time.Sleep(time.Minute)
		synctest.Wait()

		up.Store(true)
		w := &wire{answer: answer}
		second := newRig(t, outbox, p, w, hook("hook", nil)).start()
		synctest.Wait()
		if diff := cmp.Diff([]string{"web failed", "db scaled"}, told(t, w.taken(), "hook")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		second.Observe(second.done("web", 2, queue.FinalScaled)) // the trouble is still known
		synctest.Wait()
		second.stop()
		if n := outbox.letters(); n != 0 {
			t.Errorf("%d letters are left, also of a listener that the settings no longer have", n)
		}
		if diff := cmp.Diff([]string{"web failed", "db scaled", "web scaled", "web recovered"}, told(t, w.taken(), "hook")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		third := newRig(t, outbox, p, w, hook("hook", nil)).start()
		time.Sleep(time.Hour)
		synctest.Wait()
		third.stop()
		if got := told(t, w.taken(), "hook"); len(got) != 4 {
			t.Errorf("it is told again: %v", got)
		}
	})
}

// The first start tells nothing of what was before.
func TestTheFirstStartTellsNothingOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pools{}
		w := &wire{}
		r := newRig(t, &memory{}, p, w, hook("hook", nil))
		r.done("web", 1, queue.FinalFailed)
		r.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		r.stop()
		if got := w.taken(); len(got) > 0 {
			t.Errorf("got %v", got)
		}
	})
}

// A server with nothing to tell writes nothing, however often the stack is read.
func TestAnIdleTellerWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox := &memory{}
		r := newRig(t, outbox, &pools{rules: scale.Rules{"web": {Pool: "web"}}}, &wire{}, hook("hook", nil)).start()
		time.Sleep(2 * lookEvery)
		synctest.Wait()
		before := outbox.writes
		for range 10 {
			r.Observe(queue.Refreshed{})
			time.Sleep(lookEvery)
		}
		synctest.Wait()
		if n := outbox.writes - before; n > 0 {
			t.Errorf("it wrote %d times", n)
		}
		r.stop()
	})
}

// A thousand events at once: all are told, of each pool in order, and whoever tells of them waits for nothing.
func TestAThousandEventsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: func(sent) (int, http.Header, error) {
			time.Sleep(10 * time.Millisecond)
			return 200, nil, nil
		}}
		r := newRig(t, &memory{}, &pools{}, w, hook("hook", nil)).start()
		began := time.Now()
		for i := range 1000 {
			r.Observe(r.done(fmt.Sprintf("pool-%d", i%7), i, queue.FinalScaled))
		}
		if !time.Now().Equal(began) {
			t.Error("the observer waited")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		last := map[string]string{}
		for _, s := range w.taken() {
			pool, _ := s.event(t)
			_, after, _ := strings.Cut(s.body, `"from":`)
			from, _, _ := strings.Cut(after, ",")
			from = fmt.Sprintf("%05s", from)
			if from <= last[pool] {
				t.Fatalf("%s: %s after %s", pool, from, last[pool])
			}
			last[pool] = from
		}
		if s := r.status("hook"); s.Told != 1000 || s.Lost != 0 {
			t.Errorf("%+v", s)
		}
		r.stop()
	})
}

// What waits is bounded: the oldest is given up for the newest, counted and said.
func TestWhatWaitsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: func(sent) (int, http.Header, error) { return 503, http.Header{"Retry-After": {"3600"}}, nil }}
		r := newRig(t, &memory{}, &pools{}, w, hook("hook", nil)).start()
		for i := range mostWaiting + 200 {
			r.Observe(r.done(fmt.Sprintf("pool-%d", i%7), i, queue.FinalScaled))
			if i%100 == 0 {
				synctest.Wait()
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		s := r.status("hook")
		if s.Waiting != mostWaiting || s.Lost != 200 || r.outbox.letters() != mostWaiting || !strings.Contains(r.log.String(), "too many wait") {
			t.Errorf("%+v, %d on disk", s, r.outbox.letters())
		}
		r.stop()
	})
}

// If the disk takes nothing, what happens is told all the same.
func TestAFullDiskKeepsNothingFromBeingTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		r := newRig(t, &memory{}, &pools{}, w, hook("hook", nil)).start()
		synctest.Wait()
		r.outbox.mu.Lock()
		r.outbox.err = errDown
		r.outbox.mu.Unlock()
		r.Observe(r.done("web", 1, queue.FinalScaled))
		synctest.Wait()
		if s := r.status("hook"); s.Told != 1 || !strings.Contains(r.log.String(), "cannot be saved") {
			t.Errorf("%+v\n%s", s, r.log)
		}
		r.stop()
	})
}

// Alertmanager is told of what lasts again and again, and of its end.
func TestAlertmanagerIsToldOfWhatLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		r := newRig(t, &memory{}, &pools{}, w, hook("am", func(s *Setting) { s.Kind, s.SecretKey = "alertmanager", "" })).start()
		r.Observe(r.done("web", 1, queue.FinalScaled))
		r.Observe(r.done("web", 2, queue.FinalFailed))
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		got := w.taken()
		if len(got) != 11 {
			t.Errorf("%d requests in ten minutes", len(got))
		}
		for _, s := range got {
			alerts := alertsOf(t, s.body)
			if len(alerts) != 1 || alerts[0].Labels["alertname"] != "PulumiScaleFailed" || !alerts[0].EndsAt.Equal(s.at.Add(alertLasts).UTC()) || !alerts[0].StartsAt.Equal(got[0].at) {
				t.Errorf("at %s: %s", s.at, s.body)
			}
		}
		r.Observe(r.done("web", 3, queue.FinalScaled))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		all := w.taken()
		if len(all) != 12 {
			t.Fatalf("%d requests", len(all))
		}
		end := alertsOf(t, all[11].body)
		if diff := cmp.Diff(alertsOf(t, got[0].body)[0].Labels, end[0].Labels); diff != "" || end[0].EndsAt.After(all[11].at) {
			t.Errorf("the end %s is not that of the alert:\n%s", all[11].body, diff)
		}
		r.stop()
	})
}

// Nobody who is not named is told, and nothing runs.
func TestWithoutListenersNothingHappens(t *testing.T) {
	r := newRig(t, &memory{}, &pools{}, nil)
	r.Observe(r.done("web", 1, queue.FinalScaled))
	r.Run(t.Context(), r.pools)
	if len(r.events) > 0 || len(r.outbox.records) > 0 {
		t.Errorf("got %v, %v", r.events, r.outbox.records)
	}
	var none *Teller
	none.Observe(scale.Settled{})
}
