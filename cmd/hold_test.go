package cmd

import (
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestHold(t *testing.T) {
	f := newFake()
	newTerminal(f, "").run(t, "hold worker-pool --for 30m --reason looking", 0)
	if len(f.held) != 1 || f.held[0].Pool != "worker-pool" || !f.held[0].Until.Equal(noon.Add(30*time.Minute)) || f.held[0].By == "" {
		t.Fatalf("held is %+v", f.held)
	}
	term := newTerminal(f, "")
	term.run(t, "scale worker-pool --count 5 --force", 3)
	wantPart(t, term.stderr.String(), "pool worker-pool: worker-pool is held until 2026-03-04 12:30:00 UTC by ")
	wantPart(t, term.stderr.String(), "--force does not pass a hold")
	newTerminal(f, "").run(t, "preview worker-pool --count 5", 3)
	term = newTerminal(f, "")
	term.run(t, "rules", 0)
	wantPart(t, term.stdout.String(), "held 30m")
	newTerminal(f, "").run(t, "hold --for 2h", 0)
	term = newTerminal(f, "")
	term.run(t, "hold worker-pool --end", 0)
	wantPart(t, term.stdout.String(), "the stack  ")
	if len(f.held) != 1 || f.held[0].Pool != "" {
		t.Errorf("held is %+v", f.held)
	}
	newTerminal(f, "").run(t, "hold --end", 0)
	term = newTerminal(f, "")
	term.run(t, "hold", 0)
	wantText(t, term.stdout.String(), "nothing is held\n")
	newTerminal(f, "").run(t, "scale worker-pool --count 5", 0)
}

// A pool can be held also while the stack cannot be read: that may be why somebody holds it.
func TestHoldWithoutTheBackend(t *testing.T) {
	f := newFake()
	f.readErr = &scale.UnavailableError{Detail: "gone"}
	term := newTerminal(f, "")
	term.run(t, "hold worker-pool --for 30m", 0)
	wantPart(t, term.stderr.String(), "whether there is a pool of this name is not known")
	if len(f.held) != 1 {
		t.Errorf("held is %+v", f.held)
	}
}

func TestHoldMistakes(t *testing.T) {
	for _, args := range []string{
		"hold --for soon", "hold --for 0s", "hold --for 800h", "hold --for 1m --end", "hold --reason x", "hold wroker-pool --for 1m", "hold a b",
	} {
		f := newFake()
		newTerminal(f, "").run(t, args, 2)
		if len(f.held) > 0 {
			t.Errorf("%s holds %+v", args, f.held)
		}
	}
}
