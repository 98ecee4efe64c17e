package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// wrk loads an address, and returns what it reports.
func (b *bench) wrk(ctx context.Context, url string, p payload, round int) (string, error) {
	script := b.Path("load.lua")
	text := fmt.Sprintf("wrk.method = 'POST'\nlocal n, run = 0, '%08x'\n"+
		"function request()\n  n = n + 1\n  wrk.body = %s\n  return wrk.format()\nend\n"+
		"wrk.headers['Authorization'] = 'Bearer %s'\nwrk.headers['Content-Type'] = 'application/json'\n", round+1, p.lua, lab.Token)
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		return "", err
	}
	return b.Exec(ctx, b.Path(), nil, "wrk", "--threads", "1", "--connections", strconv.Itoa(loadConns),
		"--duration", fmt.Sprintf("%.0fs", loadTime.Seconds()), "--script", script, url)
}

// number is the number that a pattern finds in a text. It is zero if the pattern finds none.
func number(text, pattern string) float64 {
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		return 0
	}
	return n
}

// loadWebhook loads Debian's webhook, which checks the token as well. It returns how many requests webhook took per
// second.
func (b *bench) loadWebhook(ctx context.Context, p payload, round int) (rate float64, err error) {
	hooks := b.Path("hooks.json")
	text := fmt.Sprintf(`[{"id": "scale", "execute-command": "/bin/true", "http-methods": ["POST"], "trigger-rule": {"match": `+
		`{"type": "value", "value": "Bearer %s", "parameter": {"source": "header", "name": "Authorization"}}}}]`, lab.Token)
	if err := os.WriteFile(hooks, []byte(text), 0o644); err != nil {
		return 0, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return 0, err
	}
	_, port, _ := strings.Cut(address, ":")
	cmd := b.Command(ctx, b.Path(), nil, "webhook", "-hooks", hooks, "-ip", "127.0.0.1", "-port", port)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // the error says that a signal ended it
	}()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("webhook does not listen: %w", err)
		}
	}
	out, err := b.wrk(ctx, "http://"+address+"/hooks/scale", p, round)
	if err != nil {
		return 0, err
	}
	if refused := number(out, `Non-2xx or 3xx responses: (\d+)`); refused > 0 {
		return 0, fmt.Errorf("webhook refuses %.0f requests", refused)
	}
	return number(out, `Requests/sec: +([\d.]+)`), nil
}
