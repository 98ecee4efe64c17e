package stack

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/blang/semver"
	fastjson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/sig"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/room"
	"github.com/pulumiscale/pulumiscale/scale/span"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// findName finds the stack's name: the name in the options, else the name of the selected stack. How the selected stack
// is found depends on the CLI's version. On Pulumi Cloud the selected stack gets its full name, because the short name
// means the stack of the default organisation, which may be a different stack.
func (s *Stack) findName(ctx context.Context) error {
	var version semver.Version
	if s.command != nil {
		version = s.command.Version()
	}
	if known := cmp.Or(s.options.Stack, s.project.SelectedStack(version)); known != "" {
		s.setName(known)
		return nil
	}
	if s.command == nil {
		return &scale.SetupError{Problem: "which stack is selected cannot be told without the Pulumi CLI", Hint: "name one with --stack"}
	}
	out, err := s.ask(ctx, "find the selected stack", "stack", "--show-name", "--fully-qualify-stack-names")
	if err != nil {
		return err
	}
	name := strings.TrimSpace(out)
	if short, managed := strings.CutPrefix(name, project.OnlyOrganization+"/"+string(s.project.Name)+"/"); managed {
		name = short
	}
	s.setName(name)
	return nil
}

// setName sets the stack's name.
func (s *Stack) setName(name string) { s.name, s.dir.Stack = name, name }

// ask runs a CLI command that changes nothing. A file backend does not replace the state's file at one stroke, so a
// command that reads the file while an engine writes may find it empty. ask then asks again. The CLI itself would wait
// without end for a service that takes a request and never answers, so ask gives up after [Options.BackendTimeout].
func (s *Stack) ask(ctx context.Context, attempted string, args ...string) (string, error) {
	return s.askAs(ctx, cli.Call{Dir: s.project.Dir, Env: cli.ShortLived()}, attempted, args...)
}

// askPrivately is ask for a command whose output must not be written to a disk.
func (s *Stack) askPrivately(ctx context.Context, attempted string, args ...string) (string, error) {
	return s.askAs(ctx, cli.Call{Dir: s.project.Dir, Env: cli.ShortLived(), Private: true}, attempted, args...)
}

