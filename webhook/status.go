package webhook

import (
	"net/http"

	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// searched is how many operations, from the newest on, are searched for failures.
const searched = 200

// status returns all that a view of the server needs, in one document. It waits for nothing.
func (s *Server) status(*http.Request) (any, error) {
	doc, _, err := s.statusNow()
	return doc, err
}

// statusNow returns the status, and the overview that the status is made of. The error is a [*queue.JournalError].
func (s *Server) statusNow() (*board.Status, queue.Overview, error) { return s.statusWith(searched) }

// statusWith is statusNow, but it searches the given number of operations for failures, from the newest on.
func (s *Server) statusWith(searched int) (*board.Status, queue.Overview, error) {
	// The running work is asked for before the overview. If an operation ends between the two calls, the status tells
	// of it neither as running nor as open.
	var running *queue.Work
	if work, busy := s.Activity.Running(); busy {
		running = &work
	}
	overview := s.Queue.Overview()
	done, err := s.Queue.Recent("", searched)
	if err != nil {
		return nil, overview, err
	}
	doc := board.New(board.Name{Project: s.ProjectName, Stack: s.StackName}, overview, running, done, s.Now())
	if s.Listeners != nil {
		doc.Listeners = board.Tidy(s.Listeners())
	}
	if s.Branch != nil {
		doc.Branch = board.NewBranch(s.Branch())
	}
	if s.Cluster != nil {
		doc.Cluster = board.Tidy(new(s.Cluster()))
	}
	return doc, overview, nil
}
