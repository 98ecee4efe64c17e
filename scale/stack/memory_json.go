package stack

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

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
