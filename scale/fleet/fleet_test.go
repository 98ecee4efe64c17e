package fleet

import (
	cmp2 "cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// site is where the stacks of a test are: it opens them, and knows which of them run.
type site struct {
	mu sync.Mutex
	// opened are the names in the order in which they were opened, running those that run now, by place.
	opened  []string
	running map[string]string
	// broken are the errors of stacks that cannot be opened, by name, and slow is how long opening takes.
	broken map[string]error
	slow   map[string]time.Duration
	// finishing is how long a stack takes to end.
	finishing time.Duration
	problems  []string
}

type fakeStack struct {
	site  *site
	entry Entry
}

func (s *fakeStack) Run(ctx context.Context) {
	<-ctx.Done()
	time.Sleep(s.site.finishing)
	s.site.mu.Lock()
	defer s.site.mu.Unlock()
	delete(s.site.running, s.entry.place())
}

func (s *site) open(ctx context.Context, e Entry) (*fakeStack, error) {
	s.mu.Lock()
	slow, err := s.slow[e.Name], s.broken[e.Name]
	s.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = append(s.opened, e.Name)
	if other, ok := s.running[e.place()]; ok {
		s.problems = append(s.problems, fmt.Sprintf("%s was opened while %s runs at the same place", e.Name, other))
	}
	s.running[e.place()] = e.Name
	return &fakeStack{site: s, entry: e}, nil
}

func (s *site) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []string{}
	for _, name := range s.running {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// begin runs a fleet with a list until the test ends.
func (s *site) begin(t *testing.T, names ...string) *Fleet[*fakeStack] {
	t.Helper()
	s.running = map[string]string{}
	f := New(Options[*fakeStack]{Open: s.open, Log: slog.New(slog.DiscardHandler)})
	f.Set(entries(names...))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		for _, p := range s.problems {
			t.Error(p)
		}
		if left := s.names(); len(left) > 0 {
			t.Errorf("these run after the fleet's end: %v", left)
		}
	})
	return f
}

func entries(names ...string) []Entry {
	var out []Entry
	for _, name := range names {
		name, stack, _ := strings.Cut(name, "=")
		out = append(out, Entry{Name: name, Dir: "/programs/" + name, Stack: cmp2.Or(stack, "dev")})
	}
	return out
}

func TestAllStacksAreOpenedAndABrokenOneHoldsUpNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{broken: map[string]error{"b": errors.New("no such program")}, slow: map[string]time.Duration{"a": time.Hour}}
		f := s.begin(t, "a", "b", "c", "d")
		time.Sleep(time.Second)
		if diff := cmp.Diff([]string{"c", "d"}, s.names()); diff != "" {
			t.Error(diff)
		}
		b := f.Members()[1]
		if b.Open || b.Err == nil || !b.RetryAt.After(time.Now()) {
			t.Errorf("%+v", b)
		}
		s.mu.Lock()
		delete(s.broken, "b")
		s.mu.Unlock()
		time.Sleep(firstRetry)
		if diff := cmp.Diff([]string{"b", "c", "d"}, s.names()); diff != "" {
			t.Error(diff)
		}
		if b := f.Members()[1]; !b.Open || b.Err != nil || !b.RetryAt.IsZero() {
			t.Errorf("%+v", b)
		}
	})
}

