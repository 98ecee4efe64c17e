// Package board tells how a stack and its scalings stand at one moment. It has a [Status], which is the document of GET
// /status, and a [View] of it, with its words for people.
//
// What a [Pool], a [Scaling], a [Decision], a [Drift] and a [Hold] are called and look like is decided here, once for the
// documents of all commands and of the server. In them a count is null if it is not known or there is none, a flag is
// always there, and so is a list that the document is made for. Of what else there is none, the field is absent.
//
// It imports scale alone and is pure. The status page and the terminal show the same board: each has a form of its own,
// and the words are here.
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
	// Project is the stack's; a server of an earlier version does not tell it.
	Project string `json:"project,omitempty"`
	// Now is when all of this was so, and ReadAt is when the stack was last read.
	Now    time.Time  `json:"now"`
	ReadAt *time.Time `json:"readAt,omitempty"`
	Ready  bool       `json:"ready"`
	// Problem says why it is not ready. Off says that it will not be before somebody's next `pulumi up`: see
	// [scale.IsOff].
	Problem string `json:"problem,omitempty" text:"lines"`
	Off     bool   `json:"off"`
	// Unread says that it is not ready because it has not been read yet, which will be done when it is needed.
	Unread bool `json:"unread"`
	// Unwritable says that it is not ready because what is accepted cannot be written down.
	Unwritable bool            `json:"unwritable"`
	RuleErrors []scale.Problem `json:"ruleErrors,omitempty"`
	// Remarks say how the program and its configuration differ from what was deployed, in sentences.
	Remarks []string `json:"remarks,omitempty"`
	// Deployed is the newest update that is no scaling of PulumiScale's, and Commit is the commit that the checkout is
	// at; each is absent if it is not known.
	Deployed *scale.Deploy `json:"deployed,omitempty"`
	Commit   string        `json:"commit,omitempty"`
	Pools    []Pool        `json:"pools"`
	Running  *Work         `json:"running,omitempty"`
	// Open are the operations that are not done, oldest first: the first of those under way and of those that wait.
	// OpenOmitted counts the others. RetryAt is when they are tried again, if something was in the way.
	Open        []Operation `json:"open"`
	OpenOmitted int         `json:"openOmitted,omitempty"`
	RetryAt     *time.Time  `json:"retryAt,omitempty"`
	// Holds are those in force. Upcoming is what is about to be done although nobody asks for it now.
	Holds    []Hold     `json:"holds,omitempty"`
	Upcoming []Upcoming `json:"upcoming,omitempty"`
	// Failures are the last operations that failed or are not proved to have had their effect. Scalings are the last
	// scalings, whoever made them. Both are newest first.
	Failures []Operation `json:"failures"`
	Scalings []Scaling   `json:"scalings"`
	// Listeners are those who are told of what happens; absent if there are none.
	Listeners []Listener `json:"listeners,omitempty"`
	// Branch is how it goes with the commits of counts; absent if there are none.
	Branch *Branch `json:"branch,omitempty"`
	// Cluster is how the stack stands among several replicas; absent if there is one server.
	Cluster *Cluster `json:"cluster,omitempty"`
}

// Name is a stack's name, and that of its project.
type Name struct{ Project, Stack string }

// New makes a status of what is known at a time, as it may be shown (see [Tidy]). It takes an overview, what is being
// done, nil if nothing is, and operations that are done, newest first, among which it looks for failures. The caller
// must ask what is being done before the rest, so that an operation that ends in between is still told of as open.
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
	if r := s.Running; r != nil && len(r.Operations)+len(r.Settling) == 0 { // it has just ended
		s.Running = nil
	}
	return Tidy(s)
}

// addOpen adds as many of the operations that are not done as a status tells of.
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

// failed says whether a done operation is one that somebody should look at.
func failed(op queue.Operation) bool {
	return op.Result == queue.FinalFailed || op.Result == queue.FinalUnverified || op.Error != ""
}

// Decode reads a status as a server tells it, as it may be shown (see [Tidy]). It passes over fields that it does not
// know.
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
