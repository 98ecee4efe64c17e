package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
)

// TestBackends runs the scripts of testdata/backend on each kind of backend, or on the one that $BACKEND names. Each
// kind has a real server, and each script a bucket, a database or a container of its own in it.
func TestBackends(t *testing.T) {
	root := prepared(t)
	kinds := backend.Kinds()
	if kind := os.Getenv("BACKEND"); kind != "" {
		kinds = strings.Fields(kind)
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			server, err := backend.Start(t.Context(), kind, t.TempDir(), filepath.Join(root, ".tools"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := server.Down(); err != nil {
					t.Error(err)
				}
			})
			places := atomic.Int32{}
			testscript.Run(t, params("testdata/backend", root, kind, func(env *testscript.Env) error {
				if err := setup(env, root); err != nil {
					return err
				}
				name := "state" + strconv.Itoa(int(places.Add(1)))
				place, err := server.NewPlace(context.Background(), name)
				if err != nil {
					return err
				}
				stateOf := env.Values[stateKey{}].(*scriptState)
				stateOf.place = place
				env.Setenv("PULUMI_BACKEND_URL", place.URL)
				for _, variable := range place.Env {
					name, value, _ := strings.Cut(variable, "=")
					env.Setenv(name, value)
				}
				env.Values[serverKey{}] = server
				env.Setenv("PULUMISCALE_BACKEND_TIMEOUT", "10s")
				env.Setenv("BACKEND_SCHEME", kind)
				env.Setenv("DATABASE", name) // or bucket, or container
				env.Setenv("BACKEND_PASSWORD", server.Password)
				return nil
			}))
		})
	}
}

type serverKey struct{}

// changeBackend takes the script's backend away, and gives it back:
//
//	backend down         # nothing can be reached
//	backend silent       # connections are taken, and nothing is answered
//	backend slow 20ms    # everything takes so long, each way
//	backend up           # all is well again
//	backend answer 503 SlowDown PUT 3    # S3: so the next three requests of a method are answered; - : all of them
//	backend sql 'ALTER DATABASE ...'     # PostgreSQL: a statement on the server
func changeBackend(ts *testscript.TestScript, neg bool, args []string) {
	place := stateOf(ts).place
	if neg || len(args) == 0 || place == nil {
		ts.Fatalf("usage: backend up|down|silent|slow [DURATION], in a script of testdata/backend")
	}
	if place.Proxy == nil {
		away := place.Dir + ".away"
		switch args[0] {
		case "down":
			ts.Check(os.Rename(place.Dir, away))
		case "up":
			if exists(away) {
				// An engine that had begun may have made the folder anew. Under a file system that is mounted again that is
				// out of sight.
				ts.Check(os.RemoveAll(place.Dir))
				ts.Check(os.Rename(away, place.Dir))
			}
		default:
			ts.Fatalf("a folder cannot be %s", args[0])
		}
		return
	}
	switch args[0] {
	case "answer":
		answer(ts, place, args[1:])
	case "sql":
		ts.Check(ts.Value(serverKey{}).(*backend.Server).SQL(context.Background(), args[1]))
	case "down":
		place.Proxy.Down()
	case "silent":
		place.Proxy.Silence()
	case "up":
		place.Proxy.Up()
	case "slow":
		each, err := time.ParseDuration(args[1])
		ts.Check(err)
		place.Proxy.Delay(each)
	default:
		ts.Fatalf("there is no backend %s", args[0])
	}
}

func answer(ts *testscript.TestScript, place *backend.Place, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: backend answer STATUS CODE METHOD TIMES")
	}
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	times, err := strconv.Atoi(args[3])
	ts.Check(err)
	place.Answer(status, args[1], strings.Trim(args[2], "-"), times)
}

// killUp kills the engine that is at work in the script's folder, once the cloud has as many workers of a pool as told.
// It leaves the plugins alone that the engine has started.
//
//	killup POOL COUNT
func killUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: killup POOL COUNT")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		have, err := filepath.Glob(filepath.Join(ts.MkAbs("cloud"), args[0], "*"))
		ts.Check(err)
		pids := engines(ts)
		if len(pids) == 1 && len(have) == want {
			ts.Check(syscall.Kill(pids[0], syscall.SIGKILL))
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("engines %v, %d workers", pids, len(have))
		}
	}
}

// engines are the processes of `pulumi up` that work in the script's folder.
func engines(ts *testscript.TestScript) []int {
	var out []int
	found, err := filepath.Glob("/proc/[0-9]*")
	ts.Check(err)
	for _, dir := range found {
		words, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue
		}
		line := bytes.Split(words, []byte{0})
		at, err := os.Readlink(filepath.Join(dir, "cwd"))
		if errors.Is(err, os.ErrNotExist) || filepath.Base(string(line[0])) != "pulumi" || !strings.HasPrefix(at, ts.Getenv("WORK")) {
			continue
		}
		for _, word := range line[1:] {
			if string(word) == "up" {
				pid, err := strconv.Atoi(filepath.Base(dir))
				ts.Check(err)
				out = append(out, pid)
			}
		}
	}
	return out
}
