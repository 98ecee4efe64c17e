package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/stack"
)

const fleetToken = "0123456789abcdef-fleet"

// convoy is a fleet of a test: its file, and its stacks by the last name of their directory.
type convoy struct {
	*running
	dir    string
	mu     sync.Mutex
	stacks map[string]*served
	broken map[string]error
	opened []string
	// secrets counts how often secrets were read.
	secrets, reads atomic.Int32
}

// counted counts what is read of a stack.
type counted struct {
	*served
	convoy *convoy
}

func (c counted) Secrets(ctx context.Context, keys ...string) (map[string]string, error) {
	c.convoy.secrets.Add(1)
	return c.served.Secrets(ctx, keys...)
}

func (c counted) Read(ctx context.Context) (*scale.Snapshot, error) {
	c.convoy.reads.Add(1)
	return c.served.Read(ctx)
}

func newConvoy(t *testing.T, names ...string) *convoy {
	t.Helper()
	c := &convoy{dir: t.TempDir(), stacks: map[string]*served{}, broken: map[string]error{}}
	for i, name := range names {
		s := newServed(t)
		s.secrets = map[string]string{"pulumiscale:token": tokenOf(name)}
		s.count, s.file = i+3, str(fmt.Sprint(i+3))
		c.stacks[name] = s
	}
	if err := os.WriteFile(filepath.Join(c.dir, "token"), []byte(fleetToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.list(t, names...)
	return c
}

func tokenOf(name string) string { return "0123456789abcdef-" + name }

// list writes the fleet's file.
func (c *convoy) list(t *testing.T, names ...string) {
	t.Helper()
	text := "tokenFile: token\nstacks:\n"
	for _, name := range names {
		text += fmt.Sprintf("  - {name: %s, dir: programs/%s, stack: dev}\n", name, name)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "fleet.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *convoy) open(o stack.Options) (openedStack, error) {
	name := filepath.Base(o.Dir)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened = append(c.opened, name+" "+o.Stack)
	if err := c.broken[name]; err != nil {
		return nil, err
	}
	return counted{c.stacks[name], c}, nil
}

// sail starts the server.
func (c *convoy) sail(t *testing.T) {
	t.Helper()
	c.running = launchWith(t, c.open, "--fleet", filepath.Join(c.dir, "fleet.yaml"))
}

// opens waits until stacks are open.
func (c *convoy) opens(n int) {
	c.t.Helper()
	for began := time.Now(); strings.Count(c.log.String(), `"the stack is open"`) < n; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			c.t.Fatalf("%d stacks are not open:\n%s", n, c.log)
		}
	}
}

func (c *convoy) document() board.Fleet {
	c.t.Helper()
	var doc board.Fleet
	if err := json.Unmarshal([]byte(c.wants(http.StatusOK, "GET", "/stacks", fleetToken)), &doc); err != nil {
		c.t.Fatal(err)
	}
	return doc
}

func TestAFleetServesEachStackByItself(t *testing.T) {
	c := newConvoy(t, "shop", "web")
	c.sail(t)
	// Before anything is asked, nothing is read: neither a token nor a stack.
	c.opens(2)
	if c.secrets.Load() > 0 {
		t.Error("a token was read before anybody bore one")
	}
	body := c.wants(http.StatusOK, "GET", "/stacks/shop/pools/worker-pool", tokenOf("shop"))
	if !strings.Contains(body, `"count":3`) {
		t.Error(body)
	}
	body = c.wants(http.StatusOK, "GET", "/stacks/web/pools/worker-pool", fleetToken)
	if !strings.Contains(body, `"count":4`) {
		t.Error(body)
	}
	if c.secrets.Load() != 1 {
		t.Errorf("tokens were read %d times; that of the fleet needs none", c.secrets.Load())
	}
	for _, path := range []string{"/stacks/web/pools", "/stacks", "/", "/metrics", "/stacks/none/pools", "/none", "/stacks/none/", "/stacks//pools"} {
		c.wants(http.StatusUnauthorized, "GET", path, tokenOf("shop"))
	}
	c.wants(http.StatusUnauthorized, "POST", "/-/reload", tokenOf("shop"))
	if body := c.wants(http.StatusNotFound, "GET", "/stacks/none/pools", fleetToken); !strings.Contains(body, "the fleet has no stack none") {
		t.Error(body)
	}
	c.wants(http.StatusNotFound, "GET", "/stacks//pools", fleetToken)
	c.wants(http.StatusNotFound, "GET", "/stacks/shop/none", fleetToken)
	c.wants(http.StatusOK, "GET", "/healthz", "")
	c.wants(http.StatusOK, "GET", "/readyz", "")
	c.wants(http.StatusOK, "GET", "/stacks/shop/healthz", "")
}

func TestAFleetScalesOneStackAndLeavesTheOther(t *testing.T) {
	c := newConvoy(t, "shop", "web")
	c.sail(t)
	c.opens(2)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.address+"/stacks/web/scale/worker-pool?delta=1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+tokenOf("web"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	location := response.Header.Get("Location")
	if response.StatusCode != http.StatusAccepted || !strings.HasPrefix(location, "/stacks/web/operations/") {
		body, _ := io.ReadAll(response.Body)
		t.Fatalf("status %d, location %q: %s", response.StatusCode, location, body)
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if body := c.wants(http.StatusOK, "GET", location, tokenOf("web")); strings.Contains(body, `"result":"scaled"`) {
			break
		} else if time.Since(began) > 20*time.Second {
			t.Fatal(body)
		}
	}
	c.wants(http.StatusNotFound, "GET", strings.Replace(location, "web", "shop", 1), fleetToken)
	if n := len(c.stacks["shop"].changes); n > 0 {
		t.Errorf("the other stack was changed %d times", n)
	}
	metrics := c.wants(http.StatusOK, "GET", "/metrics", fleetToken)
	for _, want := range []string{
		`pulumiscale_operations_total{pool="worker-pool",result="scaled",stack="web"} 1`, `pulumiscale_fleet_stacks{state="open"} 2`,
		`pulumiscale_pool_current{pool="worker-pool",stack="web"} 5`, `pulumiscale_ready{stack="shop"} 0`, "go_goroutines", "pulumiscale_fleet_engine_places 4",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("%s is not among the metrics:\n%s", want, metrics)
		}
	}
	if own := c.wants(http.StatusOK, "GET", "/stacks/web/metrics", tokenOf("web")); !strings.Contains(own, `pulumiscale_pool_current{pool="worker-pool"} 5`) || strings.Contains(own, "go_goroutines") {
		t.Error(own)
	}
}

