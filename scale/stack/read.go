package stack

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	fastjson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/sig"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/span"
)

// onlyOrganization is what self-managed backends, which have no organisations, put where Pulumi Cloud has one.
const onlyOrganization = "organization"

// askName finds the stack's name: the one asked for, else the selected one. On Pulumi Cloud that is its whole name, for the short one
// means the stack of the default organisation, which may be another.
func (s *Stack) askName(ctx context.Context) error {
	s.name = s.options.Stack
	if s.name == "" {
		s.name = s.project.selectedStack()
	}
	if s.name != "" {
		return nil
	}
	out, err := s.ask(ctx, "find the selected stack", "stack", "--show-name", "--fully-qualify-stack-names")
	if err != nil {
		return err
	}
	s.name = strings.TrimSpace(out)
	if short, managed := strings.CutPrefix(s.name, onlyOrganization+"/"+string(s.project.Name)+"/"); managed {
		s.name = short
	}
	return nil
}

// ask runs a CLI command that changes nothing. A file backend does not replace the state's file at one stroke: who reads it while an
// engine writes may find it empty, and asks again. The CLI itself waits without end for a service that takes a request and never answers.
func (s *Stack) ask(ctx context.Context, attempted string, args ...string) (string, error) {
	wait := cmp.Or(s.longestRead, longestRead)
	for attempt := 1; ; attempt++ {
		asking, stop := context.WithTimeout(ctx, wait)
		stdout, stderr, code, err := s.command.Run(asking, s.project.dir, nil, nil, nil, shortLived(), args...)
		stop()
		if err == nil {
			return stdout, nil
		}
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return "", &scale.UnavailableError{Detail: attempted + ": no answer within " + wait.String()}
		}
		err = s.commandError(attempted, failure{stdout: stdout, stderr: stderr, code: code, err: err})
		if attempt == mostReads || !halfWritten.MatchString(stderr) {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(readInterval):
		}
	}
}

// shortLived is the environment of a CLI command that ends before it pays to collect garbage, which takes a third of its time. What the
// user has set stays.
func shortLived() []string {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if _, set := os.LookupEnv(name); set {
			return nil
		}
	}
	return []string{"GOGC=off", "GOMEMLIMIT=1GiB"}
}

// How often, and how far apart, a state is read that seems to be being written, and how long anything is waited for.
const (
	mostReads    = 10
	readInterval = 100 * time.Millisecond
	// longestRead is how long reading may take: more than the CLI's own four attempts at a gateway that gives up after a minute.
	longestRead = 5 * time.Minute
)

// Read reads the stack's state, its history and its configuration file, the first two beside each other. Where nothing was written since they were
// read last, they are not read again.
func (s *Stack) Read(ctx context.Context) (_ *scale.Snapshot, err error) {
	defer span.In(&ctx, "read the stack")(&err)
	// An update that has ended by now is in the history that is read after it, if it got there.
	ended, busy := s.left()
	stamp := s.stamp()
	if snap, certain, err := s.expected(ended, busy, stamp); certain {
		s.inForce.set(snap.Rules)
		return snap, err
	}
	state, entries, complete, err := s.readBoth(ctx)
	if err != nil {
		return nil, err
	}
	rules, rulesErr, unread := s.rules(state.rules)
	if malformed, ok := errors.AsType[*scale.RulesError](unread); ok {
		rules = malformed.Keys
	} else if unread != nil {
		return nil, unread
	}
	updates, err := s.updates(entries, rules)
	for size := pageSize; err == nil && !complete && !reachesBack(updates, rules); {
		size = larger(size, updates, rules)
		var older []entry
		if older, complete, err = s.readHistory(ctx, size); err != nil {
			return nil, err
		}
		entries = from(entries, older)
		updates, err = s.updates(entries, rules)
	}
	if err != nil {
		return nil, err
	}
	snap := &scale.Snapshot{Rules: rules, RulesErr: rulesErr, Updates: updates, Complete: complete, Head: head(entries), Stamp: stamp, Busy: busy}
	snap.Unsettled = s.unsettled(ended, entries, rules)
	err = cmp.Or(s.fill(snap, state), unread)
	if err == nil && rulesErr == nil {
		s.last.Store(snap)
	}
	return snap, err
}

