package webhook

import (
	"net/http"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/queue"
)

func TestOperationsAreCancelled(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		running := r.post("/scale/worker?count=5", nil).is(http.StatusAccepted).operation()
		time.Sleep(time.Second)
		waiting := r.post("/scale/api?count=5", nil).is(http.StatusAccepted).operation()
		r.call(http.MethodDelete, "/operations/"+running, nil).is(http.StatusConflict, "Cannot be cancelled", "it is being carried out", `"state":"running"`)
		for range 2 {
			r.call(http.MethodDelete, "/operations/"+waiting, nil).is(http.StatusOK, `"result":"cancelled"`, `"state":"done"`)
		}
		r.call(http.MethodDelete, "/operations/none", nil).is(http.StatusNotFound)
		r.done(running, string(queue.FinalScaled))
		r.call(http.MethodDelete, "/operations/"+running, nil).is(http.StatusConflict, "it is done: scaled")
		r.done(waiting, string(queue.FinalCancelled))
		if r.stack.values["api"] != 2 {
			t.Error("it was carried out all the same")
		}
		r.call(http.MethodDelete, "/operations/"+waiting, nil, "Authorization", "Bearer wrong").is(http.StatusUnauthorized)
		r.call(http.MethodDelete, "/pools", nil).is(http.StatusMethodNotAllowed)
		r.call(http.MethodPost, "/operations/"+waiting, nil).is(http.StatusMethodNotAllowed, "DELETE")
	})
}