func TestTheWorstOfAFleetComesFirst(t *testing.T) {
	c := newConvoy(t, "a-sound", "b-broken", "c-sound")
	c.broken["b-broken"] = &scale.SetupError{Problem: "there is no program in " + filepath.Join(c.dir, "programs", "b-broken")}
	c.sail(t)
	c.opens(2)
	c.wants(http.StatusOK, "GET", "/stacks/c-sound/pools", fleetToken)
	var got []string
	for _, s := range c.document().Stacks {
		got = append(got, s.Name+": "+s.State)
	}
	if diff := cmp.Diff([]string{"b-broken: Cannot be opened", "a-sound: Not read yet", "c-sound: Ready"}, got); diff != "" {
		t.Error(diff)
	}
	first := c.document().Stacks[0]
	if first.Problem != "there is no program in b-broken" || first.RetryAt == nil {
		t.Errorf("%+v", first)
	}
	c.wants(http.StatusServiceUnavailable, "GET", "/stacks/b-broken/pools", fleetToken)
	page := c.wants(http.StatusOK, "GET", "/", fleetToken)
	for _, want := range []string{"1 of 3 in trouble", `<a href="stacks/b-broken/">`, "there is no program in b-broken"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the page:\n%s", want, page)
		}
	}
	c.wants(http.StatusOK, "GET", "/page/style.css", fleetToken)
	c.wants(http.StatusOK, "GET", "/stacks/c-sound/", fleetToken)
}

