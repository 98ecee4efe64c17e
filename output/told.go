package output

import (
	"cmp"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Told is the document of `notify`.
type Told struct {
	Stack     string         `json:"stack"`
	Listeners []ToldListener `json:"listeners"`
	Failure
}

// ToldListener says whether one listener was told.
type ToldListener struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Host is where the listener is; absent if its address could not be read.
	Host string `json:"host,omitempty"`
	Told bool   `json:"told"`
	// Problem says why the listener was not told.
	Problem string `json:"problem,omitempty"`
}

// NewTold makes the document of a stack's listeners.
func NewTold(stack string) *Told { return &Told{Stack: stack, Listeners: []ToldListener{}} }

// Add adds a listener. err says why the listener was not told; nil if it was.
func (t *Told) Add(name, kind, host string, err error) {
	l := ToldListener{Name: name, Kind: kind, Host: host, Told: err == nil}
	if err != nil {
		l.Problem = err.Error()
	}
	t.Listeners = append(t.Listeners, l)
}

// Failed counts the listeners that were not told.
func (t *Told) Failed() (n int) {
	for _, l := range t.Listeners {
		if !l.Told {
			n++
		}
	}
	return n
}

// Told renders a table of the listeners, and whether each was told.
func (s *Style) Told(t *Told) string {
	rows := make([][]string, len(t.Listeners))
	for i, l := range board.Tidy(t.Listeners) {
		rows[i] = []string{l.Name, l.Kind, cmp.Or(l.Host, none), cmp.Or(l.Problem, "told")}
	}
	return s.table([]string{"LISTENER", "KIND", "HOST", "RESULT"}, rows)
}
