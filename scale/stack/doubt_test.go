//go:build !windows

package stack

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Only an update that is proved ends a doubt about a pool.
func TestADoubtStaysUntilItIsProved(t *testing.T) {
	events := string(eventLog(t, "scale"))
	prelude := upToPrelude(events)
	proved := []scale.MoveResult{{Move: scale.Move{Pool: "worker", To: 3}}}
	for _, c := range []struct {
		name string
		// events and code are those of the next update, history is how it ended, and results are what was found of it;
		// nil if nobody came to look.
		events, code string
		result       string
		pools        []string
		results      []scale.MoveResult
		want         []string
		left         int
	}{
		{"it is proved", events, "0", "succeeded", []string{"worker"}, proved, nil, 0},
		{"it fails before its first step", prelude, "1", "failed", []string{"worker"}, nil, []string{"worker"}, 1},
		{"it fails at work", events, "1", "failed", []string{"worker"}, nil, []string{"worker"}, 1},
		{"it never begins", "", "1", "", []string{"worker"}, nil, []string{"worker"}, 1},
		{"it succeeds, as only the history knows", events, "1", "succeeded", []string{"worker"}, nil, []string{"worker"}, 1},
		{"it succeeds, and nobody came to look", events, "0", "succeeded", []string{"worker"}, nil, []string{"worker"}, 1},
		{
			"it succeeds and is not proved", events, "0", "succeeded", []string{"worker"},
			[]scale.MoveResult{{Move: scale.Move{Pool: "worker", To: 3}, Unverified: "r"}}, []string{"worker"}, 1,
		},
		{"it is of another pool", events, "0", "succeeded", []string{"api"}, []scale.MoveResult{{Move: scale.Move{Pool: "api", To: 1}}}, []string{"worker"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := crashing(t, events)
			if _, err := e.Update(context.Background(), workerChange(), scale.Unobserved); err == nil {
				t.Fatal("no error")
			}
			if err := os.Remove(filepath.Join(e.Dir, "crash")); err != nil {
				t.Fatal(err)
			}
			e.put("events", c.events)
			e.put("code", c.code)
			next := aChange()
			next.ID, next.Pools = "pulumiscale/2", c.pools
			if c.pools[0] == "worker" {
				next.Unsettled = []string{"worker"}
			}
			_, _ = e.Update(context.Background(), next, scale.Unobserved)
			entries := []string{past("update", "failed", time.Hour, counted, "pulumiscale/1")}
			if c.result != "" {
				entries = append([]string{past("update", c.result, 0, counted, "pulumiscale/2")}, entries...)
			}
			e.put("history1.json", history(entries...))
			if c.results != nil {
				e.Conclude("pulumiscale/2", c.results)
			}
			if diff := cmp.Diff(c.want, e.unsettledPools(t)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if left := e.dir.Records(); len(left) != c.left {
				t.Errorf("%d records", len(left))
			}
			// An update that is proved in the end leaves nothing behind.
			e.Conclude("pulumiscale/3", proved)
			if left := e.dir.Records(); len(left) > 0 || len(e.unsettledPools(t)) > 0 {
				t.Errorf("%d records, unsettled %v", len(left), e.unsettledPools(t))
			}
		})
	}
}

func TestACountThatIsNotProvedIsRemembered(t *testing.T) {
	const ours = "pulumiscale/1 after=x pools=worker"
	us := past("update", "succeeded", time.Hour, counted, ours)
	doubt := scale.Doubt{From: new(2), To: 3, Reason: "r", Stays: true}
	since := doubt
	since.Since = true
	for _, c := range []struct {
		name    string
		history []string
		export  string
		want    map[string]scale.Doubt
	}{
		{"until it is proved", []string{us}, exportOf(rulesOutput), map[string]scale.Doubt{"worker": doubt}},
		{"somebody has updated the stack since", []string{past("update", "succeeded", 0, counted, ""), us}, exportOf(rulesOutput), map[string]scale.Doubt{"worker": since}},
		{
			"another machine has scaled the pool since", []string{past("update", "succeeded", 0, counted, "pulumiscale/9 after=x pools=worker"), us},
			exportOf(rulesOutput), map[string]scale.Doubt{"worker": since},
		},
		{"another pool does not matter", []string{past("update", "succeeded", 0, counted, "pulumiscale/9 after=x pools=api"), us}, exportOf(rulesOutput), map[string]scale.Doubt{"worker": doubt}},
		{"nor does a failure", []string{past("update", "failed", 0, counted, ""), us}, exportOf(rulesOutput), map[string]scale.Doubt{"worker": doubt}},
		{"the real size is it by now", []string{us}, exportOf(rulesOutput[:len(rulesOutput)-2] + `,"current":3}}`), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			e.put("export.json", c.export)
			e.put("history1.json", history(c.history...))
			e.Conclude("pulumiscale/1", []scale.MoveResult{{Move: scale.Move{Pool: "worker", From: new(2), To: 3}, Unverified: "r", Stays: true}})
			snap, err := e.Read(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, snap.Unverified); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			e.Conclude("pulumiscale/2", []scale.MoveResult{{Move: scale.Move{Pool: "worker", To: 3}}})
			if snap, err = e.Read(context.Background()); err != nil || len(snap.Unverified) > 0 || len(e.dir.Records()) > 0 {
				t.Errorf("proved, and in doubt still: %v, error %v", snap.Unverified, err)
			}
		})
	}
}
