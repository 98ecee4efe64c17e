package output

import (
	"cmp"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Holds is the document of `hold`.
type Holds struct {
	board.Holds
	Failure
}

// NewHolds makes the document of the holds in force.
func NewHolds(stack string, holds scale.Holds) *Holds {
	return &Holds{Holds: board.HoldsOf(stack, holds)}
}

// Holds renders a table of the holds in force, in the local time of now.
func (s *Style) Holds(holds scale.Holds, now time.Time) string {
	if len(holds) == 0 {
		return "nothing is held\n"
	}
	holds = tidy(holds)
	rows := make([][]string, len(holds))
	for i, h := range holds {
		rows[i] = []string{
			cmp.Or(h.Pool, "the stack"), h.Until.In(now.Location()).Format(time.DateTime), board.Left(h.Until.Sub(now)),
			cmp.Or(h.By, none), cmp.Or(h.Reason, none),
		}
	}
	return s.table([]string{"HELD", "UNTIL", "LEFT", "BY", "REASON"}, rows)
}
