package board

import "time"

// Listener is a listener, and what became of the notices to it since the server began.
type Listener struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Host is where the listener is. It is absent until its address has been read.
	Host string `json:"host,omitempty"`
	// Told counts the notices that arrived, Lost the notices that were given up, and Waiting the notices that are still
	// to be told.
	Told    int `json:"told"`
	Lost    int `json:"lost"`
	Waiting int `json:"waiting"`
	// ToldAt is when a notice last arrived.
	ToldAt *time.Time `json:"toldAt,omitempty"`
	// Problem says why the last try failed, and ProblemAt when. Both are absent if the last try succeeded.
	Problem   string     `json:"problem,omitempty"`
	ProblemAt *time.Time `json:"problemAt,omitempty"`
	// Stopped says that nothing more is sent until a reload, because the listener said that it is gone.
	Stopped bool `json:"stopped"`
}

// Where returns a listener's kind and host, in words.
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
