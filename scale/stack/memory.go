package stack

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	fastjson "github.com/go-json-experiment/json"
	"github.com/natefinch/atomic"

	"github.com/pulumiscale/pulumiscale/scale"
)

// A process leaves what it knows after an update of ours, which is what a reading finds then, in a file of the state
// directory for the next one: the memory. If the backend shows that nothing was written since, the next process need
// not read the stack; otherwise the memory is good for a guess. A file that is missing, or is not whole, costs a
// reading. Which resources depend on which matters only to targets that are patterns, and there the memory is but a
// guess: parents are left out.

func (s *Stack) memoryFile() string {
	return filepath.Join(s.home(), "last.json")
}

// forget takes from the next process the memory of what this one is about to change.
func (s *Stack) forget() { _ = os.Remove(s.memoryFile()) }

// remember keeps what an update of ours has left, for this process and the next; nil means that it is not known.
func (s *Stack) remember(snap *scale.Snapshot) {
	s.last.Store(snap)
	if snap == nil {
		return
	}
	memory := storeMemory(snap)
	memory.Stack, memory.Backend = s.name, s.project.BackendIdentity()
	text, err := json.Marshal(memory)
	if err != nil {
		return
	}
	file, err := os.CreateTemp(s.home(), "last-*.tmp")
	if err != nil {
		return
	}
	defer func() { _ = os.Remove(file.Name()) }() // if all went well, it is not there any more
	_, err = file.Write(text)
	if closed := file.Close(); err == nil && closed == nil {
		_ = atomic.ReplaceFile(file.Name(), s.memoryFile())
	}
}

// recall is what the process before has left; nil if it has left nothing that this one can use.
func (s *Stack) recall() *scale.Snapshot {
	text, err := os.ReadFile(s.memoryFile())
	if err != nil {
		return nil
	}
	var m storedMemory
	if fastjson.Unmarshal(text, &m) != nil || m.Format != memoryFormat || m.Stack != s.name || m.Backend != s.project.BackendIdentity() {
		return nil
	}
	rules, err := scale.ParseProjectRules(string(s.project.Name), []byte(m.Output))
	if err != nil {
		return nil
	}
	snap := m.snapshot()
	snap.Rules = rules
	return snap
}

// Expected is what was read last, or what the last update of ours has left, unless the backend shows that another
// update came after it.
func (s *Stack) Expected() (snap *scale.Snapshot, certain bool) {
	ended, busy := s.left()
	snap, certain, err := s.expected(ended, busy, s.stamp(context.Background()))
	if err != nil {
		return nil, false
	}
	return snap, certain
}

// expected is what is to be expected if the backend has that stamp, those updates of ours have ended and those are
// under way. The error says that the configuration file cannot be read.
func (s *Stack) expected(ended []*record, busy []scale.Holder, stamp scale.Stamp) (_ *scale.Snapshot, certain bool, err error) {
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

// memoryFormat is the form of the file. It changes with the meaning of anything in it. A file of another form, an older
// one or a newer one, is taken for one that is missing.
const memoryFormat = 5

// storedMemory is the form in which a memory is kept. Its structs are its own: what the domain calls a thing, or adds
// to it, does not change the file.
type storedMemory struct {
	// Format is memoryFormat. Stack and Backend say whose memory it is.
	Format  int    `json:"format"`
	Stack   string `json:"stack"`
	Backend string `json:"backend"`

	// Output is JSON in a string, because it is compared byte by byte.
	Output       string              `json:"output"`
	Resources    []string            `json:"resources"`
	Updates      []storedUpdate      `json:"updates"`
	Protected    []string            `json:"protected,omitempty"`
	Complete     bool                `json:"complete"`
	Head         string              `json:"head"`
	Stamp        storedStamp         `json:"stamp"`
	Deploy       *storedDeploy       `json:"deploy,omitempty"`
	Config       map[string]string   `json:"config,omitempty"`
	Dependencies map[string][]string `json:"dependencies"`
}

type storedUpdate struct {
	Kind         string             `json:"kind"`
	Succeeded    bool               `json:"succeeded,omitempty"`
	Start        time.Time          `json:"start"`
	End          time.Time          `json:"end"`
	Message      string             `json:"message,omitempty"`
	By           string             `json:"by,omitempty"`
	ID           string             `json:"id,omitempty"`
	Pools        []string           `json:"pools"` // null of an update that is not ours
	Overtaken    bool               `json:"overtaken,omitempty"`
	BroughtAlong bool               `json:"broughtAlong,omitempty"`
	Head         string             `json:"head"`
	Values       map[string]*string `json:"values"`
}

type storedStamp struct {
	State   string `json:"state,omitempty"`
	History string `json:"history,omitempty"`
}

type storedDeploy struct {
	Head   string    `json:"head"`
	At     time.Time `json:"at"`
	Commit string    `json:"commit,omitempty"`
	Dirty  bool      `json:"dirty,omitempty"`
}

// storeMemory is the stored form of what is kept of a snapshot. Whose it is stays empty.
func storeMemory(snap *scale.Snapshot) storedMemory {
	m := storedMemory{
		Format: memoryFormat, Output: string(snap.Output), Resources: snap.Resources, Protected: snap.Protected,
		Complete: snap.Complete, Head: snap.Head, Stamp: storedStamp{State: snap.Stamp.State, History: snap.Stamp.History},
		Config: snap.Config, Dependencies: snap.Dependencies, Updates: make([]storedUpdate, len(snap.Updates)),
	}
	for i, u := range snap.Updates {
		m.Updates[i] = storedUpdate{
			Kind: u.Kind, Succeeded: u.Succeeded, Start: u.Start, End: u.End, Message: u.Message, By: u.By, ID: u.ID, Pools: u.Pools,
			Overtaken: u.Overtaken, BroughtAlong: u.BroughtAlong, Head: u.Head, Values: u.Values,
		}
	}
	if d := snap.Deploy; d != nil {
		m.Deploy = &storedDeploy{Head: d.Head, At: d.At, Commit: d.Commit, Dirty: d.Dirty}
	}
	return m
}

// snapshot is what the memory tells, without the rules, which are in its output.
func (m *storedMemory) snapshot() *scale.Snapshot {
	snap := &scale.Snapshot{
		Output: []byte(m.Output), Resources: m.Resources, Protected: m.Protected,
		Complete: m.Complete, Head: m.Head, Stamp: scale.Stamp{State: m.Stamp.State, History: m.Stamp.History},
		Config: m.Config, Dependencies: m.Dependencies, Updates: make([]scale.Update, len(m.Updates)),
	}
	for i, u := range m.Updates {
		snap.Updates[i] = scale.Update{
			Kind: u.Kind, Succeeded: u.Succeeded, Start: u.Start, End: u.End, Message: u.Message, By: u.By, ID: u.ID, Pools: u.Pools,
			Overtaken: u.Overtaken, BroughtAlong: u.BroughtAlong, Head: u.Head, Values: u.Values,
		}
	}
	if d := m.Deploy; d != nil {
		snap.Deploy = &scale.Deploy{Head: d.Head, At: d.At, Commit: d.Commit, Dirty: d.Dirty}
	}
	return snap
}
