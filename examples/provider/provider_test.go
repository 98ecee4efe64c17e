package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blang/semver"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// cloud is a provider and its empty folder. The tests go through the provider's own protocol, below gRPC.
type cloud struct {
	t      *testing.T
	folder string
	server integration.Server
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{t: t, folder: t.TempDir()}
	t.Setenv("LOCALCLOUD_FOLDER", c.folder)
	c.restart()
	return c
}

// restart starts the provider anew, as each run of the engine does.
func (c *cloud) restart() {
	c.t.Helper()
	provider, err := newProvider()
	if err != nil {
		c.t.Fatal(err)
	}
	c.server, err = integration.NewServer(context.Background(), name, semver.MustParse(version), integration.WithProvider(provider))
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cloud) faults(text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.folder, FaultsFile), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// files is how many workers are in the pool's folder.
func (c *cloud) files(pool string) int {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.folder, pool, "*"))
	if err != nil {
		c.t.Fatal(err)
	}
	return len(files)
}

func urn(kind string) resource.URN {
	return resource.URN("urn:pulumi:test::test::localcloud:index:" + kind + "::x")
}

func pool(size int) property.Map {
	return property.NewMap(map[string]property.Value{
		"name": property.New("pool"), "size": property.New(float64(size)),
	})
}

func (c *cloud) create(size int) (p.CreateResponse, error) {
	return c.server.Create(p.CreateRequest{Urn: urn("Pool"), Properties: pool(size)})
}

func (c *cloud) resize(from, to int) (p.UpdateResponse, error) {
	return c.server.Update(p.UpdateRequest{ID: "pool", Urn: urn("Pool"), State: pool(from), OldInputs: pool(from), Inputs: pool(to)})
}

func size(properties property.Map) int { return int(properties.Get("size").AsNumber()) }

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("want an error with %q, have %v", text, err)
	}
}

