package serving

import (
	"context"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/cluster"
	"github.com/pulumiscale/pulumiscale/scale/journal"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// aloneInCluster is the only replica of a cluster.
func aloneInCluster(t *testing.T) *cluster.Node {
	t.Helper()
	node, err := cluster.Start(t.Context(), cluster.Options{Name: "test", Replica: "alone", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := node.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return node
}

// What a server had accepted before it became a replica is carried out by the cluster, once: also if the first try to hand it
// over was cut off.
func TestWhatWasAcceptedBeforeIsTheClusters(t *testing.T) {
	node := aloneInCluster(t)
	kept, err := journal.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = kept.Close() }()
	now := time.Now()
	accepted := func(id string) queue.Operation {
		return queue.Operation{
			ID: id, State: queue.Accepted, AcceptedAt: now, Intent: scale.Intent{Pool: "worker", Count: new(4), Key: "key of " + id},
			Decision: scale.Decision{Outcome: scale.Scale},
		}
	}
	ended := func(id string, since time.Duration) queue.Operation {
		op := accepted(id)
		op.State, op.Result, op.EndedAt = queue.Done, queue.FinalScaled, now.Add(-since)
		op.Intent.Signal = &scale.Signal{Alert: "Busy", Identity: "a", Since: now.Add(-time.Hour)}
		return op
	}
	if _, err := kept.Add([]queue.Operation{accepted("1"), accepted("2"), ended("done", time.Hour), ended("long done", 25*time.Hour)}); err != nil {
		t.Fatal(err)
	}
	shared := node.Journal("shop/dev")
	if _, err := shared.Add([]queue.Operation{accepted("1")}); err != nil { // that far it had come
		t.Fatal(err)
	}
	for _, want := range []int{2, 0} {
		if moved, err := handOver(kept, shared, now); err != nil || moved != want {
			t.Errorf("%d were handed over and not %d: %v", moved, want, err)
		}
		open, err := shared.Open()
		if err != nil || len(open) != 2 || open[0].ID != "1" || open[1].ID != "2" {
			t.Errorf("the cluster has %+v, %v", open, err)
		}
	}
	if open, err := kept.Open(); err != nil || len(open) != 0 {
		t.Errorf("still open here: %+v, %v", open, err)
	}
	if op, ok, err := shared.Find("worker", "key of done"); err != nil || !ok || op.ID != "done" || op.Result != queue.FinalScaled {
		t.Errorf("a retry of what was done is not recognized: %+v, %v", op, err)
	}
	if _, ok, err := shared.Find("worker", "key of long done"); err != nil || ok {
		t.Errorf("what was done long ago is the cluster's too: %v", err)
	}
	if _, ok, err := shared.Recall("worker", "a"); err != nil || !ok {
		t.Errorf("what was heard of its alert is not known: %v", err)
	}
	if recent, err := shared.Recent("", 9); err != nil || len(recent) != 1 {
		t.Errorf("the cluster knows of %+v, %v", recent, err)
	}
}
