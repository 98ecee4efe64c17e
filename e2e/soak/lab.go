package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// token is what the events authenticate with.
const token = "soak-0123456789abcdefghij"

// lab is a place outside the repository with a backend, a deployed program and a server.
type lab struct {
	root, dir string
	env       []string
	url       string
	cmd       *exec.Cmd
	ended     chan struct{}
	endErr    error
}

func newLab(root string) (*lab, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"bin/pulumiscale", ".tools/bin/pulumi"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			return nil, fmt.Errorf("%w: run `make soak`", err)
		}
	}
	dir, err := os.MkdirTemp("", "pulumiscale-soak-")
	if err != nil {
		return nil, err
	}
	l := &lab{root: root, dir: dir}
	for _, name := range []string{"backend", "program", "temp"} {
		if err := os.Mkdir(l.path(name), 0o755); err != nil {
			return nil, err
		}
	}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PULUMI") && !strings.HasPrefix(variable, "PATH=") && !strings.HasPrefix(variable, "TMPDIR=") {
			l.env = append(l.env, variable)
		}
	}
	path := []string{filepath.Join(root, "bin"), filepath.Join(root, ".tools", "bin"), os.Getenv("PATH")}
	l.env = append(l.env, "PATH="+strings.Join(path, string(os.PathListSeparator)), "TMPDIR="+l.path("temp"),
		"PULUMI_HOME="+l.path("home"), "PULUMI_BACKEND_URL=file://"+l.path("backend"),
		"PULUMI_CONFIG_PASSPHRASE=soak", "PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true")
	return l, nil
}

func (l *lab) path(names ...string) string {
	return filepath.Join(append([]string{l.dir}, names...)...)
}

// close removes everything; the server has been stopped.
func (l *lab) close() error { return os.RemoveAll(l.dir) }

// exec runs a program in the program's directory and returns what it printed.
func (l *lab) exec(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "/usr/bin/env", args...) // env finds it on the PATH of the lab
	cmd.Dir, cmd.Env = l.path("program"), l.env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// pool is one of the program's.
type pool struct {
	name string
	// rule is what its rule says besides target, key and guardrails.
	rule string
}

// The pools, by what they are there for.
const (
	// poolSum gets nothing but deltas, so that what it must be at the end is known.
	poolSum = "sum"
	// poolDirect gets counts and deltas, poolAlerts alerts, and poolDefer keeps them for the end of its cooldown.
	poolDirect = "direct"
	poolAlerts = "alerts"
	poolDefer  = "defer"
	poolPaused = "paused"
)

// initial is the size of every pool at first, far from the guardrails, and most is its rule's max.
const (
	initial = 100
	most    = 400
)

func pools() []pool {
	return []pool{
		{poolSum, "cooldown: 0s"},
		{poolDirect, "cooldown: 1s"},
		{poolAlerts, "cooldown: {up: 1s, down: 2s}, strategy: {type: percent, up: 20, down: 10}, triggers: {FewJobs: {direction: down}}"},
		{poolDefer, "cooldown: 2s, onCooldown: defer, triggers: {FewJobs: {direction: down, delta: 3}}"},
		{poolPaused, "paused: true"},
	}
}

// deploy writes the program, with a token, and deploys it.
func (l *lab) deploy(ctx context.Context) error {
	var config, resources, rules, values strings.Builder
	for _, p := range pools() {
		fmt.Fprintf(&config, "  %s-size: {type: integer}\n", p.name)
		fmt.Fprintf(&resources, "  %[1]s:\n    type: localcloud:index:Pool\n    name: %[1]s\n"+
			"    properties: {name: %[1]s, size: \"${%[1]s-size}\"}\n    options: {version: 0.1.0}\n", p.name)
		fmt.Fprintf(&rules, "    %[1]s: {urn: \"${%[1]s.urn}\", configKey: %[1]s-size, min: 0, max: %[2]d, current: \"${%[1]s.size}\", %[3]s}\n",
			p.name, most, p.rule)
		fmt.Fprintf(&values, "  soak:%s-size: %d\n", p.name, initial)
	}
	program := "name: soak\nruntime: yaml\nconfig:\n" + config.String() + "resources:\n" + resources.String() +
		"outputs:\n  pulumiscale:\n" + rules.String()
	if err := errors.Join(
		os.WriteFile(l.path("program", "Pulumi.yaml"), []byte(program), 0o644),
		os.WriteFile(l.path("program", "Pulumi.dev.yaml"), []byte("config:\n"+values.String()+"  localcloud:folder: cloud\n"), 0o644),
	); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"stack", "init", "dev"}, {"config", "set", "--secret", "pulumiscale:token", token}, {"up", "--yes", "--skip-preview"},
	} {
		if _, err := l.exec(ctx, append([]string{"pulumi", "--non-interactive"}, args...)...); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) log() string { return l.path("serve.log") }

// serve starts the server on a free port, and waits until it listens.
func (l *lab) serve(ctx context.Context) error {
	file, err := os.Create(l.log())
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	l.cmd = exec.CommandContext(ctx, filepath.Join(l.root, "bin", "pulumiscale"), "serve", "--listen", "127.0.0.1:0")
	l.cmd.Dir, l.cmd.Env, l.cmd.Stdout, l.cmd.Stderr = l.path("program"), l.env, file, file
	l.cmd.Cancel = func() error { return l.cmd.Process.Signal(syscall.SIGTERM) }
	detach(l.cmd)
	if err := l.cmd.Start(); err != nil {
		return err
	}
	l.ended = make(chan struct{})
	go func() {
		l.endErr = l.cmd.Wait()
		close(l.ended)
	}()
	listening := regexp.MustCompile(`(?m)^\{.*"msg":"listening".*\}$`)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(l.log())
		if err != nil {
			return err
		}
		if line := listening.Find(text); line != nil {
			var entry struct{ Address string }
			l.url = "http://"
			err := json.Unmarshal(line, &entry)
			l.url += entry.Address
			return err
		}
		select {
		case <-l.ended:
			return fmt.Errorf("serve has ended: %w\n%s", l.endErr, text)
		default:
		}
	}
	return errors.New("serve does not listen after a minute")
}

// stopTimeout is how long the server may take to finish its update and end.
const stopTimeout = time.Minute

// stopped ends the server as an init system does, and says whether it did so well, and whether its log has what must never be there.
func (l *lab) stopped() verdict {
	v := verdict{promise: "serve ends on SIGTERM; no panic and no token in its log"}
	err := l.cmd.Process.Signal(syscall.SIGTERM)
	if err == nil {
		select {
		case <-l.ended:
			err = l.endErr
		case <-time.After(stopTimeout):
			err = fmt.Errorf("it runs on after %s", stopTimeout)
		}
	}
	text, readErr := os.ReadFile(l.log())
	if err = errors.Join(err, readErr); err != nil {
		v.breaches = append(v.breaches, err.Error())
	}
	for _, never := range []string{"panic", "DATA RACE", token} {
		if bytes.Contains(text, []byte(never)) {
			v.breaches = append(v.breaches, fmt.Sprintf("the log has %q", never))
		}
	}
	return v
}

// end ends a server of which a promise is broken, by SIGQUIT: its goroutines are then at the end of its log.
func (l *lab) end() error {
	if l.cmd == nil || l.cmd.Process == nil {
		return nil
	}
	select {
	case <-l.ended:
		return nil
	default:
	}
	if err := l.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	<-l.ended
	return nil
}
