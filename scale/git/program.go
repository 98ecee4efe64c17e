package git

import (
	"context"
	"io"
	"path"
	"path/filepath"
	"sync"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Program keeps a program at the commit from which its stack was deployed, in a worktree of its own. It is safe for
// concurrent use.
type Program struct {
	// Clone says to which clone the worktree belongs. If Clone.URL is empty, the remote of Clone.Checkout is used.
	Clone Options
	// Folder is the folder of the worktree.
	Folder string
	// Prefix is the program's folder in the repository, with slashes; "" is the root.
	Prefix string
	// Prepare is the command that is run in the program's folder if the commit or a lock file has changed; "" if no
	// command is needed.
	Prepare string
	// Output gets what the command in Prepare prints. It may be nil.
	Output io.Writer

	// opening guards opened, the open clone. opened is nil until the clone is open. Opening runs several processes, so
	// the clone is opened only when it is needed.
	opening sync.Mutex
	opened  *Repository
}

// Dir is the program's folder in the worktree. It need not be there yet.
func (p *Program) Dir() string { return filepath.Join(p.Folder, filepath.FromSlash(p.Prefix)) }

// Commit returns the commit that the worktree is at and prepared for; "" if there is none. It only reads files.
func (p *Program) Commit() string {
	w, err := p.worktree()
	if err != nil || !w.IsPrepared(p.preparation()) {
		return ""
	}
	return w.Commit()
}

// worktree returns the program's worktree. The clone need not be open.
func (p *Program) worktree() (*Worktree, error) {
	r, err := p.Clone.repository()
	if err != nil {
		return nil, err
	}
	return r.Worktree(p.Folder), nil
}

func (p *Program) preparation() Preparation { return Preparation{Command: p.Prepare, Dir: p.Prefix} }

// Open opens the clone, and makes it if it is missing.
func (p *Program) Open(ctx context.Context) (*Repository, error) {
	p.opening.Lock()
	defer p.opening.Unlock()
	if p.opened != nil {
		return p.opened, nil
	}
	o := p.Clone
	if o.URL == "" {
		url, err := Remote(ctx, o.Checkout)
		if err != nil {
			return nil, err
		}
		o.URL = url
	}
	r, err := Open(ctx, o)
	if err == nil {
		p.opened = r
	}
	return r, err
}

// Start brings a program that has no commit yet to the tip of the remote's default branch. The files of any commit are
// enough to ask the stack from which commit it was deployed. Start does nothing if the program has a commit.
func (p *Program) Start(ctx context.Context) error {
	if w, err := p.worktree(); err == nil && w.Commit() != "" {
		return nil
	}
	r, err := p.Open(ctx)
	if err != nil {
		return err
	}
	tip, err := r.Tip(ctx, "")
	if err != nil {
		return err
	}
	return r.Worktree(p.Folder).Move(ctx, tip)
}

// Sync brings the worktree to a commit and prepares the program. Files that somebody has edited in the worktree are set
// aside first, since they are no part of what is deployed. Sync calls moving before it changes anything. The error is a
// [*CommitError] if the commit cannot be fetched, an [*EditedError] if edits cannot be set aside, a [*PrepareError] if
// the command fails, or ctx's error.
func (p *Program) Sync(ctx context.Context, commit string, moving func(), observe scale.Observe) error {
	r, err := p.Open(ctx)
	if err != nil {
		return err
	}
	w := r.Worktree(p.Folder)
	moves := w.Commit() != commit
	edited, err := w.Edited(ctx, nil)
	if err != nil {
		return err
	}
	if moves { // fetched first: as long as the commit cannot be fetched, the worktree stays as it is
		if err := r.Fetch(ctx, commit); err != nil {
			return err
		}
	}
	if !moves && len(edited) == 0 && w.IsPrepared(p.preparation()) {
		return nil
	}
	moving()
	if len(edited) > 0 {
		ref, files, err := w.SetAside(ctx, nil)
		if err != nil {
			return err
		}
		observe(scale.ProgramEdited{Files: files, Ref: ref})
	}
	if err := w.Move(ctx, commit); err != nil {
		return err
	}
	if w.IsPrepared(p.preparation()) {
		return nil
	}
	observe(scale.ProgramPreparing{Command: p.Prepare})
	return w.Prepare(ctx, p.preparation(), p.Output)
}

// Read reads a file of a commit, by its path in the program's folder. The error is [fs.ErrNotExist] if the commit has
// no such file.
func (p *Program) Read(ctx context.Context, commit, name string) ([]byte, error) {
	r, err := p.Open(ctx)
	if err != nil {
		return nil, err
	}
	return r.Read(ctx, commit, path.Join(p.Prefix, name))
}
