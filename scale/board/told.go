package board

import "time"

// Told is a document that is watched: a [*Status] or a [*Fleet].
type Told interface {
	// ToldAt is the time that the document describes, by the clock of whoever made it.
	ToldAt() time.Time
	// AskAgain returns how long after this document the next one should be asked for.
	AskAgain() time.Duration
	// Timeless returns a copy without the times that change even if nothing else does.
	Timeless() Told
}

// ToldAt returns the status's time.
func (s *Status) ToldAt() time.Time { return s.Now }

// AskAgain returns a second while something is being done or an operation waits, and three seconds otherwise.
func (s *Status) AskAgain() time.Duration { return s.View(s.Now).Refresh() }

// Timeless returns the status without Now and ReadAt.
func (s *Status) Timeless() Told {
	out := *s
	out.Now, out.ReadAt = time.Time{}, nil
	return &out
}

// ToldAt returns the fleet's time.
func (f *Fleet) ToldAt() time.Time { return f.Now }

// AskAgain returns a second while an engine runs or is waited for, and three seconds otherwise.
func (f *Fleet) AskAgain() time.Duration {
	if f.Engines.Running+f.Engines.Waiting > 0 {
		return time.Second
	}
	return 3 * time.Second
}

// Timeless returns the fleet without Now and without the stacks' ReadAt.
func (f *Fleet) Timeless() Told {
	out := Fleet{Engines: f.Engines, Stacks: make([]FleetStack, len(f.Stacks))}
	for i, s := range f.Stacks {
		s.ReadAt = nil
		out.Stacks[i] = s
	}
	return &out
}
