//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// scarce is the server that has a small disk for its state, and few descriptors.
const scarce = "scarcity"

// mostFiles is how many descriptors it may have. The engine inherits the limit and needs some too.
const mostFiles = 128

// onSmallDisk is a shell's command line. It runs a program on a small disk for what the program writes down, which
// nobody else sees.
const onSmallDisk = `exec unshare %s --mount sh -c 'mkdir -p "$0" && mount -t tmpfs -o size=3m,mode=0700 hostile "$0" && exec "$@"' .pulumiscale `

// frontFor writes a script that takes the place of pulumiscale. It runs pulumiscale with few descriptors, and on a
// small disk if that is possible.
func (b *battery) frontFor(ctx context.Context) (front []string, disk bool, err error) {
	program := filepath.Join(b.root, "bin", "pulumiscale")
	if len(b.front) > 0 {
		program = filepath.Join(b.front[0], "pulumiscale")
	}
	flags := ""
	if os.Geteuid() != 0 {
		flags = "--user --map-root-user"
	}
	enter := fmt.Sprintf(onSmallDisk, flags)
	try := exec.CommandContext(ctx, "sh", "-c", enter+"true")
	if try.Dir, err = os.MkdirTemp(b.Path(), "try-"); err != nil {
		return nil, false, err
	}
	if disk = try.Run() == nil; !disk {
		enter = "exec "
	}
	dir := b.Path("scarce")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %d\n%s'%s' \"$@\"\n", mostFiles, enter, program)
	err = errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "pulumiscale"), []byte(script), 0o755))
	return []string{dir}, disk, err
}

// tryScarcity takes disk and descriptors away from a server, and gives them back.
func (b *battery) tryScarcity(ctx context.Context) error {
	const disk, files = "a full disk", "no descriptors left"
	if !b.wants(disk, "") && !b.wants(files, "") {
		return nil
	}
	front, mounts, err := b.frontFor(ctx)
	if err != nil {
		return err
	}
	if err := b.start(ctx, front); err != nil {
		return err
	}
	if b.elsewhere = map[string]bool{}; mounts {
		for _, id := range b.ledger.ids() {
			b.elsewhere[id] = true
		}
	}
	before, err := b.holdings(ctx)
	if err != nil {
		return err
	}
	switch {
	case !mounts:
		b.tally.skip(disk, "skipped: nothing can be mounted here")
	case b.wants(disk, ""):
		b.fillDisk(ctx, disk)
	}
	if b.wants(files, "") {
		b.takeFiles(ctx, files)
	}
	if err := b.settle(ctx, scarce); err != nil {
		return err
	}
	b.compare(ctx, scarce, before)
	return b.stop(scarce)
}

// tries is how many requests are sent while the disk is full. The journal may have room left in its file for some.
const tries = 40

// fillDisk fills the disk of what is written down, under the server's feet.
func (b *battery) fillDisk(ctx context.Context, kind string) {
	count := func(name string, faults []string) {
		b.tally.count(kind, name, true, "fill the disk of --state-dir, then POST "+scaleSum, faults)
	}
	count("before", b.add(ctx, 1))
	filler := filepath.Join("/proc", fmt.Sprint(b.server.PID()), "root", b.dir, ".pulumiscale", "filler")
	if err := fill(filler); err != nil {
		count("fill it", []string{err.Error()})
		return
	}
	b.askOnFullDisk(ctx, kind)
	for path, want := range map[string]int{"/readyz": http.StatusServiceUnavailable, "/healthz": http.StatusOK, "/status": http.StatusOK} {
		var faults []string
		if status, body, err := b.ask(ctx, http.MethodGet, path, ""); status != want {
			faults = []string{fmt.Sprintf("%s answers with %d, want %d: %.200s %v", path, status, want, body, err)}
		}
		count("GET "+path, faults)
	}
	if err := os.Remove(filler); err != nil {
		count("make room", []string{err.Error()})
	}
	count("a request, once there is room", insist(func() []string { return b.add(ctx, 1) }))
	count("ready, once there is room", insist(func() []string {
		if status, body, err := b.ask(ctx, http.MethodGet, "/readyz", ""); status != http.StatusOK {
			return []string{fmt.Sprintf("/readyz answers with %d: %.200s %v", status, body, err)}
		}
		return nil
	}))
}