// ReadSince is Read for a backend with a stamp. For others it reads the state: an update that succeeds writes that, so that the history is read
// too where the state has been written since, and where an update of ours has left something to look up.
func (s *Stack) ReadSince(ctx context.Context, known *scale.Snapshot) (_ *scale.Snapshot, err error) {
	if s.stamp() != (scale.Stamp{}) {
		return s.Read(ctx)
	}
	defer span.In(&ctx, "read the state")(&err)
	ended, busy := s.left()
	state, err := s.readState(ctx)
	if err != nil {
		return nil, err
	}
	same := !known.Written.IsZero() && state.written.Equal(known.Written) && known.Output != nil && bytes.Equal(state.output(), known.Output)
	if len(ended) > 0 || !same || known.RulesErr != nil {
		return s.Read(ctx)
	}
	snap := *known
	snap.Unsettled, snap.Busy = nil, busy
	return &snap, s.fill(&snap, state)
}

// fill puts what the state and the configuration file say into a snapshot that has the rules.
func (s *Stack) fill(snap *scale.Snapshot, state state) (err error) {
	snap.Resources, snap.DependsOn, snap.Pending = state.resources, state.dependsOn, state.pending
	snap.Output, snap.Written = state.output(), state.written
	snap.File, err = s.file.values(snap.Rules)
	return err
}

// readBoth reads the state and the first page of the history, beside each other.
func (s *Stack) readBoth(ctx context.Context) (state state, entries []entry, complete bool, err error) {
	var stateErr, historyErr error
	var wait sync.WaitGroup
	wait.Go(func() { state, stateErr = s.readState(ctx) })
	wait.Go(func() { entries, complete, historyErr = s.readHistory(ctx, pageSize) })
	wait.Wait()
	if stateErr == nil && historyErr == nil && state.isOlderThan(entries) {
		state, stateErr = s.readState(ctx) // an update ended between the two readings
	}
	if stateErr != nil {
		return state, nil, false, stateErr
	}
	return state, entries, complete, historyErr
}

// History reads the newest completed updates, or every one for 0.
func (s *Stack) History(ctx context.Context, rules scale.Rules, newest int) (updates []scale.Update, complete bool, err error) {
	entries, complete, err := s.readHistory(ctx, newest)
	if err != nil {
		return nil, false, err
	}
	updates, err = s.updates(entries, rules)
	return updates, complete, err
}

// state is what is needed of an exported stack. Reading it takes no passphrase: secrets stay encrypted in it.
type state struct {
	resources, pending []string
	dependsOn          map[string][]string
	rules              []byte
	all                []resourceState
	// written is when the engine wrote it, by the clock of the engine's machine.
	written time.Time
}

// isOlderThan says whether the newest completed update began after the state was written: it has written another one since. Clocks that differ
// make the state be read once more than needed, or once less: then the update itself finds that it began with another one.
func (s state) isOlderThan(entries []entry) bool {
	return len(entries) > 0 && s.written.Before(entries[0].StartTime)
}

// output is the rules' output as the engine's events have it too; nil where there is none. Secrets stand there in another way.
func (s state) output() []byte {
	var output any
	if bytes.Contains(s.rules, []byte(sig.Key)) || json.Unmarshal(s.rules, &output) != nil {
		return nil
	}
	return []byte(asJSON(output))
}

// resourceState is a resource as the state has it.
type resourceState struct {
	URN          string                    `json:"urn"`
	Type         string                    `json:"type"`
	Custom       bool                      `json:"custom"`
	Inputs       jsontext.Value            `json:"inputs"`
	Outputs      map[string]jsontext.Value `json:"outputs"`
	Parent       string                    `json:"parent"`
	Dependencies []string                  `json:"dependencies"`
	DeletedWith  string                    `json:"deletedWith"`
}

