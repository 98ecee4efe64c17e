//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
)

// world is a place of its own with a deployed stack, two checkouts of its program, and a server.
type world struct {
	*campaign
	dir, name string
	// place is where the backend is, and store is what it holds. The campaign's own server, if there is one, is states.
	place  *backend.Place
	store  backend.Objects
	server *server
	story  *story
	// undo ends what was done to the backend's server. It is nil if nothing was.
	undo func() error
	// rounds is how many rounds it has seen.
	rounds int
	// edition is what is deployed. Between two rounds it is also what stands in the server's checkout.
	edition edition
	// loopEdition is that of the second stack.
	loopEdition loopEdition
	// team is that of a round with git; nil in others.
	team *team
}

// The folders of a world. A backend that is a folder has its own disk, so that it can be moved away and its disk can be
// filled.
func (w *world) program() string       { return filepath.Join(w.dir, "program") }
func (w *world) copy() string          { return filepath.Join(w.dir, "copy") }
func (w *world) bare() string          { return filepath.Join(w.dir, "bare") }
func (w *world) disk() string          { return filepath.Join(w.dir, "disk") }
func (w *world) backendFolder() string { return filepath.Join(w.dir, "disk", "backend") }
func (w *world) cloud() string         { return filepath.Join(w.dir, "cloud") }
func (w *world) faults() string        { return filepath.Join(w.cloud(), "faults.json") }
func (w *world) clock() string         { return filepath.Join(w.dir, "clock") }

// state is the server's folder for its own files.
func (w *world) state() string {
	if w.team != nil {
		return w.team.state()
	}
	return filepath.Join(w.dir, "state")
}

// config is the server's config file.
func (w *world) config() string {
	if w.team != nil {
		return w.team.config()
	}
	return filepath.Join(w.program(), configName)
}

// plain is where somebody's plain `pulumi up` is run after a round.
func (w *world) plain() string {
	if w.team != nil {
		return programIn(w.team.ci())
	}
	return w.program()
}

// mark is in the environment of all the world's processes.
func (w *world) mark() string { return "CAMPAIGN_WORLD=" + w.dir }

// env is the environment of all that runs in the world. Nothing of the user's Pulumi is in reach.
func (w *world) env() []string {
	var out []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PULUMI") && !strings.HasPrefix(variable, "PATH=") && !strings.HasPrefix(variable, "TMPDIR=") {
			out = append(out, variable)
		}
	}
	out = append(out, w.place.Env...)
	path := []string{w.bin, os.Getenv("PATH")}
	if w.language == typescript {
		path = []string{w.bin, w.tool("nodejs"), os.Getenv("PATH")}
		out = append(out, "PULUMI_NODEJS_TRANSPILE_ONLY=true") // its types are right, and checking them takes seconds
	}
	return append(out, w.mark(), "PATH="+strings.Join(path, string(os.PathListSeparator)), "TMPDIR="+filepath.Join(w.dir, "tmp"),
		"HOME="+filepath.Join(w.dir, "home"), "PULUMI_HOME="+filepath.Join(w.dir, "home", ".pulumi"), "PULUMI_BACKEND_URL="+w.place.URL,
		"PULUMI_STACK="+stackName, "PULUMI_CONFIG_PASSPHRASE=campaign", "PULUMI_SKIP_UPDATE_CHECK=true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true", "LOCALCLOUD_FOLDER="+w.cloud(), "CAMPAIGN_CLOCK="+w.clock(),
		"PULUMISCALE_RETRIES=3", "PULUMISCALE_RETRY_DELAY=100ms", "PULUMISCALE_BACKEND_TIMEOUT="+backendTimeout.String(), "GORACE=atexit_sleep_ms=0 exitcode=66", "NO_COLOR=1", "GOGC=400",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=campaign", "GIT_AUTHOR_EMAIL=campaign@example.com",
		"GIT_COMMITTER_NAME=campaign", "GIT_COMMITTER_EMAIL=campaign@example.com")
}

// run runs a command in one of the world's folders.
func (w *world) run(ctx context.Context, dir, name string, args ...string) (string, error) {
	return w.children.run(ctx, dir, w.env(), name, args...)
}

// pulumi runs the Pulumi CLI.
func (w *world) pulumi(ctx context.Context, dir string, args ...string) (string, error) {
	return w.run(ctx, dir, filepath.Join(w.bin, "pulumi"), append([]string{"--non-interactive", "--color", "never"}, args...)...)
}

// plainUp is the `pulumi up` of somebody else.
func (w *world) plainUp(ctx context.Context, dir string) (string, error) {
	return w.pulumi(ctx, dir, "up", "--yes", "--skip-preview", "--stack", stackName)
}

// backendTimeout is how long the backend may take to answer pulumiscale any one question.
const backendTimeout = 10 * time.Second