func (s *Stack) askAs(ctx context.Context, as cli.Call, attempted string, args ...string) (string, error) {
	for attempt := 1; ; attempt++ {
		place, err := s.options.Readings.Enter(ctx, !room.IsUnhurried(ctx))
		if err != nil {
			return "", err
		}
		asking, stop := s.untilSilent(ctx)
		stdout, stderr, code, err := s.command.Do(asking, as, args...)
		stop()
		place.Leave()
		if err == nil {
			return stdout, nil
		}
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return "", s.silent(attempted)
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

// untilSilent returns a context that ends once the backend has taken too long to answer.
func (s *Stack) untilSilent(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.options.BackendTimeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.options.BackendTimeout)
}

// silent returns the error for a backend that takes a connection and does not answer.
func (s *Stack) silent(attempted string) error {
	return &scale.UnavailableError{Detail: attempted + ": no answer within " + s.options.BackendTimeout.String()}
}

// How often a state that seems to be half written is read, and how long to wait between two readings.
const (
	mostReads    = 10
	readInterval = 100 * time.Millisecond
)

// Read reads the stack's state, its history and its configuration file, the first two at the same time. If nothing was
// written since they were last read, they are not read again.
func (s *Stack) Read(ctx context.Context) (_ *scale.Snapshot, err error) {
	defer span.In(&ctx, "read the stack")(&err)
	// The records are read before the history, so that an update that has ended by now is in the history, if it was
	// added to it at all.
	ended, busy := s.left()
	stamp := s.stamp(ctx)
	if snap, certain, err := s.expected(ended, busy, stamp); certain && !s.options.Afresh {
		s.inForce.set(snap.Rules)
		return snap, err
	}
	state, entries, complete, err := s.readBoth(ctx)
	if err != nil {
		return nil, err
	}
	rules, rulesErr, unread := s.rules(state.rules, entries)
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
	snap.Deploy, snap.Config = deployOf(entries), deployedConfig(entries)
	snap.Unsettled, snap.Unverified = s.unsettled(ended, entries, rules), unverified(ended, entries, rules)
	err = cmp.Or(s.fill(snap, state), s.destroyed(state, entries), unread)
	if err == nil && rulesErr == nil {
		s.last.Store(snap)
	}
	return snap, err
}

// ReadSince is Read for a backend with a stamp. For other backends it reads the state alone, because every successful
// update writes the state. If the state has been written since known was read, or if an update of ours has left a
// record, it reads the history too.
func (s *Stack) ReadSince(ctx context.Context, known *scale.Snapshot) (_ *scale.Snapshot, err error) {
	if s.stamp(ctx) != (scale.Stamp{}) {
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
	snap.Unsettled, snap.Unverified, snap.Busy = nil, nil, busy
	return &snap, s.fill(&snap, state)
}

// Expected returns the snapshot that was read last, or the one that the last update of ours has left. It returns nil if
// there is none, or if the backend or a record shows that an update may have come after it. certain says whether the
// backend shows that nothing has been written since.
func (s *Stack) Expected() (snap *scale.Snapshot, certain bool) {
	ended, busy := s.left()
	snap, certain, err := s.expected(ended, busy, s.stamp(context.Background()))
	if err != nil {
		return nil, false
	}
	return snap, certain
}

// expected is [Stack.Expected], given the stamp that the backend has now, the records of our ended updates, and our
// engines that still run. The error says that the configuration file cannot be read.
func (s *Stack) expected(ended []*statedir.Record, busy []scale.LockHolder, stamp scale.Stamp) (_ *scale.Snapshot, certain bool, err error) {
	last := s.last.Load()
	if last == nil || last.Stamp.History != stamp.History || len(ended) > 0 {
		return nil, false, nil
	}
	certain = stamp != (scale.Stamp{}) && last.Stamp == stamp
	if !certain && len(busy) > 0 {
		return nil, false, nil
	}
	snap := *last
	snap.Unsettled, snap.Unverified, snap.Busy = nil, nil, busy
	return &snap, certain, s.fillFile(&snap)
}

// fill adds to a snapshot that has the rules what the state and the configuration file say.
func (s *Stack) fill(snap *scale.Snapshot, state state) (err error) {
	snap.Resources, snap.DependsOn, snap.Dependencies = state.resources, state.dependsOn, state.dependencies
	snap.Pending, snap.Protected = state.pending, state.protected
	snap.Output, snap.Written = state.output(), state.written
	return s.fillFile(snap)
}

// fillFile adds to a snapshot that has the rules and the deployed configuration what the program's directory says of
// the stack.
func (s *Stack) fillFile(snap *scale.Snapshot) (err error) {
	if snap.File, err = s.file.Counts(snap.Rules); err != nil {
		return err
	}
	if snap.Forms, err = s.file.Forms(snap.Rules); err != nil {
		return err
	}
	doc, err := s.file.Read()
	if err != nil {
		return &scale.SetupError{Problem: "cannot read " + s.file.Path, Err: err}
	}
	snap.FileMissing, snap.Synced = doc == nil, s.source != nil
	if s.source != nil {
		snap.Commit = s.source.Commit()
		return nil // the engine gets the file that belongs to the program
	}
	snap.Commit = s.project.Commit()
	if _, snap.ConfigDiffers, err = s.file.AsDeployed(doc, snap.Config, snap.Rules); err != nil {
		return &scale.SetupError{Problem: "cannot read " + s.file.Path, Err: err}
	}
	return nil
}

// remember keeps the snapshot that an update of ours has left, for this process and the next. snap is nil if that
// snapshot is not known.
func (s *Stack) remember(snap *scale.Snapshot) {
	s.last.Store(snap)
	if snap != nil {
		s.dir.Remember(snap)
	}
}

// readBoth reads the state and the first page of the history at the same time.
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

// state holds those parts of an exported stack that are needed. Reading a state takes no passphrase, because its
// secrets stay encrypted.
type state struct {
	resources, pending []string
	protected          []string
	// dependsOn has, by URN, a resource's dependencies, its parent and the resource that it is deleted with.
	// dependencies has its dependencies and its provider.
	dependsOn, dependencies map[string][]string
	rules                   []byte
	all                     []resourceState
	// written is when the engine wrote the state, by the clock of the engine's machine.
	written time.Time
}

// isOlderThan says whether the newest completed update began after the state was written: that update has written a
// newer state. If clocks differ, the state may be read once too often, or an old state may be kept. If an old state is
// kept, the next update compares the rules' output in it with the output that the engine finds.
func (s state) isOlderThan(entries []entry) bool {
	return len(entries) > 0 && s.written.Before(entries[0].StartTime)
}

// output returns the rules' output in the form in which the engine's events show it. It is nil if there is none, or if
// the output holds a secret, which the events show in a different form.
func (s state) output() []byte {
	var output any
	if bytes.Contains(s.rules, []byte(sig.Key)) || json.Unmarshal(s.rules, &output) != nil {
		return nil
	}
	return []byte(configfile.JSON(output))
}

// resourceState is a resource in the form in which the state keeps it.
type resourceState struct {
	URN          string                    `json:"urn"`
	Type         string                    `json:"type"`
	Custom       bool                      `json:"custom"`
	Inputs       jsontext.Value            `json:"inputs"`
	Outputs      map[string]jsontext.Value `json:"outputs"`
	Parent       string                    `json:"parent"`
	Dependencies []string                  `json:"dependencies"`
	DeletedWith  string                    `json:"deletedWith"`
	Provider     string                    `json:"provider"`
	Protect      bool                      `json:"protect"`
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
	st := state{dependsOn: map[string][]string{}, dependencies: map[string][]string{}, all: exported.Deployment.Resources, written: exported.Deployment.Manifest.Time}
	for _, r := range exported.Deployment.Resources {
		st.resources = append(st.resources, r.URN)
		if on := withProvider(r.Dependencies, r.Provider); len(on) > 0 {
			st.dependencies[r.URN] = on
		}
		st.dependsOn[r.URN] = append(slices.Clip(r.Dependencies), r.Parent, r.DeletedWith)
		if r.Protect {
			st.protected = append(st.protected, r.URN)
		}
		if r.Type == stackType {
			st.rules = r.Outputs[scale.OutputName]
		}
	}
	for _, p := range exported.Deployment.Pending {
		st.pending = append(st.pending, p.Resource.URN)
	}
	return st, nil
}