func TestAReloadAddsStacksAndTakesThemAway(t *testing.T) {
	c := newConvoy(t, "shop", "web", "new")
	c.list(t, "shop", "web")
	c.sail(t)
	c.opens(2)
	c.wants(http.StatusNotFound, "GET", "/stacks/new/pools", fleetToken)
	c.list(t, "web", "new")
	body := c.wants(http.StatusOK, "POST", "/-/reload", fleetToken)
	var change struct{ Added, Gone []string }
	if err := json.Unmarshal([]byte(body), &change); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"new"}, {"shop"}}, [][]string{change.Added, change.Gone}); diff != "" {
		t.Error(diff)
	}
	c.wants(http.StatusOK, "GET", "/stacks/new/pools", tokenOf("new"))
	c.wants(http.StatusNotFound, "GET", "/stacks/shop/pools", fleetToken)
	c.log.wait(t, "the stack is closed")
	// A list with a mistake leaves the one in force.
	if err := os.WriteFile(filepath.Join(c.dir, "fleet.yaml"), []byte("tokenFile: token\nstacks: [{name: a}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if body := c.wants(http.StatusConflict, "POST", "/-/reload", fleetToken); !strings.Contains(body, "stacks[0] (a): stack: is missing") {
		t.Error(body)
	}
	c.wants(http.StatusOK, "GET", "/stacks/web/pools", tokenOf("web"))
	// Another one of the fleet's tokens.
	c.list(t, "web")
	if err := os.WriteFile(filepath.Join(c.dir, "token"), []byte(newToken+"\n"+fleetToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.wants(http.StatusOK, "POST", "/-/reload", fleetToken)
	for _, token := range []string{newToken, fleetToken} {
		c.wants(http.StatusOK, "GET", "/stacks", token)
	}
	// A file that somebody empties for a moment takes no token away.
	if err := os.WriteFile(filepath.Join(c.dir, "token"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.wants(http.StatusConflict, "POST", "/-/reload", newToken)
	c.wants(http.StatusOK, "GET", "/stacks", newToken)
}

func TestATokenOfAStackIsReadAgainAfterAReload(t *testing.T) {
	c := newConvoy(t, "shop")
	c.sail(t)
	c.opens(1)
	c.wants(http.StatusOK, "GET", "/stacks/shop/pools", tokenOf("shop"))
	c.stacks["shop"].set(func() { c.stacks["shop"].secrets = map[string]string{"pulumiscale:token": newToken} })
	c.wants(http.StatusUnauthorized, "GET", "/stacks/shop/pools", newToken)
	c.wants(http.StatusOK, "POST", "/-/reload", fleetToken)
	c.wants(http.StatusOK, "GET", "/stacks/shop/pools", newToken)
	c.wants(http.StatusUnauthorized, "GET", "/stacks/shop/pools", tokenOf("shop"))
	// A stack without a token of its own has that of the fleet.
	c.stacks["shop"].set(func() { c.stacks["shop"].secrets = nil })
	c.wants(http.StatusOK, "POST", "/-/reload", fleetToken)
	c.wants(http.StatusUnauthorized, "GET", "/stacks/shop/pools", newToken)
	c.wants(http.StatusOK, "GET", "/stacks/shop/pools", fleetToken)
}

func TestASenderOfAStackThatCannotBeOpenedIsAskedToTryAgain(t *testing.T) {
	c := newConvoy(t, "shop")
	c.broken["shop"] = errors.New("not yet")
	c.sail(t)
	c.log.wait(t, "a stack cannot be opened; it is tried again")
	c.wants(http.StatusServiceUnavailable, "GET", "/stacks/shop/pools", fleetToken)
	c.wants(http.StatusServiceUnavailable, "GET", "/stacks/shop/pools", tokenOf("shop")) // it may be right
	c.wants(http.StatusUnauthorized, "GET", "/stacks/none/pools", tokenOf("shop"))
}

func TestAFleetFinishesItsUpdatesAtTheEnd(t *testing.T) {
	c := newConvoy(t, "shop", "web")
	s := c.stacks["shop"]
	s.updating, s.finish = make(chan struct{}), make(chan struct{})
	c.sail(t)
	c.opens(2)
	c.wants(http.StatusAccepted, "POST", "/stacks/shop/scale/worker-pool?count=6", fleetToken)
	<-s.updating
	c.signals <- syscall.SIGTERM
	c.log.wait(t, "shutting down: no more requests are accepted")
	close(s.finish)
	c.ends()
	if n := len(s.changes); n != 1 || s.count != 6 {
		t.Errorf("%d updates, count %d", n, s.count)
	}
}

func TestAFleetDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("token", fleetToken)
	write("short", "short")
	write("many", strings.Repeat(fleetToken+"\n", 3))
	const stacks = "stacks: [{name: a, dir: a, stack: dev}]\n"
	for name, c := range map[string]struct{ text, want string }{
		"without stacks":         {"tokenFile: token", "stacks: is missing or empty"},
		"without a token's file": {stacks, "tokenFile: is missing"},
		"with none there":        {"tokenFile: none\n" + stacks, "read the fleet's token"},
		"with a short token":     {"tokenFile: short\n" + stacks, "the token has 5 characters"},
		"with three tokens":      {"tokenFile: many\n" + stacks, "more than two lines"},
	} {
		t.Run(name, func(t *testing.T) {
			write("fleet.yaml", c.text)
			term := newTerminal(newFake(), "")
			term.run(t, "serve --listen 127.0.0.1:0 --fleet "+filepath.Join(dir, "fleet.yaml"), exitCodeOf(c.want))
			if text := term.stderr.String(); !strings.Contains(text, c.want) || strings.Contains(text, fleetToken) {
				t.Error(text)
			}
		})
	}
}

func exitCodeOf(want string) int {
	if strings.HasPrefix(want, "read ") {
		return exitFailed
	}
	return exitUsage
}
