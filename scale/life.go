package scale

import (
	"errors"
	"fmt"
	"time"
)

// DestroyedError says that a stack has been destroyed, in whole or in part, and that nobody's `pulumi up` has built it
// up since. Nothing of it is scaled until then, because a scaling would begin to build it up again.
type DestroyedError struct {
	Stack string
	// At is when it was destroyed; zero if the history does not tell, and only the state shows it, by having no
	// resources.
	At time.Time
}

func (e *DestroyedError) Error() string {
	if e.At.IsZero() {
		return fmt.Sprintf("stack %s has no resources: nothing is scaled until somebody's `pulumi up` has built it up again", e.Stack)
	}
	return fmt.Sprintf("stack %s was destroyed at %s: nothing is scaled until somebody's `pulumi up` has built it up again",
		e.Stack, e.At.Format(time.RFC3339))
}

// IsOff says whether an error means that scaling is switched off until somebody's next `pulumi up`: the stack has been
// destroyed, or its newest update took the rules away.
func IsOff(err error) bool {
	if rules, ok := errors.AsType[*RulesError](err); ok {
		return rules.Gone
	}
	_, destroyed := errors.AsType[*DestroyedError](err)
	return destroyed
}

type (
	// SwitchedOff says that scaling is off from now on, for a reason that [IsOff] knows.
	SwitchedOff struct{ Err error }
	// SwitchedOn says that it is on again.
	SwitchedOn struct{}
)

func (SwitchedOff) IsEvent() {}
func (SwitchedOn) IsEvent()  {}
