package statedir

import (
	"os"
	"path/filepath"

	fastjson "github.com/go-json-experiment/json"

	"github.com/pulumiscale/pulumiscale/scale"
)

// KeptProof is a proof as it is kept, with what it rests on. The zero value belongs to no stack; [Dir.NewProof] makes
// one that does.
type KeptProof struct {
	// Format is proofFormat. Stack and Backend say whose proof it is.
	Format  int    `json:"format"`
	Stack   string `json:"stack"`
	Backend string `json:"backend"`

	Proof scale.Proof `json:"proof"`
	// State is the [scale.Stamp.State] of the stack as it was proved, or as an update of ours has left it. If neither
	// is known, it is the State of the first reading after the proof; empty before that reading.
	State string `json:"state,omitempty"`
	// Files are the program's files, by their paths, each with a mark that shows whether it has changed. Rest is a
	// digest of all else that the proof rests on.
	Files map[string]string `json:"files"`
	Rest  string            `json:"rest"`
	// Written are files that updates have been found to write, and Filled are the folders in which updates make and
	// remove files. Suspected are files that have changed while an update ran; the next proof tells whether updates
	// write them.
	Written   []string `json:"written,omitempty"`
	Filled    []string `json:"filled,omitempty"`
	Suspected []string `json:"suspected,omitempty"`
}

// proofFormat is the form of the file. It changes whenever the meaning of anything in the file does.
const proofFormat = 1

func (d Dir) proofFile() string { return filepath.Join(d.Home(), "proof.json") }

// NewProof returns a kept proof that belongs to the stack and proves nothing yet.
func (d Dir) NewProof() *KeptProof {
	return &KeptProof{Format: proofFormat, Stack: d.Stack, Backend: d.Program.BackendIdentity()}
}

// Proof returns the proof that an earlier process has kept; nil if there is none that this process can use.
func (d Dir) Proof() *KeptProof {
	text, err := os.ReadFile(d.proofFile())
	var kept KeptProof
	if err != nil || fastjson.Unmarshal(text, &kept) != nil || kept.Format != proofFormat || kept.Stack != d.Stack || kept.Backend != d.Program.BackendIdentity() {
		return nil
	}
	return &kept
}

// KeepProof keeps the proof for the next process. If proof is nil, the next process finds none. If KeepProof fails, the
// next process makes the proof again.
func (d Dir) KeepProof(proof *KeptProof) { d.keep("proof-*.tmp", d.proofFile(), proof) }