// makeTemplate deploys the stack that every world begins as a copy of.
func (c *campaign) makeTemplate(ctx context.Context) error {
	w := &world{campaign: c, dir: filepath.Join(c.base, "template"), story: newStory()}
	for _, dir := range []string{w.program(), w.disk(), w.cloud(), w.state(), filepath.Join(w.dir, "home"), filepath.Join(w.dir, "tmp")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := w.openPlace(ctx, templatePlace, ""); err != nil {
		return err
	}
	err := errors.Join(
		os.WriteFile(filepath.Join(w.program(), "Pulumi.yaml"), []byte(programText(firstEdition(), nil)), 0o644),
		os.WriteFile(w.config(), []byte(configText()), 0o644),
		os.WriteFile(filepath.Join(w.program(), ".gitignore"), []byte(".pulumiscale/\n"), 0o644),
	)
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"stack", "init", stackName},
		{"config", "set", "--stack", stackName, "--secret", "pulumiscale:token", token},
		{"up", "--yes", "--skip-preview", "--stack", stackName},
	} {
		if _, err := w.pulumi(ctx, w.program(), args...); err != nil {
			return fmt.Errorf("deploy the stack: %w", err)
		}
	}
	if err := w.makeLoop(); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-q", "-m", "deployed"}, {"tag", homeTag}} {
		if _, err := w.run(ctx, w.program(), "git", args...); err != nil {
			return err
		}
	}
	for _, dir := range []string{w.copy(), w.bare()} {
		if _, err := w.run(ctx, w.dir, "cp", "-a", w.program(), dir); err != nil {
			return err
		}
	}
	return errors.Join(os.RemoveAll(filepath.Join(w.bare(), ".git")), w.closePlace(false))
}

// newWorld makes a world. Its bare checkout is in no repository.
func (c *campaign) newWorld(ctx context.Context, name string) (*world, error) {
	w := &world{campaign: c, name: name, dir: filepath.Join(c.base, name), story: newStory(), edition: firstEdition()}
	template := filepath.Join(c.base, "template")
	if err := os.Mkdir(w.dir, 0o755); err != nil {
		return nil, err
	}
	if c.mounts {
		// The disks are small, so that they are soon full: a hundred updates take 5 MB.
		if err := errors.Join(mountDisk(w.disk(), "size=48m"), mountDisk(w.state(), "size=4m")); err != nil {
			return nil, err
		}
	}
	if err := w.openPlace(ctx, name, templatePlace); err != nil {
		return nil, err
	}
	_, err := w.run(ctx, template, "cp", "-a", ".", w.dir)
	return w, err
}

// close ends all that runs in the world, and removes it.
func (w *world) close() {
	if w.server != nil {
		w.server.kill()
	}
	w.killAll()
	w.heal()
	if err := w.closePlace(true); err != nil {
		w.say("note: the backend of %s stays: %v", w.name, err)
	}
	if w.mounts {
		_ = unmount(w.disk())
		_ = unmount(w.state())
	}
	_ = os.RemoveAll(w.dir)
}

// killAll kills what still runs in the world, and waits until it is gone.
func (w *world) killAll() {
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) && strike(w.mark(), 9, func(member) bool { return true }) > 0 {
		time.Sleep(20 * time.Millisecond)
	}
}

// picture reads the stack's files.
func (w *world) picture() (picture, error) { return w.pictureWith(w.config()) }

// pictureWith reads the stack's files, with another config file.
func (w *world) pictureWith(config string) (picture, error) {
	return take(places{config: config, store: w.store, cloud: w.cloud()})
}

// heal undoes every fault that the world may have. It lets no engine go on: who suspends one does so, and PulumiScale holds
// its own while it finds out whether somebody was faster.
func (w *world) heal() {
	_ = os.Remove(w.faults())
	if w.team != nil {
		w.team.giveRemote()
	}
	if w.undo != nil {
		if err := w.undo(); err != nil {
			w.story.tell("the backend is not healed: %v", err)
		}
		w.undo = nil
	}
	w.restoreDisks()
	if w.mounts {
		_ = thaw(w.config())
	}
}

// save copies the world to a folder that stays. It leaves out what somebody removes meanwhile.
func (w *world) save(ctx context.Context, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	if _, err := w.run(ctx, w.dir, "cp", "-a", ".", to); err != nil {
		w.story.tell("not all of the world is kept: %v", err)
	}
	if err := w.savePlace(filepath.Join(to, "backend")); err != nil {
		w.story.tell("not all of the backend is kept: %v", err)
	}
	return os.WriteFile(filepath.Join(to, "story.txt"), []byte(w.story.String()), 0o644)
}

// story is what happened in a world, with the time since the round began.
type story struct {
	mu    sync.Mutex
	began time.Time
	lines []string
}

func newStory() *story { return &story{began: time.Now()} }

// begin starts a round's story.
func (s *story) begin(title string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began, s.lines = time.Now(), []string{title}
}

// tell adds a line.
func (s *story) tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf("%7.3fs  ", time.Since(s.began).Seconds())+strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (s *story) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n") + "\n"
}
