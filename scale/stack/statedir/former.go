package statedir

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

// Versions before this one kept everything in the state directory itself, under the stack's short name alone. A file
// there is used if it is certain that such a version has made it for this stack. Everything else there belongs to
// somebody, and stays as it is.

// formerRecords reads the records of updates of this stack that an earlier version has left.
func (d Dir) formerRecords() []*Record {
	var out []*Record
	for _, name := range files.Names(d.Path) {
		number, ok := strings.CutPrefix(name, copyPrefix)
		if !ok || number == "" || strings.Trim(number, "0123456789") != "" {
			continue
		}
		dir := filepath.Join(d.Path, name)
		if !isFormer(dir) {
			continue
		}
		if info, err := os.Lstat(dir); err != nil {
			continue
		} else if why, _ := d.distrusted(info); why != "" {
			continue
		}
		r, err := readRecord(dir)
		if err != nil || r.Stack != path.Base(d.Stack) || r.ID == "" {
			continue
		}
		r.former = true
		if r.Backend == "" && d.mayBeOurs(r) || r.Backend != "" && r.identity().Is(d.Identity()) {
			out = append(out, r)
		}
	}
	return out
}

// Unclaimed lists the folders in the state directory that may be records of an earlier version, but are not taken for
// records of this stack.
func (d Dir) Unclaimed() []string {
	ours := d.formerRecords()
	var out []string
	for _, name := range files.Names(d.Path) {
		dir := filepath.Join(d.Path, name)
		if _, err := os.Lstat(filepath.Join(dir, recordFile)); err != nil || !strings.HasPrefix(name, copyPrefix) {
			continue
		}
		if !slices.ContainsFunc(ours, func(r *Record) bool { return r.Dir == dir }) {
			out = append(out, name)
		}
	}
	return out
}

// isFormer says whether a folder may be the folder of a record of an earlier version: it has nothing in it that such a
// folder cannot have.
func isFormer(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		if entry.IsDir() || !isFormerFile(entry.Name()) {
			return false
		}
	}
	return true
}

// isFormerFile says whether the folder of a record of an earlier version can have a file of this name.
func isFormerFile(name string) bool {
	return slices.Contains([]string{recordFile, pidFile, tieFile, EventFile, "config"}, name) || project.IsConfigFile(name) || strings.HasPrefix(name, "new-")
}

// mayBeOurs says whether a record of an earlier version that names no project may belong to this program's stack. The
// events of the record's engine tell the project. If they do not, the files that the earlier version has kept beside
// the record decide.
func (d Dir) mayBeOurs(r *Record) bool {
	if name := projectIn(filepath.Join(r.Dir, EventFile)); name != "" {
		return name == d.Identity().Project
	}
	return d.formerIsOurs()
}

// projectIn returns the project of the first URN in an engine's events; empty if there is none.
func projectIn(events string) string {
	file, err := os.Open(events)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if _, urn, ok := bytes.Cut(line, []byte(`"urn:pulumi:`)); ok {
			if parts := strings.SplitN(string(urn), "::", 3); len(parts) > 2 { //nolint:mnd // stack, project and the rest
				return parts[1]
			}
		}
		if err != nil {
			return ""
		}
	}
}

// formerIsOurs says whether the files that an earlier version has left in the state directory belong to this stack.
// That version's memories and proofs, last-*.json and proof-*.json, name the stacks that it has read and their
// backends. If there are none, all is taken to be this stack's: a state directory was for one stack then.
func (d Dir) formerIsOurs() bool {
	others := false
	for _, name := range files.Names(d.Path) {
		if !strings.HasSuffix(name, ".json") || !strings.HasPrefix(name, "last-") && !strings.HasPrefix(name, "proof-") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(d.Path, name))
		var kept struct{ Stack, Backend string }
		if err != nil || json.Unmarshal(text, &kept) != nil || kept.Stack == "" {
			continue
		}
		if path.Base(kept.Stack) == path.Base(d.Stack) && d.Program != nil && d.Program.IdentityOf(kept.Backend) == d.Program.BackendIdentity() {
			return true
		}
		others = true
	}
	return !others
}

// removeFormer removes the record of an earlier version, file by file.
func removeFormer(dir string) {
	if !isFormer(dir) {
		return
	}
	for _, name := range files.Names(dir) {
		_ = os.Remove(filepath.Join(dir, name))
	}
	_ = os.Remove(dir)
}

// Former returns the directory where an earlier version kept this stack's journal, if it kept one. It is empty if the
// files that the earlier version left there belong to a different stack.
func (d Dir) Former() string {
	if d.formerIsOurs() {
		return d.Path
	}
	return ""
}

// formerHolds returns the path of the file in which an earlier version has kept what is held. The file may be about a
// stack of the same name in a different program: it does no harm to hold too much.
func (d Dir) formerHolds() string {
	return filepath.Join(d.Path, "hold-"+path.Base(d.Stack)+".json")
}