func TestPoolLife(t *testing.T) {
	c := newCloud(t)
	for step, test := range []struct{ from, to int }{{0, 3}, {3, 7}, {7, 2}, {2, 0}, {0, 1}} {
		var properties property.Map
		if step == 0 {
			resp, err := c.create(test.to)
			if err != nil {
				t.Fatal(err)
			}
			properties = resp.Properties
		} else {
			resp, err := c.resize(test.from, test.to)
			if err != nil {
				t.Fatal(err)
			}
			properties = resp.Properties
		}
		if size(properties) != test.to || c.files("pool") != test.to {
			t.Errorf("%d to %d: state says %d, %d files", test.from, test.to, size(properties), c.files("pool"))
		}
	}
	if _, err := c.create(1); err == nil {
		t.Error("a pool was created twice")
	}
	if err := c.server.Delete(p.DeleteRequest{ID: "pool", Urn: urn("Pool"), Properties: pool(1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(c.folder, "pool")); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestPoolPreviewChangesNothing(t *testing.T) {
	c := newCloud(t)
	if _, err := c.server.Create(p.CreateRequest{Urn: urn("Pool"), Properties: pool(3), DryRun: true}); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(c.folder); err != nil || len(entries) != 0 {
		t.Errorf("want an empty cloud, have %v, %v", entries, err)
	}
}

func TestPoolReadCountsWhatIsThere(t *testing.T) {
	c := newCloud(t)
	if _, err := c.create(3); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(c.folder, "pool", "worker-0002")); err != nil {
		t.Fatal(err)
	}
	read := p.ReadRequest{ID: "pool", Urn: urn("Pool"), Properties: pool(3), Inputs: pool(3)}
	resp, err := c.server.Read(read)
	if err != nil || size(resp.Properties) != 2 || size(resp.Inputs) != 2 {
		t.Errorf("want 2, have %v, %v, %v", resp.Properties, resp.Inputs, err)
	}
	if err := os.RemoveAll(filepath.Join(c.folder, "pool")); err != nil {
		t.Fatal(err)
	}
	if resp, err := c.server.Read(read); err != nil || resp.ID != "" {
		t.Errorf("want no pool, have %q, %v", resp.ID, err)
	}
}

func TestPoolDiff(t *testing.T) {
	other := pool(3).Set("name", property.New("other"))
	for name, test := range map[string]struct {
		inputs property.Map
		want   map[string]p.DiffKind
	}{
		"the same":                {pool(3), map[string]p.DiffKind{}},
		"a size updates":          {pool(4), map[string]p.DiffKind{"size": p.Update}},
		"a name replaces":         {other, map[string]p.DiffKind{"name": p.UpdateReplace}},
		"inputs the same, not it": {pool(5), map[string]p.DiffKind{"size": p.Update}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			diff, err := c.server.Diff(p.DiffRequest{
				ID: "pool", Urn: urn("Pool"), State: pool(3), OldInputs: pool(5), Inputs: test.inputs,
			})
			if err != nil || len(diff.DetailedDiff) != len(test.want) || diff.HasChanges != (len(test.want) > 0) {
				t.Fatalf("want %v, have %v, %v", test.want, diff, err)
			}
			for field, kind := range test.want {
				if diff.DetailedDiff[field].Kind != kind {
					t.Errorf("%s: want %s, have %s", field, kind, diff.DetailedDiff[field].Kind)
				}
			}
		})
	}
}

func TestCheckRefuses(t *testing.T) {
	c := newCloud(t)
	for kind, inputs := range map[string]map[string]property.Value{
		"Pool":     {"name": property.New("../up"), "size": property.New(-1.0)},
		"Worker":   {"name": property.New("a/b"), "pool": property.New("")},
		"Balancer": {"name": property.New("faults")},
	} {
		resp, err := c.server.Check(p.CheckRequest{Urn: urn(kind), Inputs: property.NewMap(inputs)})
		want := len(inputs)
		if err != nil || len(resp.Failures) != want {
			t.Errorf("%s: want %d failures, have %v, %v", kind, want, resp.Failures, err)
		}
	}
}

func TestFaultsOfAPool(t *testing.T) {
	for name, test := range map[string]struct {
		faults    string
		from, to  int
		wantError string
		wantSize  int  // files, and the size in the state if it is recorded
		partial   bool // the state is recorded
	}{
		"fail changes nothing":               {`{"fail":"no capacity"}`, 3, 5, "no capacity", 3, false},
		"failAfter leaves what was added":    {`{"failAfter":2}`, 3, 9, "failed after 2", 5, true},
		"failAfter leaves what was removed":  {`{"failAfter":2}`, 9, 3, "failed after 2", 7, true},
		"failAfter 0 changes nothing":        {`{"failAfter":0}`, 3, 5, "failed after 0", 3, false},
		"quota stops a scale-out":            {`{"quota":4}`, 3, 9, "quota exceeded: 4 of 4", 4, true},
		"quota does not stop a scale-in":     {`{"quota":1}`, 3, 2, "", 2, false},
		"only spares another pool":           {`{"fail":"x","only":"other"}`, 3, 5, "", 5, false},
		"only hits its pool":                 {`{"fail":"x","only":"pool"}`, 3, 5, "x", 3, false},
		"a misspelt field is named":          {`{"fial":"x"}`, 3, 5, `faults.json: unknown field "fial"`, 3, false},
		"a bad delay is named":               {`{"delay":"fast"}`, 3, 5, `faults.json: delay: want a duration`, 3, false},
		"a number as delay is named":         {`{"delay":3}`, 3, 5, `faults.json: delay: want a duration`, 3, false},
		"a wrong type is named":              {`{"quota":"8"}`, 3, 5, "quota", 3, false},
		"a negative number is named":         {`{"quota":-1}`, 3, 5, "faults.json: quota: want 0 or more", 3, false},
		"an empty file is a mistake":         {``, 3, 5, "faults.json: EOF", 3, false},
		"a malformed file is named":          {`{"fail"`, 3, 5, "faults.json", 3, false},
		"text after the object is a mistake": {`{} {}`, 3, 5, "faults.json: text after", 3, false},
		"an empty object is a healthy cloud": {`{}`, 3, 5, "", 5, false},
		"a delay alone does not disturb it":  {`{"delay":"1ms"}`, 3, 5, "", 5, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			if _, err := c.create(test.from); err != nil {
				t.Fatal(err)
			}
			c.restart()
			c.faults(test.faults)
			resp, err := c.resize(test.from, test.to)
			if test.wantError == "" {
				if err != nil {
					t.Fatal(err)
				}
			} else if resp.PartialState != nil {
				if !test.partial || !strings.Contains(strings.Join(resp.PartialState.Reasons, " "), test.wantError) {
					t.Errorf("unexpected partial state %v", resp.PartialState)
				}
			} else {
				wantError(t, err, test.wantError)
			}
			if (resp.PartialState != nil) != test.partial {
				t.Errorf("partial state: want %v, have %v", test.partial, resp.PartialState)
			}
			if test.partial && size(resp.Properties) != test.wantSize {
				t.Errorf("state: want %d, have %d", test.wantSize, size(resp.Properties))
			}
			if c.files("pool") != test.wantSize {
				t.Errorf("files: want %d, have %d", test.wantSize, c.files("pool"))
			}
		})
	}
}

