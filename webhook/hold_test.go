package webhook

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// kept are holds in memory.
type kept struct {
	mu    sync.Mutex
	holds scale.Holds
}

func (k *kept) Holds() (scale.Holds, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.holds, nil
}

func (k *kept) ChangeHolds(change func(scale.Holds) scale.Holds) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.holds = change(k.holds)
	return nil
}

func TestHoldRoutes(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		pools := func(a *reply) (out []any) {
			t.Helper()
			list, _ := a.is(http.StatusOK).at("holds").([]any)
			for i := range list {
				out = append(out, a.at("holds", i, "pool"))
			}
			return out
		}
		wants := func(a *reply, want ...any) {
			t.Helper()
			if diff := cmp.Diff(want, pools(a)); diff != "" {
				t.Errorf("held are (-want +got):\n%s", diff)
			}
		}
		wants(r.get("/hold"))
		wants(r.post("/hold/worker", `{"for":"30m","reason":"looking"}`), "worker")
		wants(r.post("/hold?for=10m", nil), nil, "worker")
		if got := r.post("/scale/worker?delta=1&force=true", nil).is(http.StatusConflict, `"title":"Held"`, "force does not pass a hold").Header().Get("Retry-After"); got != "1800" {
			t.Errorf("Retry-After is %q", got)
		}
		if got := r.post("/scale/api?delta=1", nil).is(http.StatusConflict).Header().Get("Retry-After"); got != "600" {
			t.Errorf("Retry-After is %q", got)
		}
		r.post("/scale/worker?delta=1&dryRun=true", nil).is(http.StatusOK, `"outcome":"held"`)
		r.get("/pools/worker").is(http.StatusOK, `"hold":{"pool":"worker"`, `"reason":"looking","by":"http"`)
		r.get("/status").is(http.StatusOK, `"holds":[{"since"`)
		r.get("/").is(http.StatusOK, "Held", "is held until")
		r.get("/metrics").is(http.StatusOK, `pulumiscale_held{pool="api"} 1`)
		wants(r.call(http.MethodDelete, "/hold", nil), "worker")
		wants(r.call(http.MethodDelete, "/hold/gone", nil), "worker")
		r.post("/scale/api?delta=1", nil).is(http.StatusAccepted)
		r.get("/metrics").is(http.StatusOK, `pulumiscale_held{pool="api"} 0`)
		time.Sleep(time.Hour)
		wants(r.get("/hold"))
		r.post("/hold/wroker?for=1m", nil).is(http.StatusNotFound)
		r.post("/hold?for=1ms", nil).is(http.StatusBadRequest, `"field":"for"`)
		r.post("/hold?for=1000h", nil).is(http.StatusBadRequest, `"field":"for"`)
		r.call(http.MethodPut, "/hold", nil).is(http.StatusMethodNotAllowed)
	})
}
