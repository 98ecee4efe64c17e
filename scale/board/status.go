// Package board tells how a stack and its scalings stand at one moment. A [Status] is the document of GET /status. A
// [View] of a status has the words that people read.
//
// The form of a [Pool], a [Scaling], a [Decision], a [Drift] and a [Hold] is defined here, once for the documents of
// all commands and of the server. In these documents a count is null if it is not known or there is none. A flag is
// always present, and so is the list that a document is about. All other fields are absent if they have no value.
//
// The package is pure. Of this module it imports only scale and scale/queue. The status page and the terminal show the
// same board: each has a layout of its own, and the words of both are here.
package board

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// How much a status tells of the past.
const (
	shownScalings = 20
	shownFailures = 5
)

// Status is how a stack and its scalings stand. Fields are added, never renamed.
type Status struct {
	Stack string `json:"stack"`
	// Project is the stack's project. It is absent in the document of a server of an earlier version.
	Project string `json:"project,omitempty"`
	// Now is the time that the status describes, and ReadAt is when the stack was last read.
	Now    time.Time  `json:"now"`
	ReadAt *time.Time `json:"readAt,omitempty"`
	Ready  bool       `json:"ready"`
	// Problem says why the stack is not ready. Off says that it will not be ready before somebody's next `pulumi up`:
	// see [scale.IsOff].
	Problem string `json:"problem,omitempty" text:"lines"`
	Off     bool   `json:"off"`
	// Unread says that the stack is not ready because it has not been read yet. It will be read when that is needed.
	Unread bool `json:"unread"`
	// Unwritable says that the stack is not ready because the journal cannot be written.
	Unwritable bool            `json:"unwritable"`
	RuleErrors []scale.Problem `json:"ruleErrors,omitempty"`
	// Remarks say how the program and its configuration differ from what was deployed, in sentences.
	Remarks []string `json:"remarks,omitempty"`
	// Deployed is the newest update that is not a scaling by PulumiScale, and Commit is the commit that the checkout is
	// at; each is absent if it is not known.
	Deployed *scale.Deploy `json:"deployed,omitempty"`
	Commit   string        `json:"commit,omitempty"`
	Pools    []Pool        `json:"pools"`
	Running  *Work         `json:"running,omitempty"`
	// Open are the operations that are not done, oldest first. The list has at most a fixed number of operations under
	// way, and a fixed number of operations that wait. OpenOmitted counts the operations that are left out. RetryAt is
	// when operations are tried again, if something was in their way.
	Open        []Operation `json:"open"`
	OpenOmitted int         `json:"openOmitted,omitempty"`
	RetryAt     *time.Time  `json:"retryAt,omitempty"`
	// Holds are the holds in force. Upcoming is what will be done without a new request.
	Holds    []Hold     `json:"holds,omitempty"`
	Upcoming []Upcoming `json:"upcoming,omitempty"`
	// Failures are the last operations that failed or are not proved to have had their effect. Scalings are the last
	// scalings, whoever made them. Both are newest first.
	Failures []Operation `json:"failures"`
	Scalings []Scaling   `json:"scalings"`
	// Listeners are the listeners of the settings; absent if there are none.
	Listeners []Listener `json:"listeners,omitempty"`
	// Branch tells of the commits of counts; absent if counts are not committed.
	Branch *Branch `json:"branch,omitempty"`
	// Cluster is how the stack stands among several replicas; absent if there is one server.
	Cluster *Cluster `json:"cluster,omitempty"`
}

// Name is the name of a stack and of its project.
type Name struct{ Project, Stack string }

// New makes the status of a stack as of now, fit to be shown (see [Tidy]). work is what is in progress, or nil. The
// ended operations are in done, newest first; the failures are taken from them. The caller must read work before o and
// done. Otherwise an operation that ends between these readings would be shown as one that waits.
func New(of Name, o queue.Overview, work *queue.Work, done []queue.Operation, now time.Time) *Status {
	s := &Status{
		Stack: of.Stack, Project: of.Project, Now: now.UTC(), ReadAt: instant(o.ReadAt), Ready: o.Unready == nil, RuleErrors: scale.ProblemsOf(o.RulesErr),
		Remarks: o.Remarks, Deployed: o.Deploy, Commit: o.Commit,
		Pools: PoolsOf(of.Stack, o.Pools, o.Program, now).Pools, Open: []Operation{}, RetryAt: instant(ahead(o.RetryAt, now)), Failures: []Operation{},
		Scalings: HistoryOf(of.Stack, o.Scalings[:min(shownScalings, len(o.Scalings))]).Scalings,
	}
	if o.Unready != nil {
		s.Problem, s.Off = o.Unready.Error(), scale.IsOff(o.Unready)
		s.Unread = o.Unread
		s.Unwritable = scale.IsA[*queue.JournalError](o.Unready)
	}
	if len(o.Holds) > 0 {
		s.Holds = HoldsOf(of.Stack, o.Holds).Holds
	}
	for _, u := range o.Upcoming {
		s.Upcoming = append(s.Upcoming, upcomingOf(u))
	}
	s.addOpen(o.Open, work)
	for _, op := range done {
		if failed(op) && len(s.Failures) < shownFailures {
			s.Failures = append(s.Failures, OperationOf(op))
		}
	}
	if work != nil {
		s.Running = workOf(*work, s.Open, o.Open)
	}
	if r := s.Running; r != nil && len(r.Operations)+len(r.Settling) == 0 { // the work has just ended
		s.Running = nil
	}
	return Tidy(s)
}

// addOpen adds the operations that are not done, up to the limits of a status, and counts the operations left out.
func (s *Status) addOpen(open []queue.Operation, work *queue.Work) {
	under := map[string]bool{}
	if work != nil {
		for _, id := range work.Operations {
			under[id] = true
		}
	}
	left := map[bool]int{true: mostUnder, false: mostWaiting}
	for _, op := range open {
		if left[under[op.ID]] == 0 {
			s.OpenOmitted++
			continue
		}
		left[under[op.ID]]--
		s.Open = append(s.Open, OperationOf(op))
	}
}

// failed says whether somebody should look at a done operation.
func failed(op queue.Operation) bool {
	return op.Result == queue.FinalFailed || op.Result == queue.FinalUnverified || op.Error != ""
}

// Decode reads a server's status, and makes it fit to be shown (see [Tidy]). Unknown fields are ignored.
func Decode(r io.Reader) (*Status, error) {
	decoder := json.NewDecoder(r)
	decoder.UseNumber() // the values of properties are shown as they are
	var s Status
	if err := decoder.Decode(&s); err != nil {
		return nil, fmt.Errorf("read the status: %w", err)
	}
	if s.Stack == "" || s.Now.IsZero() {
		return nil, errors.New("read the status: it names no stack or no time")
	}
	return Tidy(&s), nil
}
