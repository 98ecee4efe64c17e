//go:build linux

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// ledger keeps what was accepted, by what the answers say.
type ledger struct {
	mu sync.Mutex
	// operations are the accepted ones. The value is by how much their attacks move the pool of deltas.
	operations map[string]int
	// byKey has the operation of each key.
	byKey map[string]string
}

func newLedger() *ledger { return &ledger{operations: map[string]int{}, byKey: map[string]string{}} }

// note notes an answer, and returns what is wrong with it.
func (l *ledger) note(a attack, got answer) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := operationsIn(got.body)
	for _, id := range ids {
		if _, seen := l.operations[id]; !seen {
			l.operations[id] = a.delta
		}
	}
	if a.key == "" || len(ids) == 0 {
		return nil
	}
	if first := l.byKey[a.key]; first != "" && first != ids[0] {
		return []string{fmt.Sprintf("its key made two operations: %s and %s", first, ids[0])}
	}
	l.byKey[a.key] = ids[0]
	return nil
}

// sum is what everything accepted adds up to.
func (l *ledger) sum() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := 0
	for _, delta := range l.operations {
		sum += delta
	}
	return sum
}

// ids are the accepted operations.
func (l *ledger) ids() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.operations))
}

// has says whether an answer told of the operation.
func (l *ledger) has(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.operations[id]
	return ok
}

// moves says whether an operation moves the pool of deltas.
func (l *ledger) moves(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.operations[id] != 0
}

// row counts what became of one kind.
type row struct {
	kind                             string
	sent, refused, accepted, wrongly int
	// note stands in place of figures. It may say why nothing was tried.
	note string
}

// tally counts what became of the attacks, by kind, and keeps what went wrong.
type tally struct {
	mu   sync.Mutex
	rows []*row
	// wrong are the reports. Each tells what makes the fault happen again.
	wrong []string
}

func (t *tally) row(kind string) *row {
	for _, r := range t.rows {
		if r.kind == kind {
			return r
		}
	}
	r := &row{kind: kind}
	t.rows = append(t.rows, r)
	return r
}

// count counts one attack. faults are empty if it was met rightly. accepted says that what it asked for was accepted.
func (t *tally) count(kind, name string, accepted bool, again string, faults []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.row(kind)
	r.sent++
	switch {
	case len(faults) > 0:
		r.wrongly++
		t.wrong = append(t.wrong, fmt.Sprintf("WRONG %s/%s\n    %s\n    %s", kind, name, strings.Join(faults, "\n    "), again))
	case accepted:
		r.accepted++
	default:
		r.refused++
	}
}

// skip says why a kind is not tried.
func (t *tally) skip(kind, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.row(kind).note = "(" + why + ")"
}

// table is the tally for people.
func (t *tally) table() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var text strings.Builder
	text.WriteString("| kind | sent | refused rightly | answered rightly | wrong |\n|---|--:|--:|--:|--:|\n")
	var all row
	slices.SortFunc(t.rows, func(a, b *row) int { return strings.Compare(a.kind, b.kind) })
	for _, r := range t.rows {
		fmt.Fprintf(&text, "| %s | %d | %d | %d | %d |\n", strings.TrimSpace(r.kind+" "+r.note), r.sent, r.refused, r.accepted, r.wrongly)
		all.sent, all.refused, all.accepted, all.wrongly = all.sent+r.sent, all.refused+r.refused, all.accepted+r.accepted, all.wrongly+r.wrongly
	}
	fmt.Fprintf(&text, "| all | %d | %d | %d | %d |\n", all.sent, all.refused, all.accepted, all.wrongly)
	return text.String()
}
