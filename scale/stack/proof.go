package stack

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/statedir"
)

// proofs keeps what is proved of the stack, and what the proof rests on, for as long as neither changes, because making
// a proof costs a preview.
//
// Programs and providers write files too, some of them into the program's directory. A file that changes while an
// update or a preview of ours runs may have been written by a program or provider, or edited by somebody. Therefore the
// proof is made again once. If the new proof finds nothing pending, the file counts as one that updates write. From
// then on the file may change while an update runs, but at no other time.
type proofs struct {
	mu sync.Mutex
	// kept is the proof; nil if there is none. looked is the basis that [Stack.Proof] found last, and told is the
	// digest of that basis, which it returned.
	kept   *keptProof
	looked basis
	told   string
	// recalled says that the file with the proof of an earlier process has been read.
	recalled bool
}

// keptProof is the proof that is kept, with what it rests on.
type keptProof statedir.KeptProof

// Proof returns what is proved of the stack as it was read. If nothing is proved, the result has only a Basis. It has
// no Basis either if no proof can be kept: the program has too many files, or has not been brought here yet.
func (s *Stack) Proof(snap *scale.Snapshot) (*scale.Proof, error) {
	now, err := s.basis(snap.Unchanged())
	if errors.Is(err, errManyFiles) || errors.Is(err, errNoProgram) {
		return &scale.Proof{}, nil // this costs a preview each time
	}
	if err != nil {
		return nil, &scale.SetupError{Problem: "cannot read the program's files", Err: err}
	}
	s.proofs.mu.Lock()
	defer s.proofs.mu.Unlock()
	s.proofs.looked, s.proofs.told = now, now.digest()
	kept := s.keptProof()
	if kept == nil || !kept.holds(snap) || !kept.restsOn(now) {
		return &scale.Proof{Basis: s.proofs.told}, nil
	}
	if kept.Proof.Head == snap.Head && kept.State == "" { // edits of the state are seen from now on
		kept.State = snap.Stamp.State
	}
	proof := kept.Proof
	proof.Basis = s.proofs.told
	return &proof, nil
}

// keptProof is the proof that is kept, perhaps by an earlier process; nil if there is none. s.proofs.mu must be held.
func (s *Stack) keptProof() *keptProof {
	if s.proofs.recalled {
		return s.proofs.kept
	}
	s.proofs.recalled = true
	s.proofs.kept = (*keptProof)(s.dir.Proof())
	return s.proofs.kept
}

// holds says whether the proof is about the stack as it was read.
func (k *keptProof) holds(snap *scale.Snapshot) bool {
	if !snap.Follows(k.Proof.Head) {
		return false
	}
	edited := k.Proof.Head == snap.Head && k.State != "" && snap.Stamp.State != "" && k.State != snap.Stamp.State
	return !edited // such as by `pulumi state`, which leaves no update
}

// restsOn says whether the proof was made on this basis.
func (k *keptProof) restsOn(now basis) bool {
	return k.Rest == now.rest && maps.Equal(k.Files, now.files)
}

// edited returns the files that have changed between two looks, while an engine of ours worked. It leaves out the files
// that updates are known to write. k may be nil.
func (k *keptProof) edited(before, after basis) []string {
	return slices.DeleteFunc(changedFiles(before.files, after.files), func(path string) bool {
		return k != nil && !isSource(path) && (slices.Contains(k.Written, path) || cameOrWent(path, before, after) && slices.Contains(k.Filled, filepath.Dir(path)))
	})
}

// isSource says whether a file is of a kind that people write. Such a file is never taken for one that updates write,
// though some updates do write such files. This caution costs a preview, while an edit that nobody notices would come
// along with a scaling.
func isSource(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml", ".json", ".jsonc", ".toml", ".hcl", ".pp", ".tf", ".xml", ".properties", ".env", ".ini", ".cfg", ".conf", ".tmpl", ".tpl",
		".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx", ".py", ".pyi", ".go", ".mod", ".sum", ".cs", ".csproj", ".fs", ".fsproj",
		".vb", ".vbproj", ".sln", ".props", ".targets", ".java", ".kt", ".kts", ".scala", ".gradle", ".rs", ".rb", ".lock", ".sh", ".ps1", ".sql":
		return true
	}
	return false
}

