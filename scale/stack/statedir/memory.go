package statedir

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	fastjson "github.com/go-json-experiment/json"
	"github.com/natefinch/atomic"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/parse"
)

// The memory is a file of the state directory in which a process leaves for the next one what a reading would find
// after an update of ours. If the backend shows that nothing was written since, the next process need not read the
// stack; otherwise the memory only serves as a guess. If the file is missing, or not whole, the stack is read. The
// memory leaves out the parents of resources: which resources depend on which matters only to targets that are
// patterns, and for those the memory is only a guess.

func (d Dir) memoryFile() string { return filepath.Join(d.Home(), "last.json") }

// Forget removes the memory, because this process is about to change the stack that the memory tells of.
func (d Dir) Forget() { _ = os.Remove(d.memoryFile()) }

// Remember keeps, for the next process, what an update of ours has left. If that fails, the next process reads the
// stack.
func (d Dir) Remember(snap *scale.Snapshot) {
	memory := storeMemory(snap)
	memory.Stack, memory.Backend = d.Stack, d.Program.BackendIdentity()
	d.keep("last-*.tmp", d.memoryFile(), memory)
}

// Recall returns the memory that an earlier process has left; nil if there is none that this process can use.
func (d Dir) Recall() *scale.Snapshot {
	text, err := os.ReadFile(d.memoryFile())
	if err != nil {
		return nil
	}
	var m storedMemory
	if fastjson.Unmarshal(text, &m) != nil || m.Format != memoryFormat || m.Stack != d.Stack || m.Backend != d.Program.BackendIdentity() {
		return nil
	}
	rules, err := parse.ProjectRules(string(d.Program.Name), []byte(m.Output))
	if err != nil {
		return nil
	}
	snap := m.snapshot()
	snap.Rules = rules
	return snap
}

// keep puts a document in the place of a file, in one piece, if it can. The pattern names the temporary file that is
// written first. keep does not wait until the document is on disk: if it is lost, it is made anew.
func (d Dir) keep(pattern, path string, document any) {
	text, err := json.Marshal(document)
	if err != nil {
		return
	}
	file, err := os.CreateTemp(d.Home(), pattern)
	if err != nil {
		return
	}
	defer func() { _ = os.Remove(file.Name()) }() // if all went well, the temporary file is not there any more
	_, err = file.Write(text)
	if closed := file.Close(); err == nil && closed == nil {
		_ = atomic.ReplaceFile(file.Name(), path)
	}
}

// memoryFormat is the form of the file. It changes whenever the meaning of anything in the file does. A file in a
// different form, older or newer, is treated as if it were missing.
const memoryFormat = 5

// storedMemory is the form in which a memory is kept. It has structs of its own, so that new or renamed fields of the
// domain's structs do not change the file.
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
	Pools        []string           `json:"pools"` // null for an update that is not ours
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

// storeMemory turns a snapshot into the form in which it is stored. Stack and Backend stay empty.
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

// snapshot returns the snapshot that the memory tells of, without its Rules, which the caller reads from its Output.
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
