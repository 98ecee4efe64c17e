package board

import "time"

// Listener is who is told of what happens, and how that goes since the server began.
type Listener struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Host is where the listener is. It is absent until its address has been read.
	Host string `json:"host,omitempty"`
	// Told counts the notices that arrived, and Lost those that were given up. Waiting are those that are still to be
	// told.
	Told    int `json:"told"`
	Lost    int `json:"lost"`
	Waiting int `json:"waiting"`
	// ToldAt is when one arrived last.
	ToldAt *time.Time `json:"toldAt,omitempty"`
	// Problem is why the last try came to nothing, and ProblemAt when that was; absent if it did not.
	Problem   string     `json:"problem,omitempty"`
	ProblemAt *time.Time `json:"problemAt,omitempty"`
	// Stopped says that nothing more is sent until a reload, because the listener said that it is gone.
	Stopped bool `json:"stopped"`
}

// Where is a listener's kind and host, in words.
func (l Listener) Where() string {
	if l.Host == "" {
		return l.Kind
	}
	return l.Kind + ", " + l.Host
}

// ListenerNote says what is wrong with a listener; empty if nothing is.
func (v View) ListenerNote(l Listener) string {
	switch {
	case l.Stopped:
		return l.Problem + "; nothing more is sent before a reload"
	case l.Problem != "" && l.ProblemAt != nil:
		return "Cannot be told: " + l.Problem + " (" + v.Ago(l.ProblemAt) + ")"
	}
	return l.Problem
}
