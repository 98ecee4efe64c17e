package cluster

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/queue/journaltest"
)

// What it costs to accept an operation, with one replica and with three that sync before they acknowledge.
func BenchmarkAdd(b *testing.B) {
	one := startOne(b, b.TempDir())
	three := startThree(b)
	var next atomic.Int64
	for _, c := range []struct {
		name    string
		nodes   []*Node
		senders int
	}{
		{"one replica, one sender", []*Node{one}, 1}, {"one replica, 16 senders", []*Node{one}, 16},
		{"three replicas, one sender", three.nodes[:], 1}, {"three replicas, 16 senders", three.nodes[:], 16},
	} {
		b.Run(c.name, func(b *testing.B) {
			took := make([]time.Duration, b.N)
			start, at := time.Now(), atomic.Int64{}
			var wait sync.WaitGroup
			for s := range c.senders {
				j := c.nodes[s%len(c.nodes)].Journal(fmt.Sprint("stack-", s))
				wait.Go(func() {
					for i := at.Add(1) - 1; i < int64(b.N); i = at.Add(1) - 1 {
						n := next.Add(1)
						began := time.Now()
						if _, err := j.Add([]queue.Operation{journaltest.Accepted(int(n), "worker", fmt.Sprint(c.name, n))}); err != nil {
							b.Error(err)
							return
						}
						took[i] = time.Since(began)
					}
				})
			}
			wait.Wait()
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "adds/s")
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