func (s *Stack) readState(ctx context.Context) (state, error) {
	out, err := s.ask(ctx, "read the stack's state", "stack", "export", "--stack", s.name)
	if err != nil {
		return state{}, err
	}
	var exported struct {
		Deployment struct {
			Manifest struct {
				Time time.Time `json:"time"`
			} `json:"manifest"`
			Resources []resourceState `json:"resources"`
			Pending   []struct {
				Resource struct {
					URN string `json:"urn"`
				} `json:"resource"`
			} `json:"pending_operations"`
		} `json:"deployment"`
	}
	if err := fastjson.UnmarshalRead(strings.NewReader(out), &exported); err != nil { // states may be large
		return state{}, fmt.Errorf("read the output of `pulumi stack export`: %w", err)
	}
	st := state{dependsOn: map[string][]string{}, all: exported.Deployment.Resources, written: exported.Deployment.Manifest.Time}
	for _, r := range exported.Deployment.Resources {
		st.resources = append(st.resources, r.URN)
		st.dependsOn[r.URN] = append(r.Dependencies, r.Parent, r.DeletedWith)
		if r.Type == stackType {
			st.rules = r.Outputs[scale.OutputName]
		}
	}
	for _, p := range exported.Deployment.Pending {
		st.pending = append(st.pending, p.Resource.URN)
	}
	return st, nil
}

// pageSize is how many updates are read at first: enough for the last successful one and the cooldowns of most stacks. Where it is not, twice to
// pageGrowth times as many are read: each reading costs a process, whose start takes longer than hundreds of updates.
const (
	pageSize   = 20
	pageGrowth = 8
)

// larger is how many updates to read where so many are not enough: those of the longest cooldown, if they are as close together as these, and half as
// many again.
func larger(size int, updates []scale.Update, rules scale.Rules) int {
	growth := float64(pageGrowth)
	longest := longestCooldown(rules)
	if n := len(updates); n > 0 && time.Since(updates[n-1].End) < longest {
		growth = 1.5 * float64(longest) / float64(time.Since(updates[n-1].End)) //nolint:mnd // half as many again
	}
	return int(float64(size) * min(max(growth, 2), pageGrowth)) //nolint:mnd // twice
}

func longestCooldown(rules scale.Rules) (longest time.Duration) {
	for _, rule := range rules {
		longest = max(longest, rule.Cooldown.Up, rule.Cooldown.Down)
	}
	return longest
}

// from are the entries from the newest known one on: newer ones have been added since the state was read. All, where it is not among them.
func from(known, entries []entry) []entry {
	at := slices.IndexFunc(entries, func(e entry) bool { return head([]entry{e}) == head(known) })
	return entries[max(at, 0):]
}

// succeeded is the history's word for the result of an update that did.
const succeeded = "succeeded"

// entry is one update as `pulumi stack history --json` shows it.
type entry struct {
	Version     int       `json:"version"`
	Kind        string    `json:"kind"`
	StartTime   time.Time `json:"startTime"`
	EndTime     time.Time `json:"endTime"`
	Message     string    `json:"message"`
	Result      string    `json:"result"`
	Environment struct {
		// Agent is the `--exec-agent` of the update, by which ours know themselves.
		Agent  string `json:"exec.agent"`
		Author string `json:"git.author"`
	} `json:"environment"`
	Config map[string]struct {
		Value  *string `json:"value"`
		Object any     `json:"objectValue"`
		Secret bool    `json:"secret"`
	} `json:"config"`
}

// readHistory reads the newest updates, newest first, or all of them for 0, and says whether there is nothing older. Those that still run, or wait
// to, are left out: Pulumi Cloud may list them.
func (s *Stack) readHistory(ctx context.Context, newest int) (entries []entry, complete bool, err error) {
	out, err := s.ask(ctx, "read the stack's history", "stack", "history", "--json", "--stack", s.name, "--page", "1", "--page-size", strconv.Itoa(newest))
	if err != nil {
		return nil, false, err
	}
	listed := 0
	decoder := json.NewDecoder(strings.NewReader(out)) // one entry after the other, for there may be thousands
	decoder.UseNumber()
	_, err = decoder.Token()
	for ; err == nil && decoder.More(); listed++ {
		var e entry
		if err = decoder.Decode(&e); err == nil && e.Result != "in-progress" && e.Result != "not-started" {
			entries = append(entries, e)
		}
	}
	if err == nil {
		_, err = decoder.Token() // the end of the list, without which it is not whole
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the output of `pulumi stack history`: %w", err)
	}
	return entries, newest == 0 || listed < newest, nil
}

