package webhook

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pulumiscale/pulumiscale/webhook/dialect"
)

// A dialect whose proof the server does not know is not taken for one that needs none.
func TestAProofThatIsNotKnownLetsNothingThrough(t *testing.T) {
	request := httptest.NewRequest(http.MethodPost, "/webhook/worker/pager", http.NoBody)
	_, err := new(Server).prove(request, dialect.Dialect{Signature: -1}, dialect.Parse([]byte("{}")), "worker")
	if _, ok := errors.AsType[*dialect.ForbiddenError](err); !ok {
		t.Errorf("error %v; want a ForbiddenError", err)
	}
}
