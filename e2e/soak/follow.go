package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// follower asks for the operations that answers have named until each has ended. It must do so at once, because the
// server forgets those that ended long ago.
type follower struct {
	sender *sender

	mu sync.Mutex
	// open are operations that are not known to have ended. ended counts the others by their result. lost says what
	// went wrong.
	open, seen map[string]bool
	ended      map[string]int
	lost       []string
}

// askEvery is how often the open operations are asked for.
const askEvery = time.Second

func follow(ctx context.Context, s *sender) *follower {
	f := &follower{sender: s, open: map[string]bool{}, seen: map[string]bool{}, ended: map[string]int{}}
	go func() {
		for {
			select {
			case id := <-s.accepted:
				f.mu.Lock()
				if !f.seen[id] {
					f.seen[id], f.open[id] = true, true
				}
				f.mu.Unlock()
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		for ctx.Err() == nil {
			f.ask(ctx)
			select {
			case <-time.After(askEvery):
			case <-ctx.Done():
			}
		}
	}()
	return f
}

func (f *follower) ask(ctx context.Context) {
	f.mu.Lock()
	open := slices.Collect(maps.Keys(f.open))
	f.mu.Unlock()
	for _, id := range open {
		status, body, err := f.sender.do(ctx, get("/operations/"+id))
		if ctx.Err() != nil {
			return
		}
		var op struct{ State, Result string }
		if err == nil && status == http.StatusOK {
			err = json.Unmarshal(body, &op)
		}
		f.mu.Lock()
		switch {
		case err != nil || status != http.StatusOK:
			f.lost = append(f.lost, fmt.Sprintf("operation %s: %d %s %v", id, status, body, err))
			delete(f.open, id)
		case op.State == "done":
			f.ended[op.Result]++
			delete(f.open, id)
		}
		f.mu.Unlock()
	}
}

// waiting is how many operations are not known to have ended.
func (f *follower) waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.open) + len(f.sender.accepted)
}

// accepted is how many operations there were.
func (f *follower) accepted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seen)
}

// outcomes are the results that an operation may have here: nothing makes an update fail.
func outcomes() []string {
	return []string{"scaled", "no-change", "cooldown", "cancelled", "superseded"}
}

func (f *follower) verdict() verdict {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := verdict{promise: "every accepted operation has ended with an outcome", breaches: slices.Clone(f.lost)}
	var counts []string
	for _, result := range slices.Sorted(maps.Keys(f.ended)) {
		counts = append(counts, fmt.Sprintf("%d %s", f.ended[result], result))
		if !slices.Contains(outcomes(), result) {
			v.breaches = append(v.breaches, fmt.Sprintf("%d are %q", f.ended[result], result))
		}
	}
	for id := range f.open {
		v.breaches = append(v.breaches, "operation "+id+" has not ended")
	}
	v.measured = strings.Join(counts, ", ")
	return v
}
