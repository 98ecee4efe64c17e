//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// The name of each stack's pool, and the pool's first count.
const (
	pool    = "workers"
	initial = 40
)

// replica is one of the three replicas. Each has its own copy of each program, as if it were on its own machine.
type replica struct {
	name, dir string
	// listen is the address at which the replica listens for the other replicas. They reach it through site.links.
	listen string
	// isOther says that the replica runs the version of the flag -other.
	isOther bool

	// mu guards server, which is nil while the replica is down.
	mu     sync.Mutex
	server *lab.Server
}

func (r *replica) is(server *lab.Server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server = server
}

// url returns the URL of the replica's server; empty while the replica is down.
func (r *replica) url() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		return ""
	}
	return r.server.URL
}

// site is everything that a campaign works on.
type site struct {
	*lab.Lab
	say      func(format string, args ...any)
	keep     bool
	other    string
	backend  *backend.Server
	place    *backend.Place
	stacks   []string
	programs map[string]string // their folders, by stack
	replicas [3]*replica
	// links are the proxies between the replicas: links[i][j] leads from replica i to replica j.
	links [3][3]*backend.Proxy
	// want is the count that each stack's pool must have, by stack.
	want map[string]int
}

// newSite deploys the stacks and starts the replicas.
func newSite(ctx context.Context, o *options, say func(string, ...any)) (_ *site, err error) {
	l, err := lab.New(o.root, o.tools, "replicas")
	if err != nil {
		return nil, err
	}
	st := &site{Lab: l, say: say, keep: o.keep, other: o.other, programs: map[string]string{}, want: map[string]int{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.close())
		}
	}()
	if err := st.prepare(ctx, o.backend); err != nil {
		return nil, err
	}
	for i := range o.stacks {
		name := fmt.Sprint("stack-", i)
		dir, err := st.Deploy(ctx, lab.Program{
			Name: name, Copied: true, TypeScript: i < o.typeScript, Pools: []lab.Pool{{Name: pool, Size: initial, Max: 100_000, Rule: "cooldown: 0"}},
		})
		if err != nil {
			return nil, err
		}
		st.stacks, st.programs[name], st.want[name] = append(st.stacks, name), dir, initial
		for _, r := range st.replicas {
			if err := copyProgram(dir, filepath.Join(r.dir, name)); err != nil {
				return nil, err
			}
		}
		say("%s is deployed", name)
	}
	var starting sync.WaitGroup
	failed := make([]error, 3)
	for i := range st.replicas {
		starting.Go(func() { failed[i] = st.start(ctx, i) })
	}
	starting.Wait()
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	say("three replicas serve %d stacks, %d of them in TypeScript, whose state is in %s", o.stacks, o.typeScript, o.backend)
	return st, nil
}

