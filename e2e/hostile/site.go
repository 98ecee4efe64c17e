//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// battery is all that is tried, and on what.
type battery struct {
	*lab.Lab
	options

	out    io.Writer
	trap   *atomic.Int32
	ledger *ledger
	tally  *tally
	began  time.Time
	// dir is the program's folder. front has the folders in which its pulumiscale is looked for first. server is the
	// one that runs.
	dir    string
	front  []string
	server *lab.Server
	judge  *judge
	client *http.Client
	// elsewhere are operations that are not in the journal of the server that runs.
	elsewhere map[string]bool
}

// initial is the size of every pool at first, far from the guardrails. most is its rule's max.
const (
	initial = 100
	most    = 400
)

func pools() []lab.Pool {
	pools := []lab.Pool{{Name: poolSum}, {Name: poolAlerts}, {Name: poolHeld}}
	for i := range pools {
		pools[i].Size, pools[i].Max, pools[i].Rule = initial, most, "cooldown: 0s"
	}
	return pools
}

// setTrap makes a proxy for all that a server might ask elsewhere. It counts the requests and hangs up, so that nothing
// leaves this machine.
func setTrap(ctx context.Context) (*atomic.Int32, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	caught := &atomic.Int32{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			caught.Add(1)
			_ = conn.Close()
		}
	}()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		err = errors.Join(err, os.Setenv(name, "http://"+listener.Addr().String()))
	}
	return caught, errors.Join(err, os.Unsetenv("NO_PROXY"), os.Unsetenv("no_proxy"))
}

// open deploys the program.
func (b *battery) open(ctx context.Context) (err error) {
	if b.root, err = filepath.Abs(b.root); err != nil {
		return err
	}
	if b.program != "" {
		b.front = []string{filepath.Join(b.root, b.program)}
	}
	b.judge = &judge{paths: []string{b.Path(), b.root}}
	b.client = &http.Client{Timeout: answerTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	b.dir, err = b.Deploy(ctx, lab.Program{Name: "hostile", Pools: pools()})
	b.say("deployed")
	return err
}

// start starts a server.
func (b *battery) start(ctx context.Context, front []string, args ...string) (err error) {
	b.server, err = b.Serve(ctx, b.dir, front, args...)
	return err
}

// address is where the server listens.
func (b *battery) address() string {
	_, address, _ := strings.Cut(b.server.URL, "://")
	return address
}

// stop ends the server as an init system does, and looks at its log.
func (b *battery) stop(name string) error {
	var faults []string
	if err := b.server.Stop(); err != nil {
		faults = append(faults, "it ends with "+err.Error())
	}
	text, err := os.ReadFile(b.server.Log)
	if err != nil {
		return err
	}
	faults = append(faults, b.judge.log(text)...)
	b.say("%s: the log has %d kB", name, len(text)>>10)
	if n := b.trap.Load(); n > 0 {
		faults = append(faults, fmt.Sprintf("it asked somebody elsewhere, %d times", n))
	}
	b.tally.count("servers", name, true, "its log is "+b.server.Log, faults)
	b.server = nil
	return nil
}

func (b *battery) abort() error {
	if b.server == nil {
		return nil
	}
	return b.server.Abort()
}

// get asks the server that runs, and reads JSON.
func (b *battery) get(ctx context.Context, path string, into any) error {
	status, body, err := b.ask(ctx, http.MethodGet, path, "")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: %d %.200s", path, status, body)
	}
	return json.Unmarshal(body, into)
}

// ask asks the server that runs, as a sender who means well does.
func (b *battery) ask(ctx context.Context, method, path, body string) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, b.server.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+lab.Token)
	request.Header.Set("Content-Type", "application/json")
	response, err := b.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// add adds to the pool of deltas as a sender who means well does. It says what is wrong with the answer.
