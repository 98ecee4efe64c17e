package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// DefaultTimeout is how long a remote may be silent, unless [Options] say otherwise.
const DefaultTimeout = 2 * time.Minute

// Options say which clone is meant.
type Options struct {
	// Dir is the folder of the clone. It is made if it is missing, for its owner alone. One folder has one remote:
	// whoever opens the folder with another URL changes the remote for all.
	Dir string
	// URL is the remote, as git takes it: a URL, which may hold credentials, or an absolute path.
	URL string
	// Checkout is a checkout of the repository on this machine, from which commits are taken first. "" is none.
	Checkout string
	// Timeout is how long the remote may be silent while it is asked something; 0 is [DefaultTimeout].
	Timeout time.Duration
}

// Repository is a clone. It holds no open file. Its methods may be called at the same time, by several goroutines and
// by several processes; what may not overlap waits, until the context ends.
type Repository struct {
	options Options
	// dir is Options.Dir as an absolute path, and git the bare repository in it.
	dir, git string
	// batch says that we tell ssh not to ask anything. We do so only if nobody has configured which ssh is run.
	batch bool
}

// Open opens a clone, and makes it if it is missing. It asks the remote nothing. A clone that a killed process has left
// half made is made anew.
func Open(ctx context.Context, o Options) (*Repository, error) {
	if o.URL == "" {
		return nil, errors.New("open the clone: no remote")
	}
	r, err := o.repository()
	if err != nil {
		return nil, err
	}
	dir := r.dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the clone: %w", err)
	}
	ctx, unlock, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	removeOld(dir)
	if err := r.makeIfMissing(ctx); err != nil {
		return nil, fmt.Errorf("make the clone: %w", err)
	}
	if err := r.configure(ctx); err != nil {
		return nil, fmt.Errorf("configure the clone: %w", err)
	}
	return r, nil
}

// repository is the clone, which need not be there yet.
func (o Options) repository() (*Repository, error) {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the clone: %w", err)
	}
	return &Repository{options: o, dir: dir, git: filepath.Join(dir, "repository.git")}, nil
}

// makeIfMissing makes the bare repository if it is missing: under another name first, so that a repository with the
// name is always whole. A repository that a power failure has left without its HEAD is renamed, not removed: it may
// hold what somebody has edited.
func (r *Repository) makeIfMissing(ctx context.Context) error {
	if head, err := os.ReadFile(filepath.Join(r.git, "HEAD")); err == nil && len(head) > 0 {
		return nil
	}
	if _, err := os.Lstat(r.git); err == nil {
		aside := fmt.Sprintf("%s.broken-%d", r.git, time.Now().UnixNano())
		if err := os.Rename(r.git, aside); err != nil {
			return err
		}
	}
	temp, err := os.MkdirTemp(r.dir, temporary)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	made := filepath.Join(temp, "repository.git")
	if _, err := r.local(ctx, "init", "--quiet", "--bare", "--template=", made); err != nil {
		return err
	}
	return os.Rename(made, r.git)
}

// configure notes the remote in the clone, without the credentials: each command gets these by its environment.
func (r *Repository) configure(ctx context.Context) error {
	// Git fails if the key is not set; here that is the same as no value.
	if got, _ := r.setting(ctx, "remote.origin.url"); got != r.plainURL() {
		if _, err := r.local(ctx, "config", "--replace-all", "remote.origin.url", r.plainURL()); err != nil {
			return err
		}
	}
	if os.Getenv("GIT_SSH_COMMAND") == "" && os.Getenv("GIT_SSH") == "" {
		ssh, _ := r.setting(ctx, "core.sshCommand")
		r.batch = ssh == ""
	}
	return nil
}

// setting is a value of git's configuration, as the clone sees it; "" if there is none.
func (r *Repository) setting(ctx context.Context, key string, how ...string) (string, error) {
	args := append([]string{"config"}, how...)
	return r.line(ctx, append(args, "--get", key)...)
}

// plainURL is the remote without credentials.
func (r *Repository) plainURL() string { return WithoutCredentials(r.options.URL) }