func TestCreateThatFailsAtOnceLeavesNothing(t *testing.T) {
	c := newCloud(t)
	c.faults(`{"quota":0}`)
	resp, err := c.create(2)
	wantError(t, err, "quota exceeded: 0 of 0")
	if resp.PartialState != nil {
		t.Errorf("unexpected partial state %v", resp.PartialState)
	}
	if _, err := os.Stat(filepath.Join(c.folder, "pool")); !os.IsNotExist(err) {
		t.Errorf("the folder is there: %v", err)
	}
}

func TestCancelEndsDelayAndHang(t *testing.T) {
	for name, faults := range map[string]string{"delay": `{"delay":"1h"}`, "hang": `{"hang":true}`} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			c.faults(faults)
			done := make(chan error, 1)
			go func() {
				_, err := c.create(1)
				done <- err
			}()
			// A cancellation also ends the operations that begin after it, so that there is no need to wait for this
			// one.
			if err := c.server.Cancel(); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-done:
				wantError(t, err, "cancelled")
			case <-time.After(10 * time.Second):
				t.Fatal("still waiting")
			}
		})
	}
}

func TestHangEndsWhenItIsLifted(t *testing.T) {
	c := newCloud(t)
	c.faults(`{"hang":true}`)
	done := make(chan error, 1)
	go func() {
		_, err := c.create(1)
		done <- err
	}()
	c.faults(`{"fail":"and then this"}`)
	select {
	case err := <-done:
		wantError(t, err, "and then this")
	case <-time.After(10 * time.Second):
		t.Fatal("still waiting")
	}
}

func TestWorker(t *testing.T) {
	c := newCloud(t)
	args := property.NewMap(map[string]property.Value{"pool": property.New("pool"), "name": property.New("worker-0")})
	create := p.CreateRequest{Urn: urn("Worker"), Properties: args}
	resp, err := c.server.Create(create)
	if err != nil || resp.ID != "pool/worker-0" || c.files("pool") != 1 {
		t.Fatalf("have %q, %v, %d files", resp.ID, err, c.files("pool"))
	}
	_, err = c.server.Create(create)
	wantError(t, err, "worker pool/worker-0 already exists")

	read := p.ReadRequest{ID: resp.ID, Urn: urn("Worker")}
	if got, err := c.server.Read(read); err != nil || !property.New(got.Properties).Equals(property.New(args)) {
		t.Errorf("want %v, have %v, %v", args, got.Properties, err)
	}
	for range 2 { // the second time it is gone already
		if err := c.server.Delete(p.DeleteRequest{ID: resp.ID, Urn: urn("Worker"), Properties: args}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.server.Read(read); err != nil || got.ID != "" {
		t.Errorf("want no worker, have %q, %v", got.ID, err)
	}
}

func TestBalancerAndLog(t *testing.T) {
	c := newCloud(t)
	args := property.NewMap(map[string]property.Value{"name": property.New("front"), "tag": property.New("blue")})
	created, err := c.server.Create(p.CreateRequest{Urn: urn("Balancer"), Properties: args})
	if err != nil {
		t.Fatal(err)
	}
	green := args.Set("tag", property.New("green"))
	updated, err := c.server.Update(p.UpdateRequest{
		ID: "front", Urn: urn("Balancer"), State: created.Properties, OldInputs: args, Inputs: green,
	})
	if err != nil {
		t.Fatal(err)
	}
	if updates := updated.Properties.Get("updates").AsNumber(); updates != 1 {
		t.Errorf("want 1 update, have %v", updates)
	}
	read, err := c.server.Read(p.ReadRequest{ID: "front", Urn: urn("Balancer")})
	if err != nil || read.Properties.Get("tag").AsString() != "green" {
		t.Errorf("want green, have %v, %v", read.Properties, err)
	}
	if err := c.server.Delete(p.DeleteRequest{ID: "front", Urn: urn("Balancer"), Properties: updated.Properties}); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(c.folder, LogFile))
	if want := "create front\nupdate front\ndelete front\n"; err != nil || string(log) != want {
		t.Errorf("want %q, have %q, %v", want, log, err)
	}
}

func TestBalancerNameReplaces(t *testing.T) {
	c := newCloud(t)
	args := property.NewMap(map[string]property.Value{"name": property.New("front")})
	state := args.Set("updates", property.New(0.0))
	diff, err := c.server.Diff(p.DiffRequest{
		ID: "front", Urn: urn("Balancer"), State: state, OldInputs: args, Inputs: args.Set("name", property.New("back")),
	})
	if err != nil || diff.DetailedDiff["name"].Kind != p.UpdateReplace {
		t.Errorf("want a replacement, have %v, %v", diff, err)
	}
}
