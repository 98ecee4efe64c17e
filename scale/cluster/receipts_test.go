package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
)

func mustOpenReceipts(t *testing.T, dir string) *receipts {
	t.Helper()
	r, err := openReceipts(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !r.closed {
			_ = r.close()
		}
	})
	return r
}

func reopenReceipts(t *testing.T, r *receipts) *receipts {
	t.Helper()
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	return mustOpenReceipts(t, r.dir)
}

func line(id, text string) receipt {
	body, _ := json.Marshal(text)
	return receipt{Stack: "stack", ID: id, Operation: body}
}

// recorded is what the receipts are, as in `1="as added"`.
func held(r *receipts) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, id := range slices.Sorted(maps.Keys(r.lines)) {
		text := id + "=" + string(r.lines[id].Operation)
		if r.lines[id].Doubt {
			text += "?"
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestTheReceiptsOutliveTheProcess(t *testing.T) {
	r := mustOpenReceipts(t, t.TempDir())
	doubtful := line("4", "d")
	doubtful.Doubt = true
	if err := r.add([]receipt{line("1", "a"), line("2", "b"), line("3", "c"), doubtful}); err != nil {
		t.Fatal(err)
	}
	r.change("1", []byte(`"begun"`))
	r.change("9", []byte(`"another replica's"`))
	r.end("2")
	r.end("9")
	const want = `1="begun" 3="c" 4="d"?`
	for range 3 {
		if got := held(r); got != want {
			t.Errorf("it has %s", got)
		}
		r = reopenReceipts(t, r)
	}
	if err := r.probe(); err != nil || held(r) != want {
		t.Errorf("after a probe it has %s, %v", held(r), err)
	}
}

// A process that dies, or a disk that lies, leaves lines that are not whole. They are passed over, and so is nothing else.
func TestABrokenLineIsPassedOver(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut off":        func(b []byte) []byte { return b[:len(b)-3] },
		"a changed byte": func(b []byte) []byte { b[len(b)-4]++; return b },
		"rubbish":        func(b []byte) []byte { return append(b[:len(b)-len(line("2", "b").encode())], "rubbish\n\n"...) },
	} {
		t.Run(name, func(t *testing.T) {
			r := mustOpenReceipts(t, t.TempDir())
			if err := r.add([]receipt{line("1", "a"), line("2", "b")}); err != nil {
				t.Fatal(err)
			}
			path := r.path()
			if err := r.close(); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sound := bytes.Index(text, []byte(`"id":"2"`)) > bytes.Index(text, []byte(`"id":"1"`))
			if !sound {
				t.Fatalf("the lines are in another order: %s", text)
			}
			if err := os.WriteFile(path, damage(text), 0o600); err != nil {
				t.Fatal(err)
			}
			r = mustOpenReceipts(t, r.dir)
			if got := held(r); got != `1="a"` {
				t.Errorf("it has %s", got)
			}
			if err := r.add([]receipt{line("3", "c")}); err != nil {
				t.Fatal(err)
			}
			if got := held(reopenReceipts(t, r)); got != `1="a" 3="c"` {
				t.Errorf("afterwards it has %s", got)
			}
		})
	}
}

func TestTheReceiptsStaySmall(t *testing.T) {
	r := mustOpenReceipts(t, t.TempDir())
	big := strings.Repeat("x", 10_000)
	if err := r.add([]receipt{line("kept", "a")}); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for s := range 4 {
		wait.Go(func() {
			for n := range 100 {
				id := fmt.Sprint(s, "-", n)
				if err := r.add([]receipt{line(id, big)}); err != nil {
					t.Error(err)
				}
				r.end(id)
			}
		})
	}
	wait.Wait()
	dir := r.dir
	r = reopenReceipts(t, r)
	info, err := os.Stat(filepath.Join(dir, receiptsName))
	if err != nil || info.Size() > 1000 || held(r) != `kept="a"` {
		t.Errorf("it has %d bytes, %v: %s", info.Size(), err, held(r))
	}
}

func TestReceiptsThatCannotBeWritten(t *testing.T) {
	r := mustOpenReceipts(t, t.TempDir())
	_ = r.file.Close() // as if the disk were gone
	err := r.add([]receipt{line("1", "a")})
	if err == nil || held(r) != "" || strings.Contains(err.Error(), r.dir) {
		t.Errorf("it has %q, %v", held(r), err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openReceipts(file); !scale.IsA[*scale.SetupError](err) {
		t.Errorf("%v", err)
	}
}
