package journal

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// childEnv makes the test program a process that fills the journal in the directory it names.
const childEnv = "JOURNAL_TEST_CHILD"

// roundEnv is the first digit of the ids that the process gives.
const roundEnv = "JOURNAL_TEST_ROUND"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		fill(dir)
		return
	}
	os.Exit(m.Run())
}

// fill adds operations from several goroutines and closes some. It prints each id once that operation is acknowledged.
// It does not end.
func fill(dir string) {
	j, err := Open(context.Background(), dir)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for n := 0; ; n++ {
				op := accepted(worker*1_000_000+n, "")
				op.ID = os.Getenv(roundEnv) + op.ID
				op.Intent.Key = "key " + op.ID
				if _, err := j.Add([]queue.Operation{op}); err != nil {
					fmt.Println("error", err)
					return
				}
				fmt.Println("open", op.ID)
				if n%3 == 0 {
					if err := j.Update([]queue.Operation{done(op, noon)}); err != nil {
						fmt.Println("error", err)
						return
					}
					fmt.Println("done", op.ID)
				}
			}
		})
	}
	wait.Wait()
}

func TestWhatWasAcknowledgedOutlivesAKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]string{}
	for round := range 4 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+dir, roundEnv+"="+strconv.Itoa(round))
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			state, id, _ := strings.Cut(lines.Text(), " ")
			if state == "error" {
				t.Fatal(id)
			}
			acknowledged[id] = state
			if n == 100+37*round {
				_ = child.Process.Kill() // and read what it had printed before
			}
		}
		_ = child.Wait()

		j := open(t, dir)
		if j.Damage() != nil {
			t.Fatal(j.Damage())
		}
		for id, state := range acknowledged {
			op, err := j.Get(id)
			if err != nil || state == "done" && op.State != queue.Done {
				t.Errorf("round %d: %s was acknowledged as %s and is %q, %v", round, id, state, op.State, err)
			}
			if found, ok, err := j.Find("worker", op.Intent.Key); !ok || err != nil || found.ID != id {
				t.Errorf("round %d: the key of %s leads to %q, %v", round, id, found.ID, err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, senders := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprint(senders, " senders"), func(b *testing.B) {
			j := open(b, b.TempDir())
			before := transactions(b, j)
			next := make(chan int)
			var wait sync.WaitGroup
			for range senders {
				wait.Go(func() {
					for n := range next {
						if _, err := j.Add([]queue.Operation{accepted(n, fmt.Sprint(n))}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ResetTimer()
			start := time.Now()
			for n := range b.N {
				next <- n
			}
			close(next)
			wait.Wait()
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "adds/s")
			commits := transactions(b, j) - before
			b.ReportMetric(float64(b.N)/float64(commits), "adds/commit")
			b.ReportMetric(2*float64(commits)/time.Since(start).Seconds(), "syncs/s") // bbolt syncs the data, and then its head
		})
	}
}

// transactions counts those that were ever committed.
func transactions(t testing.TB, j *Journal) (n int) {
	t.Helper()
	err := j.db.View(func(tx *bolt.Tx) error {
		n = tx.ID()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
