package webhook

import (
	"errors"
	"net/http"
)

// Forgotten is a server's answer to a request to forget a machine.
type Forgotten struct {
	// Host is the machine's name. Stacks are the stacks from which the machine's lock is removed, if it has left one
	// behind.
	Host   string   `json:"host"`
	Stacks []string `json:"stacks"`
}

// forget has the queue remove the locks that a machine has left behind. The machine must be gone for good.
func (s *Server) forget(r *http.Request) (any, error) {
	host := r.PathValue("host")
	if err := s.Queue.Forget(host); err != nil {
		return nil, err
	}
	return Forgotten{Host: host, Stacks: []string{s.StackName}}, nil
}

// forget is [Server.forget] for all stacks that are open. It returns an error only if it failed for every one of them.
func (f *Fleet) forget(_ *Server, r *http.Request) (any, error) {
	out := Forgotten{Host: r.PathValue("host"), Stacks: []string{}}
	var failed error
	for _, m := range f.Members() {
		if m.Server == nil {
			continue
		}
		if err := m.Server.Queue.Forget(out.Host); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		out.Stacks = append(out.Stacks, m.Name)
	}
	if len(out.Stacks) == 0 && failed != nil {
		return nil, failed
	}
	return out, nil
}