// cameOrWent says whether there was a file at the path in only one of two looks.
func cameOrWent(path string, before, after basis) bool {
	_, was := before.files[path]
	_, is := after.files[path]
	return was != is
}

// KeepProof keeps a proof that was made on the basis that Proof returned last. It returns false, and keeps nothing, if
// the basis has changed since. If lasting is set, the proof is also kept for the next process. If the program has too
// many files, KeepProof keeps nothing and returns true.
func (s *Stack) KeepProof(snap *scale.Snapshot, proof *scale.Proof, lasting bool) bool {
	now, err := s.basis(snap.Unchanged())
	if errors.Is(err, errManyFiles) {
		return true
	}
	s.proofs.mu.Lock()
	defer s.proofs.mu.Unlock()
	before := s.proofs.looked
	if err != nil || s.proofs.told != proof.Basis || before.rest != now.rest {
		return false
	}
	kept := (*keptProof)(s.dir.NewProof())
	kept.Proof, kept.State, kept.Files, kept.Rest = *proof, snap.Stamp.State, now.files, now.rest
	last := s.keptProof()
	if last != nil {
		kept.Written, kept.Filled, kept.Suspected = last.Written, last.Filled, last.Suspected
	}
	if suspects := last.edited(before, now); len(suspects) > 0 {
		s.suspect(before, now, suspects) // the preview has written them, or somebody edits: the next preview tells
		return false
	}
	kept.acquit()
	s.proofs.kept = kept
	if lasting {
		s.dir.KeepProof((*statedir.KeptProof)(kept))
	}
	return true
}

// suspect notes files that have changed while an engine of ours worked. s.proofs.mu must be held.
func (s *Stack) suspect(before, after basis, paths []string) {
	k := s.keptProof()
	if k == nil {
		k = (*keptProof)(s.dir.NewProof())
		s.proofs.kept = k
	}
	for _, path := range paths {
		if cameOrWent(path, before, after) {
			path = filepath.Dir(path) + string(filepath.Separator)
		}
		if !slices.Contains(k.Suspected, path) {
			k.Suspected = append(k.Suspected, path)
		}
	}
}

// acquit adds the suspected files to the files that updates are known to write, if the new proof has found nothing
// pending.
func (k *keptProof) acquit() {
	for _, pool := range k.Proof.Pools {
		if len(pool.Pending) > 0 {
			return
		}
	}
	k.Written, k.Filled = slices.Clone(k.Written), slices.Clone(k.Filled)
	for _, path := range k.Suspected {
		if dir, isDir := strings.CutSuffix(path, string(filepath.Separator)); isDir {
			k.Filled = append(k.Filled, dir)
		} else {
			k.Written = append(k.Written, path)
		}
	}
	k.Suspected = nil
}

// carryProof brings the kept proof up to date at the end of an update of ours. The proof still holds, unless files have
// changed meanwhile that updates are not known to write. head is the stack's head after an update that has succeeded,
// and empty after an update that has failed. state is the [scale.Stamp.State] that the update has left; empty if it is
// not known.
func (s *Stack) carryProof(head, state string, before, after basis) {
	s.proofs.mu.Lock()
	defer s.proofs.mu.Unlock()
	kept := s.keptProof()
	if edited := kept.edited(before, after); len(edited) > 0 {
		s.suspect(before, after, edited)
	} else if kept != nil && kept.restsOn(before) && before.rest == after.rest {
		kept.Files = after.files
		if head != "" {
			kept.Proof.Head, kept.State = head, state
			pools := make(map[string]scale.PoolProof, len(kept.Proof.Pools))
			for pool, found := range kept.Proof.Pools {
				pools[pool] = scale.PoolProof{Pending: found.Pending}
			}
			kept.Proof.Pools = pools
		}
	}
	s.dir.KeepProof((*statedir.KeptProof)(s.proofs.kept))
}
