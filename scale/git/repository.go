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

// Options say where a clone is, and what its remote is.
type Options struct {
	// Dir is the folder of the clone. It is made if it is missing, and only its owner may use it. One folder has one
	// remote: whoever opens the folder with a different URL changes the remote for everybody.
	Dir string
	// URL is the remote: a URL, which may hold credentials, or an absolute path.
	URL string
	// Checkout is a checkout of the repository on this machine. Commits are looked for there before the remote is
	// asked. It is "" if there is no checkout.
	Checkout string
	// Timeout is how long the remote may be silent while it is asked something; 0 is [DefaultTimeout].
	Timeout time.Duration
}

// Repository is a clone. It holds no open file. Several goroutines and several processes may call its methods at the
// same time: calls that may not overlap wait for each other, until their context ends.
type Repository struct {
	options Options
	// dir is Options.Dir as an absolute path. git is the path of the bare repository in dir.
	dir, git string
	// batch says that we tell ssh to ask nobody for anything. It is false if somebody has configured which ssh git
	// runs.
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

// repository returns the clone. Its folder need not exist yet.
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

// makeIfMissing makes the bare repository if it is missing. The repository first gets a temporary name, so that
// whatever has the final name is complete. A repository that a power failure has left without its HEAD is renamed, not
// removed: it may hold what somebody has edited.
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

// configure writes the remote into the clone's configuration, without the credentials: each run of git gets the
// credentials in its environment.
func (r *Repository) configure(ctx context.Context) error {
	// Git fails if the key is not set. The value is then "".
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

// setting returns the value that a key of git's configuration has in the clone. If the key is not set, setting returns
// "" and git's error. how are further options of `git config`.
func (r *Repository) setting(ctx context.Context, key string, how ...string) (string, error) {
	args := append([]string{"config"}, how...)
	return r.line(ctx, append(args, "--get", key)...)
}

// plainURL returns the remote's URL without credentials.
func (r *Repository) plainURL() string { return WithoutCredentials(r.options.URL) }