func (b *battery) add(ctx context.Context, delta int) []string {
	status, body, err := b.ask(ctx, http.MethodPost, scaleSum, fmt.Sprintf(`{"delta":%d}`, delta))
	if err != nil {
		return []string{"no answer: " + err.Error()}
	}
	faults := b.ledger.note(attack{delta: delta}, answer{body: body})
	if status != http.StatusAccepted {
		faults = append(faults, fmt.Sprintf("answered with %d: %.200s", status, body))
	}
	return faults
}

// settleTimeout is how long it may take to carry out what was accepted.
const settleTimeout = 90 * time.Second

// settle waits until the server has nothing left to do. It holds what the server has done against what it has answered.
func (b *battery) settle(ctx context.Context, name string) error {
	type operation struct {
		ID, Pool, State, Result, Error string
		Decision                       struct{ Reason string }
	}
	// Two deltas that come together and add up to nothing are carried out by doing nothing.
	cancelled := func(op operation) bool {
		return op.Result == "no-change" && strings.Contains(op.Decision.Reason, "cancel each other out")
	}
	var all struct{ Open, Done []operation }
	for deadline := time.Now().Add(settleTimeout); ; time.Sleep(200 * time.Millisecond) {
		if err := b.get(ctx, "/operations?limit=1000", &all); err != nil {
			return err
		}
		if len(all.Open) == 0 {
			break
		}
		if time.Now().After(deadline) {
			b.tally.count("servers", name, true, "", []string{fmt.Sprintf("%d operations have not ended after %s, such as %+v", len(all.Open), settleTimeout, all.Open[0])})
			return nil
		}
	}
	var faults []string
	ended := map[string]bool{}
	for _, op := range all.Done {
		ended[op.ID] = true
		switch {
		case !b.ledger.has(op.ID):
			faults = append(faults, fmt.Sprintf("there is an operation of which no answer told: %+v", op))
		case op.Result == "failed", op.Result == "unverified", op.Pool == poolSum && op.Result != "scaled" && !cancelled(op) && b.ledger.moves(op.ID):
			faults = append(faults, fmt.Sprintf("an accepted operation was not carried out: %+v", op))
		}
	}
	for _, id := range b.ledger.ids() {
		if !ended[id] && !b.elsewhere[id] {
			if err := b.get(ctx, "/operations/"+id, &operation{}); err != nil {
				faults = append(faults, fmt.Sprintf("an accepted operation is lost: %v", err))
			}
		}
	}
	b.tally.count("servers", name+": what was accepted", true, "", faults)
	return nil
}

// agree holds these against each other: what the accepted requests add up to, the config file, the last update, the
// state and the workers.
func (b *battery) agree(ctx context.Context) error {
	for _, p := range pools() {
		counts, err := b.Counts(ctx, b.dir, "hostile", p.Name)
		if err != nil {
			return err
		}
		var faults []string
		if counts.File != counts.Workers || counts.History != counts.Workers || counts.State != counts.Workers {
			faults = append(faults, fmt.Sprintf("file, history, state and workers do not agree: %+v", counts))
		}
		want := map[string]int{poolSum: initial + b.ledger.sum(), poolHeld: initial, poolAlerts: counts.Workers}[p.Name]
		if counts.Workers != want {
			faults = append(faults, fmt.Sprintf("it has %d workers, and what was accepted makes %d", counts.Workers, want))
		}
		b.say("pool %s: %+v", p.Name, counts)
		b.tally.count("counts", p.Name, true, "", faults)
	}
	text, err := b.Exec(ctx, b.dir, nil, "pulumi", "stack", "history", "--json", "--page-size", "200", "--page", "1")
	if err != nil {
		return err
	}
	var updates []struct{ Message string }
	if err := json.Unmarshal([]byte(text), &updates); err != nil {
		return err
	}
	var faults []string
	for _, u := range updates {
		for _, fault := range b.judge.text(u.Message) {
			faults = append(faults, fmt.Sprintf("the message of an update: %s: %.200q", fault, u.Message))
		}
	}
	b.tally.count("counts", "messages of updates", true, "", faults)
	return nil
}