// reachesBack says whether the updates hold, of every pool, the last successful one, and one older than any running cooldown.
func reachesBack(updates []scale.Update, rules scale.Rules) bool {
	horizon := time.Now().Add(-longestCooldown(rules))
	for name := range rules {
		if !slices.ContainsFunc(updates, func(u scale.Update) bool {
			return u.Succeeded && u.Kind == "update" && u.End.Before(horizon) && (!u.Overtaken || slices.Contains(u.Pools, name))
		}) {
			return false
		}
	}
	return true
}

// head identifies the newest completed update; empty where there is none. One of ours has its mark. Others are numbered by Pulumi Cloud, which
// may still add to an entry; self-managed backends number none, so that it is a digest of what every reader of the history sees alike.
func head(entries []entry) string {
	if len(entries) == 0 {
		return ""
	}
	e := entries[0]
	if _, _, ours := e.decidedOn(); ours {
		return ownHead(e.id(), e.Result)
	}
	if e.Version > 0 {
		return "v" + strconv.Itoa(e.Version)
	}
	text, err := json.Marshal([]any{e.Kind, e.StartTime.UTC(), e.EndTime.UTC(), e.Message, e.Result, e.Environment.Agent, e.Config})
	if err != nil {
		return e.Environment.Agent // what was read from JSON can be written as JSON
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// ownHead is the head after an update of ours: one that is tried again has the same mark, and so the result counts too.
func ownHead(id, result string) string { return id + "." + result }

// agent is the `--exec-agent` of an update: its mark, the head that it was decided on, and its pools.
func agent(id string, change scale.Change) string {
	return strings.Join([]string{id, "after=" + change.Head, "pools=" + strings.Join(change.Pools, ",")}, " ")
}

// id is the mark of an update of ours; for others whatever stands there.
func (e entry) id() string {
	id, _, _ := strings.Cut(e.Environment.Agent, " ")
	return id
}

// decidedOn is the head that an update of ours was decided on, and its pools; ok is false for others.
func (e entry) decidedOn() (head string, pools []string, ok bool) {
	fields := strings.Fields(e.Environment.Agent)
	if len(fields) != 3 {
		return "", nil, false
	}
	head, isHead := strings.CutPrefix(fields[1], "after=")
	list, isList := strings.CutPrefix(fields[2], "pools=")
	return head, strings.Split(list, ","), isHead && isList
}

func (s *Stack) updates(entries []entry, rules scale.Rules) ([]scale.Update, error) {
	keys := make(map[string]configKey, len(rules))
	owner := map[string]string{}
	for _, name := range rules.Names() {
		rule := rules[name]
		key, err := parseKey(string(s.project.Name), rule.ConfigKey, rule.ConfigPath)
		if err != nil {
			return nil, badKey(rule, err)
		}
		full := key.name + " " + key.path.String()
		if first, taken := owner[full]; taken { // spelled in two ways, or the rules' own check had found it
			return nil, badKey(rule, fmt.Errorf("must be the pool's own: it is also the key of %s", first))
		}
		keys[name], owner[full] = key, name
	}
	out := make([]scale.Update, len(entries))
	for i, e := range entries {
		values := make(map[string]*string, len(keys))
		for name, key := range keys {
			values[name] = e.value(key)
		}
		out[i] = scale.Update{
			Kind: e.Kind, Succeeded: e.Result == succeeded, Start: e.StartTime, End: e.EndTime,
			Message: e.Message, By: e.Environment.Author, ID: e.id(), Values: values,
		}
		if on, pools, ours := e.decidedOn(); ours {
			// Of the oldest one in a part of the history nothing tells; the worse is taken.
			out[i].Pools, out[i].Overtaken = pools, on != head(entries[i+1:])
		}
	}
	return out, nil
}

func (e entry) value(key configKey) *string {
	found, ok := e.Config[key.name]
	switch {
	case !ok:
		return nil
	case found.Secret:
		return asText(secretText)
	case found.Object != nil:
		return key.lookup(found.Object)
	case found.Value != nil:
		return key.lookup(*found.Value)
	}
	return nil
}
