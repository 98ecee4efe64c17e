package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mark says how a worktree was prepared, and which of its files the preparation has made. It is kept beside git's own
// files about the worktree, and is removed with them.
type mark struct {
	// Done says that the command has succeeded.
	Done bool
	// Commit, Command and Dir are what the preparation was run with. Locks is the hash of the files in lockFiles after
	// the preparation.
	Commit, Command, Dir, Locks string
	// Made holds the paths that the preparation has made or changed, without the paths that git ignores. The values are
	// the hashes of tracked files, and "" for other files. A folder's path ends with a slash, and stands for all that
	// is in the folder.
	Made map[string]string
	// Edited are the paths that somebody had edited when the preparation began. Whatever else differs from the commit
	// afterwards was made by the preparation.
	Edited []string
}

// readMark reads the mark. It returns the zero mark if there is none, or if it cannot be read.
func (w *Worktree) readMark() mark {
	var m mark
	if about, is := w.about(); is {
		text, err := os.ReadFile(filepath.Join(about, preparedFile))
		if err != nil || json.Unmarshal(text, &m) != nil {
			return mark{}
		}
	}
	return m
}

func (w *Worktree) writeMark(m mark) error {
	about, is := w.about()
	if !is {
		return fmt.Errorf("%s is no worktree any more", w.dir)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(about, preparedFile), text)
}

// beginMark notes that a preparation begins, and returns the paths that somebody had edited before. If an earlier
// preparation was cut short, beginMark returns the paths that were edited before the earlier one began.
func (w *Worktree) beginMark(ctx context.Context) (edited []string, err error) {
	m := w.readMark()
	if m.Done || m.Edited == nil {
		changes, err := w.changes(ctx, "normal")
		if err != nil {
			return nil, err
		}
		if changes, err = w.withoutMade(ctx, changes); err != nil {
			return nil, err
		}
		m.Edited = append([]string{}, pathsOf(changes)...)
	}
	m.Done = false
	return m.Edited, w.writeMark(m)
}

// endMark notes that a preparation has succeeded, and what it has made.
func (w *Worktree) endMark(ctx context.Context, edited []string, m mark) error {
	changes, err := w.changes(ctx, "normal")
	if err != nil {
		return err
	}
	changes = slices.DeleteFunc(changes, func(c change) bool { return slices.Contains(edited, c.path) })
	hashes, err := w.hashes(ctx, changes)
	if err != nil {
		return err
	}
	m.Made = map[string]string{}
	for _, c := range changes {
		if !c.untracked {
			m.Made[c.path] = hashes[c.path]
		} else {
			m.Made[c.path] = ""
		}
	}
	m.Done, m.Locks = true, w.sumLocks(m.Dir)
	return w.writeMark(m)
}

// withoutMade returns the changes without those that a preparation has made, unless somebody has changed the file
// since. Until the preparation has succeeded, untracked files count as made by it, unless somebody had edited them
// before it began.
func (w *Worktree) withoutMade(ctx context.Context, changes []change) ([]change, error) {
	m := w.readMark()
	under := func(path string) bool {
		for made := range m.Made {
			if path == made || strings.HasSuffix(made, "/") && strings.HasPrefix(path, made) {
				return true
			}
		}
		return false
	}
	var tracked []change
	for _, c := range changes {
		if _, made := m.Made[c.path]; made && !c.untracked {
			tracked = append(tracked, c)
		}
	}
	hashes, err := w.hashes(ctx, tracked)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(changes, func(c change) bool {
		switch {
		case c.untracked && !m.Done && m.Edited != nil:
			return !isBelow(c.path, m.Edited)
		case c.untracked:
			return under(c.path)
		}
		hash, made := m.Made[c.path]
		return made && hash == hashes[c.path] // for a file that the preparation removed, both hashes are ""
	}), nil
}

// lockFiles are the names of the files that say which packages a program gets.
var lockFiles = []string{ //nolint:gochecknoglobals // a constant in all but name
	"Cargo.lock", "Gemfile.lock", "Pipfile.lock", "buildscript-gradle.lockfile", "bun.lock", "bun.lockb", "composer.lock",
	"deno.lock", "go.sum", "gradle.lockfile", "npm-shrinkwrap.json", "package-lock.json", "packages.lock.json", "pdm.lock",
	"pnpm-lock.yaml", "poetry.lock", "requirements.txt", "settings-gradle.lockfile", "uv.lock", "yarn.lock",
}

// sumLocks returns a hash over the lock files in a folder of the worktree and in the worktree's root.
func (w *Worktree) sumLocks(dir string) string {
	sum := sha256.New()
	for _, folder := range slices.Compact([]string{".", dir}) {
		for _, name := range lockFiles {
			path := filepath.Join(folder, name)
			text, err := os.ReadFile(filepath.Join(w.dir, path))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			_, _ = fmt.Fprintf(sum, "%s %d\n", filepath.ToSlash(path), len(text))
			_, _ = sum.Write(text)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}
