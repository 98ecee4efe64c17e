package board

import "time"

// Told is a document that is watched: a [*Status] or a [*Fleet].
type Told interface {
	// ToldAt is when all of it was so, by the clock of whoever told it.
	ToldAt() time.Time
	// AskAgain is how long after it the next one should be asked for.
	AskAgain() time.Duration
	// Timeless is a copy without its times, which change although nothing else does.
	Timeless() Told
}

// ToldAt is the status's time.
func (s *Status) ToldAt() time.Time { return s.Now }

// AskAgain is a second while something goes on, and else three.
func (s *Status) AskAgain() time.Duration { return s.View(s.Now).Refresh() }

// Timeless is the status without its times.
func (s *Status) Timeless() Told {
	out := *s
	out.Now, out.ReadAt = time.Time{}, nil
	return &out
}

// ToldAt is the fleet's time.
func (f *Fleet) ToldAt() time.Time { return f.Now }

// AskAgain is a second while an engine runs, and else three.
func (f *Fleet) AskAgain() time.Duration {
	if f.Engines.Running+f.Engines.Waiting > 0 {
		return time.Second
	}
	return 3 * time.Second
}

// Timeless is the fleet without its times.
func (f *Fleet) Timeless() Told {
	out := Fleet{Engines: f.Engines, Stacks: make([]FleetStack, len(f.Stacks))}
	for i, s := range f.Stacks {
		s.ReadAt = nil
		out.Stacks[i] = s
	}
	return &out
}
