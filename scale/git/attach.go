package git

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// attach makes the folder a worktree of the clone at a commit, without the commit's files. It returns the folder in
// which git keeps its records about the worktree. Files are allowed in the worktree's folder only if the folder was a
// worktree of this clone before: what is installed in it stays. Git itself adds no worktree in a folder with files. So
// git adds the worktree in a temporary folder, and attach then makes git's records name the worktree's folder.
func (w *Worktree) attach(ctx context.Context, commit string) (about string, err error) {
	if err := w.refuseForeign(); err != nil {
		return "", err
	}
	r := w.repository
	ctx, unlock, err := r.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := r.forget(w.dir); err != nil {
		return "", fmt.Errorf("forget the worktree that was there: %w", err)
	}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(r.dir, temporary)
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	added := filepath.Join(temp, filepath.Base(w.dir))
	if _, err := r.local(ctx, "worktree", "add", "--no-checkout", "--detach", "--force", added, commit); err != nil {
		return "", err
	}
	pointer, err := os.ReadFile(filepath.Join(added, ".git"))
	if err != nil {
		return "", err
	}
	about = filepath.FromSlash(strings.TrimPrefix(firstLine(pointer), "gitdir: "))
	// From here on git's records name the folder. If this process is killed before the folder names the clone, the next
	// attach forgets these records.
	ours := filepath.ToSlash(filepath.Join(w.dir, ".git"))
	if err := writeWhole(filepath.Join(about, "gitdir"), []byte(ours+"\n")); err != nil {
		return "", err
	}
	if err := writeWhole(filepath.Join(w.dir, ".git"), pointer); err != nil {
		return "", err
	}
	if entries, err := os.ReadDir(w.dir); err != nil || len(entries) < 2 { // no more than .git
		return about, err
	}
	// The folder was a worktree before. Its files count as installed, since nobody can tell whether they are edits.
	return about, w.writeMark(mark{Edited: []string{}})
}

// refuseForeign returns an error if the worktree's folder has files and is no worktree of this clone.
func (w *Worktree) refuseForeign() error {
	if _, is := w.pointer(); is {
		return nil
	}
	entries, err := os.ReadDir(w.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".git.") && e.Type().IsRegular() { // left by a kill while .git was written
			continue
		}
		return fmt.Errorf("the folder has files, and is no worktree of %s; remove it, or name another one", w.repository.git)
	}
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// forget removes git's records about a worktree in the folder dir, and about worktrees that were only half made. The
// caller has the clone's lock.
func (r *Repository) forget(dir string) error {
	folder := filepath.Join(r.git, "worktrees")
	entries, err := os.ReadDir(folder)
	if err != nil {
		if os.IsNotExist(err) {
			return nil
		}
		return err
	}
	for _, e := range entries {
		about := filepath.Join(folder, e.Name())
		at := readLine(filepath.Join(about, "gitdir"))
		unfinished := at == "" || strings.HasPrefix(filepath.Base(filepath.Dir(filepath.Dir(at))), temporary)
		if unfinished || isSame(at, filepath.Join(dir, ".git")) {
			if err := os.RemoveAll(about); err != nil {
				return err
			}
		}
	}
	return nil
}
