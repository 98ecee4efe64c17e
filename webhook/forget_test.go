package webhook

import (
	"net/http"
	"testing"
)

// One server has nothing to forget: there is nobody else whose lock it could remove.
func TestOneServerForgetsNoMachine(t *testing.T) {
	serving(t, func(t *testing.T, r *rig) {
		r.post("/cluster/forget/pulumiscale-2", nil).is(http.StatusBadRequest)
		r.get("/cluster/forget/pulumiscale-2").is(http.StatusMethodNotAllowed)
	})
}