func TestManyThatHangDoNotHoldUpTheOthersForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{slow: map[string]time.Duration{}}
		var names []string
		for i := range 10 {
			s.slow[fmt.Sprint("hangs", i)] = time.Hour
			names = append(names, fmt.Sprint("hangs", i))
		}
		s.begin(t, append(names, "sound")...)
		time.Sleep(10 * slowOpening)
		if diff := cmp.Diff([]string{"sound"}, s.names()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatIsAskedForIsOpenedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{slow: map[string]time.Duration{}}
		var names []string
		for i := range 50 {
			name := fmt.Sprintf("s%02d", i)
			s.slow[name] = time.Second
			names = append(names, name)
		}
		f := s.begin(t, names...)
		time.Sleep(time.Millisecond)
		began := time.Now()
		var wait sync.WaitGroup
		for range 3 { // they share one opening
			wait.Go(func() {
				if got, err := f.Get(t.Context(), "s49"); err != nil || got.entry.Name != "s49" {
					t.Errorf("got %v, %v", got, err)
				}
			})
		}
		wait.Wait()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %s", took)
		}
		time.Sleep(time.Minute)
		if len(s.names()) != len(names) || len(s.opened) != len(names) {
			t.Errorf("%d run, %d were opened", len(s.names()), len(s.opened))
		}
	})
}

func TestARequestForWhatCannotBeOpenedIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{broken: map[string]error{"b": errors.New("no such program")}}
		f := s.begin(t, "b")
		synctest.Wait()
		_, err := f.Get(t.Context(), "b")
		if unavailable, ok := errors.AsType[*scale.UnavailableError](err); !ok || !strings.Contains(unavailable.Error(), "no such program") {
			t.Errorf("got %v", err)
		}
		if _, err := f.Get(t.Context(), "x"); !scale.IsA[*UnknownStackError](err) {
			t.Errorf("got %v", err)
		}
		time.Sleep(firstRetry + time.Second) // the list's own retry has failed again: its next one is later
		s.mu.Lock()
		delete(s.broken, "b")
		s.mu.Unlock()
		time.Sleep(firstRetry)
		if _, err := f.Get(t.Context(), "b"); err != nil {
			t.Errorf("a request does not try again: %v", err)
		}
	})
}

func TestAListThatChangesLeavesTheOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{finishing: time.Minute}
		f := s.begin(t, "a", "b", "c")
		time.Sleep(time.Second)
		added, gone := f.Set(entries("a", "c=prod", "d"))
		if diff := cmp.Diff([][]string{{"c", "d"}, {"b"}}, [][]string{added, gone}); diff != "" {
			t.Error(diff)
		}
		time.Sleep(time.Second)
		// b still finishes, and so does the c of before.
		if _, err := f.Get(t.Context(), "b"); !scale.IsA[*UnknownStackError](err) {
			t.Errorf("got %v", err)
		}
		if _, err := f.Get(t.Context(), "c"); !scale.IsA[*scale.UnavailableError](err) {
			t.Errorf("got %v", err)
		}
		if diff := cmp.Diff([]string{"a", "b", "c", "d"}, s.names()); diff != "" {
			t.Error(diff)
		}
		time.Sleep(2 * time.Minute)
		if diff := cmp.Diff([]string{"a", "c", "d"}, s.names()); diff != "" {
			t.Error(diff)
		}
		if c, err := f.Get(t.Context(), "c"); err != nil || c.entry.Stack != "prod" {
			t.Errorf("%+v, %v", c, err)
		}
		if diff := cmp.Diff([]string{"a", "b", "c", "c", "d"}, slices.Sorted(slices.Values(s.opened))); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAStackThatGetsAnotherNameIsNotOpenedTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{finishing: time.Minute}
		f := s.begin(t, "a")
		time.Sleep(time.Second)
		renamed := entries("a")
		renamed[0].Name = "z"
		f.Set(renamed)
		time.Sleep(time.Second)
		f.Set(entries("a")) // and back, before it was opened
		time.Sleep(2 * time.Minute)
		if diff := cmp.Diff([]string{"a"}, s.names()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatIsTakenOutWhileItIsBeingOpenedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{slow: map[string]time.Duration{"a": time.Second}}
		f := s.begin(t, "a", "b")
		time.Sleep(time.Second / 2)
		f.Set(entries("b"))
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"b"}, s.names()); diff != "" {
			t.Error(diff)
		}
		f.Set(entries("a", "b"))
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"a", "b"}, s.names()); diff != "" {
			t.Error(diff)
		}
	})
}