// prepare starts the backend, and makes the replicas' folders and the links between the replicas.
func (st *site) prepare(ctx context.Context, kind string) (err error) {
	if kind != backend.File {
		if err := os.Mkdir(st.Path("server"), 0o755); err != nil {
			return err
		}
		if st.backend, err = backend.Start(ctx, kind, st.Path("server"), st.Tools()); err != nil {
			return err
		}
		if st.place, err = st.backend.NewPlace(ctx, "state"); err != nil {
			return err
		}
		st.Lab = st.With(append(st.place.Env, "PULUMI_BACKEND_URL="+st.place.URL)...)
	}
	if err := os.WriteFile(st.Path("secret"), []byte("between-the-replicas-0123456789\n"), 0o600); err != nil {
		return err
	}
	for i := range st.replicas {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		r := &replica{name: fmt.Sprint("replica-", i), listen: l.Addr().String()}
		r.dir = st.Path(r.name)
		st.replicas[i] = r
		if err := errors.Join(l.Close(), os.Mkdir(r.dir, 0o755)); err != nil {
			return err
		}
	}
	for from := range 3 {
		for to, r := range st.replicas {
			if st.links[from][to], err = backend.NewProxy(r.listen); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyProgram copies a program's folder to a folder of a replica.
func copyProgram(from, to string) error {
	return os.CopyFS(to, os.DirFS(from))
}

// start starts a replica and waits until it listens.
func (st *site) start(ctx context.Context, i int) error {
	r := st.replicas[i]
	var list strings.Builder
	list.WriteString("tokenFile: token\nstacks:\n")
	for _, name := range st.stacks {
		fmt.Fprintf(&list, "  - {name: %[1]s, dir: %[1]s, stack: dev}\n", name)
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(r.dir, "fleet.yaml"), []byte(list.String()), 0o644),
		os.WriteFile(filepath.Join(r.dir, "token"), []byte(lab.Token+"\n"), 0o600),
	); err != nil {
		return err
	}
	peers := make([]string, 3)
	for to := range peers {
		peers[to] = st.links[i][to].Address()
	}
	var front []string
	if r.isOther {
		front = []string{st.other}
	}
	server, err := st.Serve(ctx, r.dir, front, "--fleet", "fleet.yaml", "--retry-delay", "200ms",
		"--cluster-peers", strings.Join(peers, ","), "--cluster-listen", r.listen, "--cluster-advertise", "127.0.0.1:1",
		"--cluster-secret-file", st.Path("secret"), "--cluster-dir", filepath.Join(r.dir, "cluster"), "--cluster-replica", r.name)
	if err == nil {
		r.is(server)
	}
	return err
}

// cut silences a replica's links to and from the other replicas, and mend restores them.
func (st *site) cut(i int) { st.ways(i, (*backend.Proxy).Silence) }
func (st *site) mend(i int) {
	st.ways(i, (*backend.Proxy).Down) // a connection that was silent has lost data, so it is cut
	st.ways(i, (*backend.Proxy).Up)
}

func (st *site) ways(i int, do func(*backend.Proxy)) {
	for other := range 3 {
		if other != i {
			do(st.links[i][other])
			do(st.links[other][i])
		}
	}
}

// kill kills a replica. If machine is set, its machine dies: kill also kills the processes that the replica has
// started. It returns the ids of the killed processes.
func (st *site) kill(i int, machine bool) (doomed []int, err error) {
	r := st.replicas[i]
	server := r.server
	r.is(nil)
	doomed = []int{server.PID()}
	if machine {
		doomed = append(doomed, descendants(server.PID())...)
	}
	for _, pid := range doomed {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return nil, err
		}
	}
	_ = server.Stop() // it is killed already: Stop waits for its end
	return doomed, nil
}

var parentOf = regexp.MustCompile(`^\d+ \(.*\) \S (\d+) `)

// descendants returns the ids of the processes that a process has started, and of the processes that these have
// started.
func descendants(of int) []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	children := map[string][]string{}
	for _, file := range stats {
		if text, err := os.ReadFile(file); err == nil {
			if m := parentOf.FindSubmatch(text); m != nil {
				children[string(m[1])] = append(children[string(m[1])], filepath.Base(filepath.Dir(file)))
			}
		}
	}
	var out []int
	for next := children[fmt.Sprint(of)]; len(next) > 0; next = next[1:] {
		var pid int
		if _, err := fmt.Sscan(next[0], &pid); err == nil {
			out = append(out, pid)
		}
		next = append(next, children[next[0]]...)
	}
	return out
}

// forgetLocks does what a person does who knows that a machine is gone for good: it removes the locks of engines that
// have died.
func (st *site) forgetLocks(ctx context.Context, dead []int) (err error) {
	var held backend.Objects = backend.Folder(st.Path("backend"))
	if st.place != nil {
		if held, err = st.backend.Objects(st.place, "replicas"); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	for _, name := range st.stacks {
		locks, err := held.List(backend.LockPrefix(name, "dev"), ".json")
		if err != nil {
			return err
		}
		for _, object := range locks {
			var lock struct{ PID int }
			if json.Unmarshal(object.Text, &lock) != nil || !slices.Contains(dead, lock.PID) {
				continue
			}
			if _, err := st.Exec(ctx, st.programs[name], nil, "pulumi", "cancel", "--yes", "--stack", "dev"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (st *site) close() error {
	var errs []error
	for _, r := range st.replicas {
		if r != nil && r.server != nil {
			_ = syscall.Kill(r.server.PID(), syscall.SIGCONT) // its process may be stopped, and must be continued to end
			errs = append(errs, r.server.Stop())
		}
	}
	for _, links := range st.links {
		for _, link := range links {
			if link != nil {
				errs = append(errs, link.Close())
			}
		}
	}
	if st.place != nil {
		errs = append(errs, st.place.Close())
	}
	if st.backend != nil {
		errs = append(errs, st.backend.Down())
	}
	if st.keep {
		st.say("everything is kept in %s", st.Path())
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, st.Close())...)
}

// settled is the longest time that a replica with nothing to do may need to catch up with the other replicas.
const settled = 90 * time.Second
