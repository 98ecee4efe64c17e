package stack

import (
	"encoding/json"
	"os"
	"path/filepath"

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
	snap, certain, err := s.expected(ended, busy, s.stamp())
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