// insist tries until nothing is wrong, or until restTimeout is over.
func insist(try func() []string) (faults []string) {
	for deadline := time.Now().Add(restTimeout); time.Now().Before(deadline); time.Sleep(250 * time.Millisecond) {
		if faults = try(); len(faults) == 0 {
			break
		}
	}
	return faults
}

// askOnFullDisk asks until some are refused.
func (b *battery) askOnFullDisk(ctx context.Context, kind string) {
	refused := 0
	for i := range tries {
		status, body, err := b.ask(ctx, http.MethodPost, scaleSum, `{"delta":1}`)
		var faults []string
		switch {
		case err != nil:
			faults = []string{"no answer: " + err.Error()}
		case status == http.StatusServiceUnavailable:
			refused++
		case status != http.StatusAccepted:
			faults = []string{fmt.Sprintf("answered with %d: %.300s", status, body)}
		}
		faults = append(faults, b.ledger.note(attack{delta: 1}, answer{body: body})...)
		b.tally.count(kind, fmt.Sprint("request ", i+1), status == http.StatusAccepted, "", append(faults, b.judge.text(string(body))...))
		if refused == 3 {
			break
		}
	}
	if refused == 0 {
		b.tally.count(kind, "refusals", false, "", []string{fmt.Sprintf("%d requests were accepted on a full disk", tries)})
	}
}

// fill writes a file until its disk is full.
func fill(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	for _, size := range []int{1 << 16, 1 << 9, 1} {
		for block := make([]byte, size); err == nil; {
			_, err = file.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		err = nil
	}
	return nil
}

// fewFiles are fewer descriptors than it takes to start an engine and to follow it. What the server looks at by itself
// frees some for a moment.
const fewFiles = 8

// takeFiles holds connections until the server has no descriptor left. It asks the server over one of them, so that the
// server must start an engine without.
func (b *battery) takeFiles(ctx context.Context, kind string) {
	count := func(name string, faults []string) {
		b.tally.count(kind, name, true, fmt.Sprintf("ulimit -n %d, and hold as many connections", mostFiles), faults)
	}
	first, conns, err := b.holdFiles(ctx)
	if err != nil {
		count("connect", []string{err.Error()})
		return
	}
	defer func() { _ = first.Close() }()
	time.Sleep(time.Second)
	left := mostFiles
	if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.server.PID())); err == nil {
		left -= len(open)
	}
	var faults []string
	if left > fewFiles {
		faults = append(faults, fmt.Sprintf("%d descriptors are left", left))
	}
	count("none are left", faults)
	a := attack{text: posted(scaleSum, `{"delta":1}`), delta: 1}
	r := exchange(first, a)
	faults = b.judge.faults(attack{text: a.text, want: []int{http.StatusAccepted, http.StatusServiceUnavailable}}, r)
	for _, got := range r.answers {
		faults = append(faults, b.ledger.note(a, got)...)
	}
	count("a request over a connection that it has", faults)
	time.Sleep(2 * time.Second) // an engine is to be started without
	for _, conn := range conns {
		_ = conn.Close()
	}
	for i := range 3 {
		count(fmt.Sprint("afterwards, request ", i+1), b.add(ctx, 1))
	}
	text, err := os.ReadFile(b.server.Log)
	faults = nil
	if n := strings.Count(string(text), "too many open files"); err != nil || n > 100 {
		faults = []string{fmt.Sprintf("the log says %d times that there are too many open files: %v", n, err)}
	}
	count("the log", faults)
}

// holdFiles holds more connections than the server can have descriptors for. The server surely has the first one.
func (b *battery) holdFiles(ctx context.Context) (first net.Conn, more []net.Conn, err error) {
	hold := raw("GET /healthz HTTP/1.1", "", hostHeader)
	if first, err = (&net.Dialer{}).DialContext(ctx, "tcp", b.address()); err != nil {
		return nil, nil, err
	}
	in := bufio.NewReader(first)
	if _, err = io.WriteString(first, hold); err == nil {
		_, err = readAnswer(in, http.MethodGet)
	}
	for range 2 * mostFiles {
		conn, dialErr := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", b.address())
		if dialErr != nil {
			break
		}
		_, _ = io.WriteString(conn, hold) // a client that is not let in is not answered
		more = append(more, conn)
	}
	return first, more, err
}
