package board

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// However many operations wait, a status has a bounded size, and says how many it leaves out.
func TestAFullQueueFitsIntoAStatus(t *testing.T) {
	const many, busy = 50_000, 300
	var open []queue.Operation
	work := queue.Work{StartedAt: noon}
	for i := range many {
		op := queue.Operation{ID: fmt.Sprintf("%08d", i), State: queue.Accepted, AcceptedAt: noon, Intent: scale.Intent{Pool: "worker", Delta: new(1), Source: "http"}}
		if i%100 == 0 && len(work.Operations) < busy { // those under way need not be the oldest
			work.Operations = append(work.Operations, op.ID)
		}
		open = append(open, op)
	}
	status := New(Name{Project: "shop", Stack: "dev"}, queue.Overview{Open: open, ReadAt: noon}, &work, nil, noon)
	text, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 100_000 {
		t.Errorf("%d bytes", len(text))
	}
	view := status.View(noon.Add(time.Second))
	if got := len(status.Open) + status.OpenOmitted; got != many {
		t.Errorf("%d operations are told of or counted", got)
	}
	if len(view.Under()) != mostUnder || view.MoreUnder() != busy-mostUnder || len(status.Running.Operations) != mostUnder {
		t.Errorf("under way: %d, and %d more", len(view.Under()), view.MoreUnder())
	}
	if len(view.FirstWaiting()) != mostWaiting || view.MoreWaiting() != many-busy-mostWaiting {
		t.Errorf("waiting: %d, and %d more", len(view.FirstWaiting()), view.MoreWaiting())
	}
	if first := view.FirstWaiting()[0].ID; first != "00000001" {
		t.Errorf("the first that waits is %s", first)
	}
}

func TestNothingIsLeftOutOfAShortQueue(t *testing.T) {
	open := []queue.Operation{{ID: "a", State: queue.Running}, {ID: "b", State: queue.Accepted}}
	status := New(Name{Project: "shop", Stack: "dev"}, queue.Overview{Open: open}, &queue.Work{Operations: []string{"a", "gone"}}, nil, noon)
	view := status.View(noon)
	if len(status.Open) != 2 || status.OpenOmitted != 0 || status.Running.Omitted != 0 || view.MoreWaiting() != 0 || view.MoreUnder() != 0 {
		t.Errorf("%+v", status)
	}
}
